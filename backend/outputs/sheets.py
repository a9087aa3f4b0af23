"""A portrait's sheets as meshes and textures: what GLB, PLY and Blender draw."""

import numpy as np

from ..manifolds import ANTIPODE
from ..portrait import Portrait

GRID_CELLS = 256
"""Cells across the chart. Their lines pass through the nodes of a 128 x 128 map of radii: its kinks fall on edges."""

SheetMesh = tuple[np.ndarray, np.ndarray, np.ndarray]


def sheet_mesh(portrait: Portrait, sheet: int, cells: int = GRID_CELLS) -> SheetMesh:
    """The part of a sheet that is not empty, on a grid of `cells` (a power of two) x `cells` over the chart.

    Returns vertices [N, 3] float32 in metres in portrait space; uv [N, 2] float32, u right and v DOWN as glTF has it,
    0..1 over the texture, so that the centre of texel (x, y) is ((x + 0.5) / size, (y + 0.5) / size); and triangles
    [M, 3] int32, counter-clockwise from outside. Faces are kept where bilinear filtering can find some opacity. An
    empty sheet gives empty arrays.
    """
    half_extent = portrait.manifolds.half_extent
    kept = _cells_with_opacity(portrait.textures[sheet, ..., 3] > 0, cells, half_extent)
    row, column = np.nonzero(kept)
    corner = row * (cells + 1) + column  # top left vertex of each cell
    used, compact = np.unique(corner[:, None] + [0, 1, cells + 1, cells + 2], return_inverse=True)
    top_left, top_right, low_left, low_right = compact.reshape(-1, 4).T
    faces = np.stack([low_left, low_right, top_right, low_left, top_right, top_left], axis=1).reshape(-1, 3)
    uv = np.stack([used % (cells + 1), used // (cells + 1)], axis=1) / cells
    chart = (uv * 2.0 - 1.0) * (half_extent, -half_extent)
    vertices = portrait.manifolds.points(sheet, chart)
    return vertices.astype(np.float32), uv.astype(np.float32), faces.astype(np.int32)


def dilated_colour(textures: np.ndarray) -> np.ndarray:
    """Colour [S, V, U, 3] uint8 of textures [S, V, U, 4] uint8, spread under zero opacity.

    Where a texel has some opacity its colour is kept, elsewhere it is the opacity-weighted mean around it (push-pull:
    Gortler et al., The Lumigraph, 1996), so that bilinear filtering of straight alpha finds no foreign colour. The
    size must be a power of two.
    """
    colour = np.ascontiguousarray(textures[..., :3])
    for sheet in np.flatnonzero(textures[..., 3].any(axis=(1, 2))):
        empty = textures[sheet, ..., 3] == 0
        colour[sheet][empty] = np.rint(_push_pull(textures[sheet]))[empty]
    return colour


def _push_pull(texture: np.ndarray) -> np.ndarray:
    """The texture's mean colour around each texel, [V, U, 3] float32 in 0..255; nearer texels win."""
    weight = texture[..., 3:].astype(np.float32) / 255.0
    weighted = texture[..., :3] * weight
    levels = []
    while weight.shape[0] > 1:  # push: halve, summing what is there
        levels.append((weighted, weight))
        weighted, weight = (a[::2, ::2] + a[::2, 1::2] + a[1::2, ::2] + a[1::2, 1::2] for a in (weighted, weight))
        weighted, weight = weighted / np.maximum(weight, 1.0), np.minimum(weight, 1.0)
    filled = weighted / np.maximum(weight, 1e-6)
    for weighted, weight in reversed(levels):  # pull: fill what a level lacks from the coarser one
        filled = weighted + (1.0 - weight) * filled.repeat(2, axis=0).repeat(2, axis=1)
    return filled


def _cells_with_opacity(opaque: np.ndarray, cells: int, half_extent: float) -> np.ndarray:
    """Which grid cells [cells, cells] touch a texel of some opacity or its neighbours; cells off the sphere are out."""
    reach = opaque.copy()
    reach[1:] |= opaque[:-1]
    reach[:-1] |= opaque[1:]
    rows = reach.copy()
    reach[:, 1:] |= rows[:, :-1]
    reach[:, :-1] |= rows[:, 1:]
    size = opaque.shape[0]
    if size > cells:
        reach = reach.reshape(cells, size // cells, cells, size // cells).any(axis=(1, 3))
    elif size < cells:
        reach = reach.repeat(cells // size, axis=0).repeat(cells // size, axis=1)
    centre = ((np.arange(cells) + 0.5) / cells * 2.0 - 1.0) * half_extent
    return reach & (centre**2 + centre[:, None] ** 2 < ANTIPODE**2)
