"""The frames of an animation as files: their names, and what is read back from them."""

from pathlib import Path

import numpy as np
from PIL import Image

from .conventions import linear_to_srgb
from .errors import InputError
from .outputs.provenance import MADE_OF


def frame_name(number: int, kind: str) -> str:
    """frame_0001.png and so on."""
    return f"frame_{number:04d}.{kind}"


def made_of(path: Path) -> str | None:
    """The note of what a PNG or EXR frame was drawn from; None where there is no such file or note."""
    if not path.is_file():
        return None
    try:
        if path.suffix == ".exr":
            import OpenEXR

            with OpenEXR.File(str(path), header_only=True) as file:
                return file.header().get(MADE_OF)
        with Image.open(path, formats=("PNG",)) as image:
            return image.info.get(MADE_OF)
    except (OSError, ValueError, SyntaxError, RuntimeError):
        return None


def read_frame(path: Path) -> tuple[np.ndarray, str]:
    """RGBA [H, W, 4] float32 (straight, sRGB-encoded, 0..1) and the provenance note; InputError where unreadable."""
    if not path.is_file():
        raise InputError(f"There is no frame {path}: draw it with `animate` first.")
    try:
        return _read_exr(path) if path.suffix == ".exr" else _read_png(path)
    except (OSError, ValueError, SyntaxError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read as a frame ({error}): delete it and draw it again.") from error


def _read_png(path: Path) -> tuple[np.ndarray, str]:
    with Image.open(path, formats=("PNG",)) as image:
        return np.asarray(image.convert("RGBA"), np.float32) / 255.0, str(image.info["Description"])


def _read_exr(path: Path) -> tuple[np.ndarray, str]:
    import OpenEXR

    with OpenEXR.File(str(path)) as file:
        premultiplied = file.channels()["RGBA"].pixels.astype(np.float32)
        provenance = str(file.header()["comments"])
    opacity = premultiplied[..., 3:]
    colour = premultiplied[..., :3] / np.maximum(opacity, 1e-6)
    return np.concatenate([linear_to_srgb(np.clip(colour, 0.0, 1.0)), opacity], axis=-1), provenance
