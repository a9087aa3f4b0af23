"""OpenEXR: premultiplied linear light and depth, for compositing."""

from pathlib import Path

import numpy as np
import OpenEXR

from ..atomic import atomic_path
from ..errors import WriteError
from ..picture.layered_picture import premultiplied
from ..portrait import PROVENANCE
from .provenance import DIGITAL_SOURCE_TYPE, MADE_OF, SOFTWARE

_BT709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def save_exr(path: Path | str, rgba: np.ndarray, depth: np.ndarray, provenance: str = PROVENANCE) -> None:
    """Writes RGBA [H, W, 4] (straight, sRGB-encoded, 0..1) and depth [H, W] (metres, +inf for nothing)."""
    save_linear_exr(path, premultiplied(rgba), depth, provenance)


def save_linear_exr(
    path: Path | str, rgba: np.ndarray, depth: np.ndarray, provenance: str = PROVENANCE, made_of: str = ""
) -> None:
    """Writes RGBA [H, W, 4] (premultiplied linear light) and depth [H, W] (metres, +inf for nothing).

    Channels: R, G, B, A half floats, linear BT.709 light, premultiplied; Z 32-bit float, unchanged, and the same again
    as the layer `depth.Z`: Nuke's name for it, and Blender drops the depth of a file that has no second layer. Header:
    `comments` and `software`, `digitalSourceType` with IPTC's term, and `made_of`. Raises InputError where the path
    cannot be written, WriteError if the disk gives out.
    """
    depth = np.ascontiguousarray(depth, np.float32)
    channels = {"RGBA": rgba.astype(np.float16, copy=False), "Z": depth, "depth.Z": depth}
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "chromaticities": _BT709,
        "comments": provenance,
        "software": SOFTWARE,
        "digitalSourceType": DIGITAL_SOURCE_TYPE,
        MADE_OF: made_of,
    }
    with atomic_path(path) as temporary:
        try:
            OpenEXR.File(header, channels).write(str(temporary))
        except RuntimeError as error:
            raise WriteError(f"Writing {path} failed ({error}): free some space and retry.") from error
