"""The frames of an animation as files: their names, and what is read back from them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL.PngImagePlugin import PngImageFile

from ..camera import MAX_SIDE_PX
from ..conventions import linear_to_srgb
from ..errors import InputError
from ..outputs.provenance import MADE_OF


@dataclass(frozen=True)
class Frame:
    """A picture of an animation, and the notes that it carries."""

    rgba: np.ndarray  # [H, W, 4] float32, straight, sRGB-encoded, 0..1
    provenance: str
    made_of: str  # a hash of the portrait, a hyphen, and one of all else; empty without


def frame_name(number: int, kind: str) -> str:
    """frame_0001.png and so on."""
    return f"frame_{number:04d}.{kind}"


def other_frames(folder: Path, kind: str, count: int) -> list[str]:
    """Names of frames in a folder, which need not be there, that are none of 1 to `count` of a kind; in order."""
    found = (re.fullmatch(r"frame_(\d{4,})\.(exr|png)", path.name) for path in folder.glob("frame_*"))
    return sorted(one[0] for one in found if one and not (one[2] == kind and 1 <= int(one[1]) <= count))


def made_of(path: Path) -> str | None:
    """The note of what a PNG or EXR frame was drawn from; None where there is no such file, whole and with a note."""
    try:
        return read_frame(path).made_of or None
    except InputError:
        return None


def read_frame(path: Path) -> Frame:
    """A whole file; raises InputError where there is none."""
    if not path.is_file():
        raise InputError(f"There is no frame {path}: draw it with `animate` first.")
    try:
        return _read_exr(path) if path.suffix == ".exr" else _read_png(path)
    except (OSError, ValueError, SyntaxError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read as a frame ({error}): delete it and draw it again.") from error


def _read_png(path: Path) -> Frame:
    with PngImageFile(path) as image:  # Image.open refuses pictures that are smaller than the largest frame
        _check_size(*image.size)
        rgba = np.array(image.convert("RGBA"), np.float32)
        rgba /= 255.0
        return Frame(rgba, str(image.info["Description"]), image.info.get(MADE_OF, ""))


def _read_exr(path: Path) -> Frame:
    import OpenEXR

    with OpenEXR.File(str(path), header_only=True) as file:
        low, high = file.header()["dataWindow"]
        _check_size(*(1 + high.astype(int) - low).tolist())
    with OpenEXR.File(str(path)) as file:
        premultiplied = file.channels()["RGBA"].pixels.astype(np.float32)
        header = dict(file.header())  # a copy: closing the file empties it
    opacity = premultiplied[..., 3:]
    colour = premultiplied[..., :3] / np.maximum(opacity, 1e-6)
    rgba = np.concatenate([linear_to_srgb(np.clip(colour, 0.0, 1.0)), opacity], axis=-1)
    return Frame(rgba, str(header["comments"]), header.get(MADE_OF, ""))


def _check_size(width_px: int, height_px: int) -> None:
    """Raises ValueError for what no frame is as large as."""
    if max(width_px, height_px) > MAX_SIDE_PX:
        raise ValueError(f"{width_px} x {height_px} pixels are more than a frame has")
