"""Pictures carried back into the textures: what a camera should see, painted on the texels that it does see.

Each texel before or just behind the visible surface takes the difference between the wanted picture and the drawn one
at its projection, and the portrait is drawn again (simultaneous iterative reconstruction, Gilbert 1972, with the
sampled difference for the transposed projection). Geometry and opacity stay. Nothing of torch is needed.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from . import progress
from .camera import Camera
from .conventions import CHART_HALF_EXTENT
from .manifolds import chart_to_direction, map_grid, resample_map
from .portrait import Portrait

MARGIN_M, SOFTNESS_M = 0.010, 0.003
"""A texel this far behind the surface, where sheets lie far apart in proportion, still counts as seen; then less and
less."""

LEAST_OPACITY = 0.05
"""Where less of the portrait is drawn, its colours say nothing."""

LEAST_GAIN, SHORTEST = 0.03, 0.2
"""A step that takes less than this share of the squared difference away is halved; below the shortest it ends."""

MOST_HALVINGS = 3
"""A texel wider than a pixel takes the mean of so many, as a picture halved up to this often has them."""


class SeenTexels:
    """The texels of a portrait that are not empty, and where in a camera's picture they are seen."""

    def __init__(self, portrait: Portrait, camera: Camera, depth_m: np.ndarray | None) -> None:
        """`depth_m` [H, W] is what the portrait's renderer gives for `camera`; without it hidden texels count too."""
        size, manifolds = portrait.texture_size, portrait.manifolds
        directions = chart_to_direction(map_grid(size)).astype(np.float32).reshape(-1, 3)
        radius_m = resample_map(manifolds.total_radius_m(), size).reshape(-1, 1)
        spread = resample_map(manifolds.spread, size).reshape(-1, 1)
        # A texel's place is linear in its sheet's offset, and so is its projection before the division by depth.
        matrix, shift = _projection(camera)
        start, step = directions * radius_m @ matrix + shift, directions * spread @ matrix
        found = []
        for sheet, offset_m in enumerate(manifolds.offsets_m):
            texel = np.flatnonzero(portrait.textures[sheet, ..., 3])
            projected = start[texel] + offset_m * step[texel]  # [N, 3]
            depth = projected[:, 2]
            pixels = projected[:, :2] / np.where(depth > 0, depth, np.inf)[:, None]
            x, y = pixels.T
            kept = (x > 0) & (x < camera.width_px) & (y > 0) & (y < camera.height_px)
            seen = np.ones(kept.sum(), np.float32)
            if depth_m is not None:
                seen = _in_front(depth[kept], pixels[kept], depth_m, spread[texel[kept], 0])
                kept[kept], seen = seen > 0.01, seen[seen > 0.01]
            texel, depth = texel[kept], depth[kept]
            width_m = (radius_m[texel, 0] + offset_m * spread[texel, 0]) * (2.0 * CHART_HALF_EXTENT / size)
            width_px = width_m * camera.fx_px / depth
            found.append((np.full(len(texel), sheet), texel, pixels[kept], seen, width_px))
        self.sheet, texel, pixels, seen, width_px = map(np.concatenate, zip(*found, strict=True))
        self.row, self.column = np.divmod(texel, size)
        self.seen = seen[:, None].astype(np.float32)  # [N, 1]
        halvings = np.minimum(np.floor(np.log2(np.maximum(width_px, 1.0)) + 0.25), MOST_HALVINGS).astype(np.intp)
        self._sampling = _bilinear(pixels, halvings, camera.width_px, camera.height_px)

    def sample(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, C] at the texels, bilinear, for texels wider than a pixel in a picture halved so often: [N, C]."""
        levels = [_padded(picture.astype(np.float32))]
        for _ in range(MOST_HALVINGS):
            fine = levels[-1]
            levels.append(0.25 * (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]))
        return self._sampling @ np.concatenate([level.reshape(-1, picture.shape[2]) for level in levels])

    @property
    def index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sheet, row and column of each texel."""
        return self.sheet, self.row, self.column


