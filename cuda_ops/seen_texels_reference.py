"""The ops of seen_texels.py in numpy, with nothing of its compiled code."""

import numpy as np

from .seen_texels import LEAST_SEEN, SeenTexels, Surface, pixel_count
from .texels import Stack


def seen_texels_reference(
    textures: np.ndarray, stack: Stack, surface: Surface | None, most_halvings: int
) -> SeenTexels:
    """As `seen_texels`, which see."""
    camera = stack.camera
    size, directions = textures.shape[1], stack.directions()
    radius_m, spread = (x.reshape(-1, 1).astype(np.float32) for x in (stack.radius_m, stack.spread))
    # As in csrc/texels.h, the projection is linear in the offset before the division by depth.
    projection = stack.projection()
    start, step = directions * radius_m @ projection[:3] + projection[3], directions * spread @ projection[:3]
    found = []
    for sheet, offset_m in enumerate(stack.offsets_m):
        texel = np.flatnonzero(textures[sheet, ..., 3])
        projected = start[texel] + offset_m * step[texel]  # [N, 3]
        depth = projected[:, 2]
        pixels = projected[:, :2] / np.where(depth > 0, depth, np.inf)[:, None]
        x, y = pixels.T
        kept = (x > 0) & (x < camera.width_px) & (y > 0) & (y < camera.height_px)
        seen = np.ones(kept.sum(), np.float32)
        if surface is not None:
            seen = _in_front(depth[kept], pixels[kept], surface, spread[texel[kept], 0])
            kept[kept], seen = seen > LEAST_SEEN, seen[seen > LEAST_SEEN]
        texel, depth = texel[kept], depth[kept]
        width_m = (radius_m[texel, 0] + offset_m * spread[texel, 0]) * (2.0 * stack.half_extent / size)
        found.append((texel + sheet * size**2, pixels[kept], seen, width_m * camera.fx_px / depth))
    index, pixels, seen, width_px = map(np.concatenate, zip(*found, strict=True))
    halvings = np.minimum(np.floor(np.log2(np.maximum(width_px, 1.0)) + 0.25), most_halvings).astype(np.intp)
    corners, shares = _corners(pixels, halvings, camera.width_px, camera.height_px, most_halvings)
    pixels = pixel_count(camera.width_px, camera.height_px, most_halvings)
    return SeenTexels(index, seen.astype(np.float32), corners, shares, pixels)


def carried_back_reference(
    textures: np.ndarray, texels: SeenTexels, colours: np.ndarray, picture: np.ndarray, length: float
) -> tuple[np.ndarray, np.ndarray]:
    """As `carried_back`, which see."""
    taken = (texels.shares[..., None] * picture[texels.corners]).sum(1)
    moved = np.clip(colours + np.float32(length) * texels.seen[:, None] * taken, 0.0, 1.0).astype(np.float32)
    textures = textures.copy()
    textures.reshape(-1, 4)[texels.texel, :3] = np.rint(moved * np.float32(255.0))
    return textures, moved


def _in_front(depth: np.ndarray, pixels: np.ndarray, surface: Surface, spread: np.ndarray) -> np.ndarray:
    """How much points at `depth` [N] and `pixels` [N, 2] lie before the surface, [N]; sheets' `spread` [N] there."""
    column, row = pixels.astype(np.intp).T
    nearest = surface.depth_m[row, column]
    behind = np.where(np.isfinite(nearest), depth - nearest, np.inf)
    return 1.0 / (1.0 + np.exp(np.clip((behind - surface.margin_m * spread) / surface.softness_m, -50, 50)))


def _corners(
    pixels: np.ndarray, halvings: np.ndarray, width: int, height: int, most_halvings: int
) -> tuple[np.ndarray, np.ndarray]:
    """Corners and shares [N, 4] of points [N, 2] in a picture of width x height, halved so often [N].

    Pixel centres lie at halves.
    """
    most = 1 << most_halvings
    corners, shares = np.empty((len(pixels), 4), np.int32), np.empty((len(pixels), 4), np.float32)
    before = 0
    for level in range(most_halvings + 1):
        chosen = np.flatnonzero(halvings == level)
        columns, rows = ((side + -side % most) >> level for side in (width, height))
        scaled = pixels[chosen].T * np.float32(0.5**level) - np.float32(0.5)
        x, y = (np.clip(at, 0.0, side - 1) for at, side in zip(scaled, (columns, rows), strict=True))
        left, top = x.astype(np.int32), y.astype(np.int32)
        right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        x, y = x - left, y - top
        upper, lower = before + top * columns, before + bottom * columns
        corners[chosen] = np.stack([upper + left, upper + right, lower + left, lower + right], -1)
        shares[chosen] = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], -1)
        before += rows * columns
    return corners, shares
