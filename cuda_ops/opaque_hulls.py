"""Where in a picture, and how deep in it, a portrait may show: what csrc/screen_tiles.h makes screen tiles of.

Most rays of a wide picture would march past a head and meet nothing. A tile of the chart, from the lowest to the
highest sheet that has opacity in it, lies within the hull of eight corners, and so in the rectangle of their pixels.
"""

from functools import cache

import numpy as np

from .texels import chart_directions

CHART_TILES = 128
"""Along a side of the chart, at most: about 2.5 mm on the face."""

LEAST_TEXELS = 4
"""Along a tile's side, at least."""


def opaque_hulls(
    occupied: np.ndarray,  # [N, N] uint64, bit i: sheet i has opacity in or next to the tile
    radius: np.ndarray,  # [G, G] metres
    spread: np.ndarray,  # [G, G]
    offsets: np.ndarray,  # [S] metres, ascending
    half_extent: float,
) -> np.ndarray:
    """Corners [K, 8, 3] in portrait space, metres: each tile with opacity is inside the hull of its eight."""
    count = occupied.shape[0]
    bits = (occupied[..., None] >> np.arange(offsets.size, dtype=np.uint64) & np.uint64(1)).astype(bool)
    lowest = offsets[bits.argmax(-1)]
    highest = offsets[offsets.size - 1 - bits[..., ::-1].argmax(-1)]
    (inner, outer), (narrow, wide) = _extremes(radius, count), _extremes(spread, count)
    inner = inner + np.minimum(lowest * narrow, lowest * wide)
    outer = outer + np.maximum(highest * narrow, highest * wide)

    around, bulge, on_sphere = _directions(count, half_extent)
    opaque = (occupied != 0) & on_sphere
    reach = np.stack([inner, outer * bulge], axis=-1)[opaque]  # [K, 2]
    hulls = reach[..., None, None] * around[opaque][:, None]  # [K, 2, 4, 3]
    return hulls.reshape(-1, 8, 3)


@cache
def _directions(count: int, half_extent: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the tiles' corners [N, N, 4, 3], a unit long; how far the sphere bulges between them beyond their plane, as a
    factor [N, N]; and which tiles [N, N] have directions: none lies beyond the antipode's circle."""
    edges = (np.arange(count + 1) * (2.0 / count) - 1.0) * half_extent
    directions = chart_directions(*np.meshgrid(edges, edges[::-1]))  # [N + 1, N + 1, 3]
    around = np.stack([directions[:-1, :-1], directions[:-1, 1:], directions[1:, :-1], directions[1:, 1:]], axis=2)
    middle = around.mean(axis=2, keepdims=True)
    middle /= np.maximum(np.linalg.norm(middle, axis=-1, keepdims=True), 1e-9)
    bulge = 1.0 / np.maximum((around * middle).sum(-1).min(-1), 0.1)
    return around, bulge, around[..., 2].max(axis=2) > -1.0


def _extremes(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest of a bilinear map [G, G] in each of `count` x `count` tiles."""
    edges = np.arange(count + 1) * (values.shape[0] / count) - 0.5
    first = np.floor(edges[:-1]).astype(int).clip(0, values.shape[0] - 1)
    last = np.ceil(edges[1:]).astype(int).clip(0, values.shape[0] - 1)

    # `reduceat` takes from each index to the next: every other one is of a tile.
    ranges = np.column_stack([first, last + 1]).ravel()

    def along_rows(picture: np.ndarray, reduce: np.ufunc) -> np.ndarray:
        return reduce.reduceat(np.vstack([picture, picture[-1:]]), ranges)[::2]

    return tuple(along_rows(along_rows(values, reduce).T, reduce).T for reduce in (np.minimum, np.maximum))  # type: ignore[return-value]
