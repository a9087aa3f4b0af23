"""Texels of a stack of sheets and the camera that sees them: what csrc/texels.h takes."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .pinhole_camera import PinholeCamera

ANTIPODE = 2.0
"""How far from its centre the equal-area chart reaches straight behind."""


@dataclass(frozen=True)
class Stack:
    """Where a stack's texels are, and the camera that sees them; lengths in metres.

    Maps and offsets are arrays; or, for ops on tensors, tensors on whatever device. Raises ValueError for sizes and an
    extent that no stack has.
    """

    radius_m: Any  # [T, T] float32, of the sheet at offset 0
    spread: Any  # [T, T] float32
    offsets_m: Any  # [S] float32
    half_extent: float  # of the chart
    camera: PinholeCamera

    def __post_init__(self) -> None:
        radius, spread, offsets = (tuple(np.shape(x)) for x in (self.radius_m, self.spread, self.offsets_m))
        if len(radius) != 2 or radius[0] != radius[1] or radius != spread or not radius[0]:
            raise ValueError(f"a radius of {radius} and a spread of {spread} are not one square size")
        if len(offsets) != 1 or not offsets[0]:
            raise ValueError(f"offsets {offsets} must be [S], one a sheet, of 1 or more")
        if not 0.0 < self.half_extent <= ANTIPODE:
            raise ValueError(f"half_extent {self.half_extent} must be above 0 and at most {ANTIPODE:g}, the antipode")

    def projection(self) -> np.ndarray:
        """[4, 3] float32: (x, y, z, 1) times it is (column x depth, row x depth, depth)."""
        camera = self.camera
        to_pixels = np.array(
            [[camera.fx_px, 0.0, 0.0], [0.0, -camera.fy_px, 0.0], [-camera.cx_px, -camera.cy_px, -1.0]]
        )  # rows: the camera's axes
        matrix = camera.camera_to_world[:3, :3] @ to_pixels
        return np.vstack([matrix, -camera.position_m @ matrix]).astype(np.float32)

    def directions(self) -> np.ndarray:
        """Unit directions [T T, 3] float32 of the equal-area chart's texels."""
        size = len(self.radius_m)
        along = ((np.arange(size) + 0.5) * (2.0 / size) - 1.0) * self.half_extent
        return chart_directions(*np.meshgrid(along, -along)).reshape(-1, 3).astype(np.float32)


class NativeStack(ctypes.Structure):
    """csrc/texels.h's Stack; keeps its arrays alive."""

    _fields_ = (
        ("radius", ctypes.c_void_p),
        ("spread", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("projection", ctypes.c_float * 12),
        ("half_extent", ctypes.c_float),
        ("sheets", ctypes.c_int32),
        ("size", ctypes.c_int32),
        ("width_px", ctypes.c_int32),
        ("height_px", ctypes.c_int32),
    )

    @staticmethod
    def of(stack: Stack) -> "NativeStack":
        """From a stack of arrays."""
        maps = (stack.radius_m, stack.spread, stack.offsets_m)
        return NativeStack.over(stack, [np.ascontiguousarray(x, np.float32) for x in maps], pointer)

    @staticmethod
    def over(stack: Stack, maps: Sequence[Any], pointer: Callable[[Any], ctypes.c_void_p]) -> "NativeStack":
        """From a stack whose radius, spread and offsets are float32 at such pointers."""
        native = NativeStack(
            *map(pointer, maps), (ctypes.c_float * 12)(*stack.projection().ravel()), stack.half_extent,
            len(maps[2]), len(maps[0]), stack.camera.width_px, stack.camera.height_px,
        )  # fmt: skip
        native.keep = maps
        return native


def chart_directions(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unit directions [..., 3] of places [...] in the equal-area chart, right and up; straight behind from its
    antipode's circle, of radius 2, outwards, but for their x and y."""
    squared = np.minimum(u**2 + v**2, 4.0)
    scale = np.sqrt(1.0 - 0.25 * squared)
    return np.stack([u * scale, v * scale, 1.0 - 0.5 * squared], axis=-1)


def pointer(values: np.ndarray) -> ctypes.c_void_p:
    """Of an array's memory."""
    return ctypes.c_void_p(values.ctypes.data)
