"""What the backend is asked for a picture of a scene's portraits, and the picture that comes back."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..backend.camera import Camera
from .look import shown_look
from .native_object import portrait_path

Layer = dict[str, Any]
"""A portrait in a picture, in plain values that can be compared and sent."""


def layers(
    roots: Iterable[bpy.types.Object], frame: float, view_of: Callable[[bpy.types.Object], tuple[Camera, float]]
) -> list[Layer]:
    """One layer a portrait; `view_of` gives what the camera sees of it, and its scale.

    Raises InputError as `portrait_path` and `view_of` do.
    """
    found = []
    for root in roots:
        view, scale = view_of(root)
        look = shown_look(root, frame).to_dict()
        found.append({"portrait": str(portrait_path(root)), "camera": view.to_dict(), "look": look, "scale": scale})
    return found


def picture_request(found: list[Layer], samples: int, output: Path) -> dict[str, Any]:
    """The parameters of the backend's "render"."""
    return {"layers": found, "samples": samples, "output": str(output)}


def read_picture(result: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """The backend's answer as a picture: [H, W, 5] float32, bottom row first, premultiplied linear RGBA and depth."""
    picture = empty_picture(size)
    drawn = np.load(result["output"])
    (rows, columns), left, bottom = drawn.shape[:2], result["left"], size[1] - result["top"]
    picture[bottom - rows : bottom, left : left + columns] = drawn[::-1]
    return picture


def empty_picture(size: tuple[int, int]) -> np.ndarray:
    """Clear, and infinitely far."""
    picture = np.zeros((size[1], size[0], 5), np.float32)
    picture[..., 4] = np.inf
    return picture
