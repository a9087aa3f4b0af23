"""What the backend is asked for a picture of a scene's portraits, and the picture that comes back."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np

from ..backend.camera import Camera
from .look import drawn_look
from .native_object import portrait_path

MEMORY = Path("/dev/shm")
BYTES_A_PIXEL = 20

Layer = dict[str, Any]
"""A portrait in a picture, in plain values that can be compared and sent."""


def layers(
    roots: Iterable[bpy.types.Object],
    depsgraph: bpy.types.Depsgraph,
    view_of: Callable[[bpy.types.Object], tuple[Camera, float]],
) -> list[Layer]:
    """One layer a portrait in the depsgraph's frame; `view_of` gives what the camera sees of it, and its scale.

    Raises InputError as `portrait_path`, `drawn_look` and `view_of` do.
    """
    found = []
    for root in roots:
        view, scale = view_of(root)
        look = drawn_look(root, depsgraph)
        found.append({"portrait": str(portrait_path(root)), "camera": view.to_dict(), "look": look, "scale": scale})
    return found


def picture_request(found: list[Layer], samples: int, output: Path) -> dict[str, Any]:
    """The parameters of the backend's "render"."""
    return {"layers": found, "samples": samples, "output": str(output)}


class Picture(NamedTuple):
    """The part of a picture that is not empty, lowest row first as Blender has it."""

    rgba: np.ndarray
    """[h, w, 4] float32, premultiplied linear light."""
    depth: np.ndarray
    """[h, w] float32 in Blender's units, +inf where nothing is."""
    left_px: int
    bottom_px: int


NOTHING = Picture(np.zeros((1, 1, 4), np.float32), np.full((1, 1), np.inf, np.float32), 0, 0)
"""Of any size: a pixel in a corner, clear and infinitely far."""


def scratch_folder(size: tuple[int, int]) -> tempfile.TemporaryDirectory:
    """A folder for a picture of a size, for a moment: in memory where a folder there has room."""
    needed_bytes = 2 * size[0] * size[1] * BYTES_A_PIXEL
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > needed_bytes
    return tempfile.TemporaryDirectory(prefix="portrait_manifolds_", dir=MEMORY if roomy else None)


def read_picture(result: dict[str, Any]) -> Picture:
    """The backend's answer to `picture_request` as a picture."""
    with Path(result["output"]).open("rb") as file:
        picture = Picture(np.load(file), np.load(file), result["left"], result["bottom"])
    return picture if picture.depth.size else NOTHING
