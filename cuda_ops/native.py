"""The compiled renderer behind plain arrays: ctypes structures of csrc/manifolds.h and calls on numpy memory.

No torch here: a picture is drawn without importing it. Arrays of torch tensors pass as well, by their numpy views.
"""

import ctypes
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from ctypes import POINTER, Structure, byref, c_double, c_int, c_int32, c_int64, c_void_p
from functools import cache, cached_property
from math import prod
from typing import Any, NamedTuple
from weakref import finalize

import numpy as np

from .build import load_library
from .opaque_hulls import CHART_TILES, LEAST_TEXELS, opaque_hulls
from .pinhole_camera import PinholeCamera

MAX_LEVELS, MAX_SHEETS = 12, 64
"""As in csrc/manifolds.h."""

FINE_TILE = 16
"""Side in texels of the fine tiles that tell which sheets have opacity there; as TILE in csrc/manifolds.h."""

COARSE_TILES = 8
"""Coarse ones along a side of the chart, which are asked first; as there."""

BEYOND = 1.001
"""By how much a ray begins beyond the outermost sheet."""

SAFE_SHARE = (0.35, 0.95)
"""Which share of the gap to a sheet a step takes at least and at most."""

SMALLEST_LEVEL = 8
"""Side of the smallest mip level in texels."""

SCREEN_TILE_PX = 16
"""As in csrc/screen_tiles.h."""

RAYS_AT_ONCE = 4 << 20
"""Drawn in one call, which nothing stops: less than a second's work."""


Done = Callable[[float], None]
"""Is told between calls which share of a picture is drawn; drawing ends where it raises."""

