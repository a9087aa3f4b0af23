"""Pictures carried back into the textures: what a camera should see, painted on the texels that it does see.

Each texel before or just behind the visible surface takes the difference between the wanted picture and the drawn one
at its projection, and the portrait is drawn again (simultaneous iterative reconstruction, Gilbert 1972, with the
sampled difference for the transposed projection). Geometry and opacity stay. Nothing of torch is needed.
"""

from dataclasses import replace

import numpy as np

from . import progress
from .camera import Camera
from .manifolds import chart_to_direction, map_grid, resample_map
from .portrait import Portrait

MARGIN_M, SOFTNESS_M = 0.010, 0.003
"""A texel this far behind the surface still counts as seen; then less and less."""


class SeenTexels:
    """The texels of a portrait that are not empty, and where in a camera's picture they are seen."""

    def __init__(self, portrait: Portrait, camera: Camera, depth_m: np.ndarray | None) -> None:
        """`depth_m` [H, W] is what the portrait's renderer gives for `camera`; without it hidden texels count too."""
        size, manifolds = portrait.texture_size, portrait.manifolds
        directions = chart_to_direction(map_grid(size)).astype(np.float32)
        radius_m = resample_map(manifolds.total_radius_m(), size)
        spread = resample_map(manifolds.spread, size)
        self.sheet, self.row, self.column = np.nonzero(portrait.textures[..., 3])
        at = self.row, self.column
        distance_m = radius_m[at] + manifolds.offsets_m[self.sheet] * spread[at]
        pixels, depth = camera.project(directions[at] * distance_m[:, None])
        inside = (pixels > 0).all(1) & (pixels < [camera.width_px, camera.height_px]).all(1) & (depth > 0)
        seen = inside * (1.0 if depth_m is None else _in_front(depth, pixels, depth_m))
        kept = seen > 0.01
        self.sheet, self.row, self.column = self.sheet[kept], self.row[kept], self.column[kept]
        self.seen = seen[kept, None].astype(np.float32)  # [N, 1]
        self._corners, self._shares = _bilinear(pixels[kept], camera.width_px, camera.height_px)

    def sample(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, C] at the texels, bilinear: [N, C]."""
        flat = picture.reshape(-1, picture.shape[2]).astype(np.float32)
        return sum(flat[corner] * share for corner, share in zip(self._corners, self._shares, strict=True))

    @property
    def index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sheet, row and column of each texel."""
        return self.sheet, self.row, self.column


def match_colours(
    portrait: Portrait, camera: Camera, wanted: np.ndarray, weight: np.ndarray, steps: int, stage: str
) -> Portrait:
    """The portrait with colours such that `camera` sees `wanted` [H, W, 3] (sRGB-encoded, 0..1).

    `weight` [H, W], 0..1, says how much each pixel counts. Progress is reported as `stage` between `steps`, where it
    can be cancelled.
    """
    if steps < 1:
        return portrait
    rgba, depth_m = portrait.render(camera)
    texels = SeenTexels(portrait, camera, depth_m)
    textures = portrait.textures.copy()
    colours = textures[texels.index][:, :3] / np.float32(255.0)
    for step in range(steps):
        progress.report(step / steps, stage)
        residual = (wanted - rgba[..., :3]) * weight[..., None]
        colours = np.clip(colours + texels.sample(residual) * texels.seen, 0.0, 1.0)
        textures = textures.copy()
        textures[texels.sheet, texels.row, texels.column, :3] = np.rint(colours * 255.0)
        portrait = replace(portrait, textures=textures)
        if step + 1 < steps:
            rgba, _ = portrait.render(camera)
    return portrait


def _in_front(depth: np.ndarray, pixels: np.ndarray, surface_m: np.ndarray) -> np.ndarray:
    """How much points at `depth` [N] and `pixels` [N, 2] lie before a surface [H, W], +inf where there is none; [N]."""
    column, row = np.floor(np.clip(pixels, 0, np.array(surface_m.shape[::-1]) - 1)).astype(np.intp).T
    surface = surface_m[row, column]
    behind = np.where(np.isfinite(surface), depth - surface, np.inf)
    return 1.0 / (1.0 + np.exp(np.clip((behind - MARGIN_M) / SOFTNESS_M, -50, 50)))


def _bilinear(pixels: np.ndarray, width: int, height: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Flat indices and shares of the four pixels around each point; pixel centres lie at halves."""
    x, y = np.clip(pixels.T - 0.5, 0.0, np.array([[width - 1.001], [height - 1.001]]))
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = (x - left).astype(np.float32)[:, None], (y - top).astype(np.float32)[:, None]
    corners = [top * width + left, top * width + right, bottom * width + left, bottom * width + right]
    return corners, [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]