def match_colours(
    portrait: Portrait,
    camera: Camera,
    wanted: np.ndarray,
    weight: np.ndarray,
    steps: int,
    stage: str,
    samples: int = 1,
) -> Portrait:
    """The portrait with colours such that `camera` sees `wanted` [H, W, 3] (sRGB-encoded, 0..1).

    `weight` [H, W], 0..1, says how much each pixel counts; a pixel is the mean of `samples` x `samples` rays. A step
    that brings nothing nearer is taken back and halved: fewer than `steps` may do. Progress is reported as `stage`
    between them, where it can be cancelled.
    """
    if steps < 1:
        return portrait
    rgba, depth_m = portrait.render(camera, samples)
    weight = (weight * (rgba[..., 3] > LEAST_OPACITY)).astype(np.float32)[..., None]
    texels = SeenTexels(portrait, camera, depth_m)
    colours = portrait.textures[texels.index][:, :3] / np.float32(255.0)
    residual = (wanted - rgba[..., :3]) * weight
    length = 1.0
    for step in range(steps):
        progress.report(step / steps, stage)
        tried_colours = np.clip(colours + length * texels.seen * texels.sample(residual), 0.0, 1.0)
        tried = _painted(portrait, texels, tried_colours)
        tried_residual = (wanted - tried.render(camera, samples)[0][..., :3]) * weight
        gain = 1.0 - float(np.vdot(tried_residual, tried_residual)) / max(float(np.vdot(residual, residual)), 1e-9)
        if gain > 0.0:
            portrait, colours, residual = tried, tried_colours, tried_residual
        if gain < LEAST_GAIN:
            length *= 0.5
        if length < SHORTEST:
            break
    return portrait


def _painted(portrait: Portrait, texels: SeenTexels, colours: np.ndarray) -> Portrait:
    """The portrait with `colours` [N, 3], 0..1, on `texels`."""
    textures = portrait.textures.copy()
    textures[texels.sheet, texels.row, texels.column, :3] = np.rint(colours * 255.0)
    return replace(portrait, textures=textures)


def _projection(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, 3] times the matrix [3, 3], plus the shift [3], are (column x depth, row x depth, depth); float32."""
    to_pixels = np.array(
        [[camera.fx_px, 0.0, 0.0], [0.0, -camera.fy_px, 0.0], [-camera.cx_px, -camera.cy_px, -1.0]]
    )  # rows: the camera's axes
    matrix = camera.camera_to_world[:3, :3] @ to_pixels
    return matrix.astype(np.float32), (-camera.position_m @ matrix).astype(np.float32)


def _in_front(depth: np.ndarray, pixels: np.ndarray, surface_m: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """How much points at `depth` [N] and `pixels` [N, 2] lie before a surface [H, W], +inf where there is none; [N].

    `spread` [N] is that of the sheets there.
    """
    column, row = np.clip(pixels, 0, np.array(surface_m.shape[::-1]) - 1).astype(np.intp).T
    surface = surface_m[row, column]
    behind = np.where(np.isfinite(surface), depth - surface, np.inf)
    return 1.0 / (1.0 + np.exp(np.clip((behind - MARGIN_M * spread) / SOFTNESS_M, -50, 50)))


def _padded(picture: np.ndarray) -> np.ndarray:
    """[H, W, C] continued at its right and lower border until it can be halved MOST_HALVINGS times."""
    height, width = picture.shape[:2]
    most = 1 << MOST_HALVINGS
    return np.pad(picture, ((0, -height % most), (0, -width % most), (0, 0)), mode="edge")


def _bilinear(pixels: np.ndarray, halvings: np.ndarray, width: int, height: int) -> sparse.csr_matrix:
    """Shares [N, P] of the pixels around points [N, 2] in a `_padded` picture of width x height, halved so often [N].

    P counts the pixels of the picture and of its halved ones, one after the other. Pixel centres lie at halves.
    """
    most = 1 << MOST_HALVINGS
    corners, shares = np.empty((len(pixels), 4), np.int32), np.empty((len(pixels), 4), np.float32)
    before = 0
    for level in range(MOST_HALVINGS + 1):
        chosen = np.flatnonzero(halvings == level)
        columns, rows = ((side + -side % most) >> level for side in (width, height))
        scaled = pixels[chosen].T * np.float32(0.5**level) - np.float32(0.5)
        x, y = (np.clip(at, 0.0, side - 1) for at, side in zip(scaled, (columns, rows), strict=True))
        left, top = x.astype(np.int32), y.astype(np.int32)
        right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        x, y = x - left, y - top
        upper, lower = before + top * columns, before + bottom * columns
        for corner, (row, column) in enumerate(((upper, left), (upper, right), (lower, left), (lower, right))):
            corners[chosen, corner] = row + column
        for corner, share in enumerate(((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y)):
            shares[chosen, corner] = share
        before += rows * columns
    starts = np.arange(0, corners.size + 1, 4, dtype=np.int32)
    return sparse.csr_matrix((shares.ravel(), corners.ravel(), starts), (len(pixels), before))