_SUFFIXES = {np.dtype(np.uint8): "u8", np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
"""How names of the library's functions for each type of texture end."""


class Scene(Structure):
    """csrc/manifolds.h's Scene."""

    _fields_ = (
        ("cells", c_void_p),
        ("offsets", c_void_p),
        ("extent", c_void_p),
        ("levels", c_void_p * MAX_LEVELS),
        ("fine", c_void_p),
        ("coarse", c_void_p),
        ("half_extent", c_double),
        ("map_size", c_int32),
        ("sheets", c_int32),
        ("texture_size", c_int32),
        ("level_count", c_int32),
    )


class View(Structure):
    """A pinhole camera as the kernels take it."""

    _fields_ = (
        ("pose", c_double * 12),
        ("fx_px", c_double),
        ("fy_px", c_double),
        ("cx_px", c_double),
        ("cy_px", c_double),
        ("width_px", c_int32),
        ("height_px", c_int32),
        ("samples", c_int32),
        ("softness", c_double),
    )

    @staticmethod
    def of(camera: PinholeCamera, samples: int = 1, softness: float = 0.0) -> "View":
        """From a camera; a pixel is the mean of `samples` x `samples` rays.

        Sheets fade where the cosine of the angle at which they are seen is below `softness`, 0 to 1.
        """
        pose = (c_double * 12)(*np.asarray(camera.camera_to_world, dtype=np.float64)[:3].ravel())
        lens = (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px)
        return View(pose, *lens, camera.width_px, camera.height_px, samples, softness)

    def part(self, first_column: int, first_row: int, width_px: int, height_px: int) -> "View":
        """Some of the same picture's pixels."""
        lens = (self.fx_px, self.fy_px, self.cx_px - first_column, self.cy_px - first_row)
        return View(self.pose, *lens, width_px, height_px, self.samples, self.softness)

    def upside_down(self) -> "View":
        """The same pixels, the last row first."""
        pose = np.array(self.pose).reshape(3, 4) * (1.0, -1.0, 1.0, 1.0)
        lens = (self.fx_px, self.fy_px, self.cx_px, self.height_px - self.cy_px)
        size = (self.width_px, self.height_px)
        return View((c_double * 12)(*pose.ravel()), *lens, *size, self.samples, self.softness)


class Light(NamedTuple):
    """The part of a picture that holds all of it that is not empty, as Blender takes it: the lowest row comes first."""

    rgba: np.ndarray
    """[h, w, 4] float32, premultiplied linear light."""
    depth: np.ndarray
    """[h, w] float32, expected depth, +inf where nothing is."""
    left_px: int
    bottom_px: int


class NativeScene:
    """A portrait's arrays in the kernels' layout; keeps them alive.

    levels: texture pyramid, [S, T >> l, T >> l, 4] of uint8, float32 or float64, all C-contiguous.
    radius, spread: [G, G]; offsets: [S] ascending. Maps are converted to the textures' precision (uint8: float32).
    skip_empty: leave out tiles without opacity; their texels then get no gradient.
    """

    def __init__(
        self,
        levels: Sequence[np.ndarray],
        radius: np.ndarray,
        spread: np.ndarray,
        offsets: np.ndarray,
        *,
        half_extent: float,
        skip_empty: bool = True,
    ) -> None:
        self.library = library()
        textures = levels[0]
        self.stored = _SUFFIXES[textures.dtype]
        self.real = np.dtype(np.float64 if self.stored == "f64" else np.float32)
        radius, spread, offsets = (np.ascontiguousarray(x, dtype=self.real) for x in (radius, spread, offsets))
        size = textures.shape[1]
        self.map_size = radius.shape[0]
        cells = np.empty(((self.map_size - 1) ** 2, 8), self.real)
        self._call(f"pm_build_cells_{_SUFFIXES[self.real]}", radius, spread, c_int(self.map_size), cells)
        self._occupied = self._tiles(textures)
        self.maps = (radius, spread, offsets, half_extent)
        extent = scene_extent(*self.maps)
        scene = Scene(
            cells=cells.ctypes.data,
            offsets=offsets.ctypes.data,
            extent=extent.ctypes.data,
            half_extent=half_extent,
            map_size=self.map_size,
            sheets=offsets.size,
            texture_size=size,
            level_count=len(levels),
        )
        self.levels = levels
        self.keep = [cells, offsets, extent]
        scene.levels = (c_void_p * MAX_LEVELS)(*(level.ctypes.data for level in levels))
        if skip_empty and size >= FINE_TILE:
            for name, count in (("fine", size // FINE_TILE), ("coarse", COARSE_TILES)):
                tiles = occupied_or_beside(self._occupied, count)
                setattr(scene, name, tiles.ctypes.data)
                self.keep.append(tiles)
        self.scene = scene

    def recoloured(self, levels: Sequence[np.ndarray]) -> "NativeScene":
        """The same with a pyramid of other colours; opacity, and what was worked out of it, stays."""
        other = copy(self)
        other.scene = Scene.from_buffer_copy(self.scene)
        other.scene.levels = (c_void_p * MAX_LEVELS)(*(level.ctypes.data for level in levels))
        other.levels = levels
        return other

    def render(self, view: View, done: Done = lambda share: None) -> tuple[np.ndarray, np.ndarray]:
        """8-bit textures to RGBA [H, W, 4] (straight sRGB) and expected depth [H, W], float32."""
        return self._draw("pm_render_u8", view, self._depth_ranges(view), done)

    def light(self, view: View, done: Done = lambda share: None) -> Light:
        """8-bit textures to what is not empty of the picture, in linear light."""
        view = view.upside_down()
        ranges = self._depth_ranges(view)
        shown = ranges[..., 0] <= ranges[..., 1]
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        if not rows.size:
            return Light(np.empty((0, 0, 4), np.float32), np.empty((0, 0), np.float32), 0, 0)
        ranges = np.ascontiguousarray(ranges[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        left, bottom = int(columns[0]) * SCREEN_TILE_PX, int(rows[0]) * SCREEN_TILE_PX
        width = min(ranges.shape[1] * SCREEN_TILE_PX, view.width_px - left)
        height = min(ranges.shape[0] * SCREEN_TILE_PX, view.height_px - bottom)
        part = view.part(left, bottom, width, height)
        return Light(*self._draw("pm_light_u8", part, ranges, done), left, bottom)

    def _draw(self, name: str, view: View, ranges: np.ndarray, done: Done) -> tuple[np.ndarray, np.ndarray]:
        """Colours [H, W, 4] and depth [H, W] by a function of the library, band by band; see `_depth_ranges`."""
        rgba = np.empty((view.height_px, view.width_px, 4), np.float32)
        depth = np.empty((view.height_px, view.width_px), np.float32)
        # Between bands the interpreter sees to Ctrl-C, and whoever asked may have lost interest.
        down, rays_a_row = len(ranges), SCREEN_TILE_PX * view.width_px * view.samples**2
        rows = max(1, RAYS_AT_ONCE // rays_a_row)
        for first in range(0, down, rows):
            if first:
                done(first / down)
            band = c_int(first), c_int(min(first + rows, down))
            self._call(name, byref(self.scene), byref(view), ranges, rgba, depth, *band, c_int(0))
        return rgba, depth

    def _depth_ranges(self, view: View) -> np.ndarray:
        """Nearest and farthest [tiles down, tiles across, 2] at which a screen tile shows something, metres."""
        down, across = (-(-side // SCREEN_TILE_PX) for side in (view.height_px, view.width_px))
        ranges = np.empty((down, across, 2), np.float32)
        self._call("pm_depth_ranges", self._hulls, c_int64(len(self._hulls)), byref(view), ranges)
        return ranges

    def _tiles(self, textures: np.ndarray) -> np.ndarray:
        """The smallest tiles of the chart that are asked for, [N, N] uint64; bit i: sheet i has opacity in it."""
        sheets, size = textures.shape[:2]
        count = max(size // LEAST_TEXELS, min(size, COARSE_TILES))
        tiles = np.zeros((count, count), np.uint64)
        mark = f"pm_mark_occupied_{self.stored}"
        self._call(mark, textures, c_int(sheets), c_int(size), c_int(count), tiles, c_int(0))
        return tiles

    @cached_property
    def _hulls(self) -> np.ndarray:
        """Of all tiles with opacity, [K, 8, 3]; see `opaque_hulls`."""
        count = min(max(self.scene.texture_size // LEAST_TEXELS, 1), CHART_TILES)
        tiles = occupied_or_beside(self._occupied, count)
        return np.ascontiguousarray(opaque_hulls(tiles, *self.maps), np.float64)

    def accumulate(self, view: View) -> np.ndarray:
        """Float textures to [H, W, 5]: premultiplied linear RGB, opacity, opacity-weighted depth."""
        out = np.empty((view.height_px, view.width_px, 5), self.real)
        self._call(f"pm_accumulate_{self.stored}", byref(self.scene), byref(view), out, c_int(0))
        return out

    def backward(self, view: View, gradient: np.ndarray, threads: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
        """Gradient [H, W, 5] of `accumulate` to those of the texture levels and of the radius map [G, G]."""
        levels = [_zeros(level.shape, self.real) for level in self.levels]
        radius = np.zeros((self.map_size, self.map_size), self.real)
        pointers = (c_void_p * MAX_LEVELS)(*(level.ctypes.data for level in levels))
        self._call(
            f"pm_backward_{self.stored}",
            byref(self.scene), byref(view), np.ascontiguousarray(gradient, self.real), pointers, radius, c_int(threads),
        )  # fmt: skip
        return levels, radius

    def _call(self, name: str, *arguments: Any) -> None:
        """A function of the library; arrays pass as their memory."""
        pointers = [c_void_p(x.ctypes.data) if isinstance(x, np.ndarray) else x for x in arguments]
        getattr(self.library, name)(*pointers)


_KEPT_BYTES = 512 << 20
"""Of memory that nobody uses, at most."""

_kept: dict[int, list[np.ndarray]] = defaultdict(list)
"""Memory that nobody uses, by its size in bytes."""


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeroed memory, which serves again once the array and all views of it are gone.

    To touch 130 MB of fresh pages can take several times as long as to compute the gradients in them.
    """
    size = prod(shape) * dtype.itemsize
    try:
        memory = _kept[size].pop()
        memory.fill(0)
    except IndexError:
        memory = np.zeros(size, np.uint8)
    # Views of an array over a buffer hold that array, not what lies below it: it goes when the last of them goes.
    lent = np.frombuffer(memory.data, dtype)
    finalize(lent, _keep, memory).atexit = False
    return lent.reshape(shape)


def _keep(memory: np.ndarray) -> None:
    """Lays memory aside for `_zeros`, where there is not too much of it already."""
    if sum(size * len(free) for size, free in list(_kept.items())) + memory.nbytes <= _KEPT_BYTES:
        _kept[memory.nbytes].append(memory)


def occupied_or_beside(tiles: np.ndarray, count: int) -> np.ndarray:
    """Marks [N, N] of tiles as those of `count` larger ones a side, [count, count]; each has its neighbours', too."""
    side = len(tiles) // count
    coarse = np.bitwise_or.reduce(tiles.reshape(count, side, count, side), axis=(1, 3))
    around = np.pad(coarse, 1)
    down = around[:-2] | around[1:-1] | around[2:]
    return np.ascontiguousarray(down[:, :-2] | down[:, 1:-1] | down[:, 2:])


def scene_extent(radius: np.ndarray, spread: np.ndarray, offsets: np.ndarray, half_extent: float) -> np.ndarray:
    """What a march needs to know of the geometry as a whole, [2]: how far out sheets reach, in metres, and which share
    of the gap to a sheet a step may safely take."""
    outermost = radius + max(float(offsets[-1]), 0.0) * spread
    gradient = np.gradient(np.log(np.maximum(outermost, 1e-6)), 2.0 * half_extent / radius.shape[0])
    steepest = float(np.hypot(*gradient).max())
    # Where the field does not fall towards the sheets: 1 / sqrt(1 + L^2) of the gap, L the steepest log-slope.
    share = np.clip(1.0 / np.sqrt(1.0 + steepest**2), *SAFE_SHARE)
    return np.array([outermost.max() * BEYOND, share], radius.dtype)


def level_count(texture_size: int) -> int:
    """Number of mip levels of a texture, down to 8 texels."""
    return max(1, (texture_size // SMALLEST_LEVEL).bit_length())


def pyramid_u8(textures: np.ndarray) -> list[np.ndarray]:
    """Mip levels of 8-bit textures [S, T, T, 4], level 0 being `textures` itself."""
    levels = [np.ascontiguousarray(textures)]
    for _ in range(level_count(textures.shape[1]) - 1):
        above = levels[-1]
        sheets, size = above.shape[:2]
        half = np.empty((sheets, size // 2, size // 2, 4), np.uint8)
        library().pm_halve_u8(
            c_void_p(above.ctypes.data), c_int(sheets), c_int(size), c_void_p(half.ctypes.data), c_int(0)
        )
        levels.append(half)
    return levels


def stream_memory(source: np.ndarray, out: np.ndarray) -> None:
    """Reads one array and overwrites another with all cores, and nothing else: the floor of a benchmark."""
    library().pm_stream(
        c_void_p(source.ctypes.data), c_int64(source.nbytes // 8), c_void_p(out.ctypes.data), c_int64(out.nbytes // 8),
        c_int(0),
    )  # fmt: skip


@cache
def library() -> ctypes.CDLL:
    """The compiled renderer; raises BuildError where it cannot be built."""
    loaded = load_library("render")
    for draw in (loaded.pm_render_u8, loaded.pm_light_u8):
        draw.argtypes = [POINTER(Scene), POINTER(View), c_void_p, c_void_p, c_void_p, c_int, c_int, c_int]
    return loaded
