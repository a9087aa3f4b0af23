"""The column that a neck is taken for, from the photograph's silhouette: as wide as that, and as deep as necks are."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ...cuda_ops.tensor_calls import sent
from ..camera import Camera
from ..networks.chart_maps import texel_directions
from ..networks.kept import constant, kept
from ..networks.resampling import smoothed
from ..ramps import ramp

ROW_M = 0.005
ROWS_M = 0.12 - ROW_M * np.arange(105)
"""Heights at which the silhouette's width is measured, so far apart."""

SMOOTHING_ROWS = 1.5
"""Deviation of the Gaussian that smooths it over them."""


def _at_rows(*values_m: float) -> np.ndarray:
    """What is known at some heights, at ROWS_M."""
    heights_m = (-0.08, -0.12, -0.14, -0.16, -0.18, -0.20, -0.22)
    return np.interp(-ROWS_M, np.negative(heights_m), values_m)


FRONT_M = _at_rows(0.056, 0.056, 0.05, 0.045, 0.04, 0.04, 0.04)
"""How far before the head's centre the column begins at ROWS_M; this and the next two taken from one scanned head."""

BACK_M = _at_rows(-0.06, -0.063, -0.069, -0.075, -0.083, -0.09, -0.096)
"""And where it ends behind."""

WIDEST_M = _at_rows(0.07, 0.07, 0.075, 0.1, 0.16, 0.19, 0.20)
"""Its greatest half width there."""

AXIS_M = 0.5 * (FRONT_M + BACK_M)
"""Its middle, before the head's centre."""

LEAST_WIDTH_M = 0.02
"""Its least half width."""

LOWEST_M = -0.25
"""The height at which it ends below."""

HANGS_M = (-0.09, 0.022)
"""Hair hangs around the neck where the silhouette, at the first height and within the second of it, is wider to both
sides than a neck."""

HAIR_M = (0.008, 0.020)
"""By how much, between no hair and surely hair."""

HAIR_WIDEST_M, HAIR_BACK_M = 0.15, -0.11
"""Its greatest half width, and how far before the head's centre it ends behind."""

DEEP_M = 0.8
"""An outline's own section is so deep: only its width is known."""

MARCH_M = tuple(np.linspace(0.02, 0.40, 20).tolist())
"""Distances from the head's centre between which the column's end is looked for."""

HALVINGS = 5
"""How often they are halved then."""

INWARDS_TEXELS, SMOOTH_TEXELS = 2.0, 0.8
"""Deviations, in texels of 128 a side, of Gaussians that smooth it inwards and altogether: grazed by rays, a step would
tear, and beyond the silhouette it would be cut."""

POSSIBLE, AROUND_PX = 0.15, 2
"""Where the segmentation of the person says less than the first, and farther than the second from where it says more,
networks' mattes are not believed: beside necks they take bright walls for shoulders."""


@dataclass(frozen=True)
class Silhouette:
    """Where the person ends to either side of the neck's axis, in metres at the axis' depth."""

    right: np.ndarray  # [3], to the picture's right, level
    forward: np.ndarray  # [3], towards the camera, level
    camera_m: float  # along `forward`
    ends_m: np.ndarray  # [len(ROWS_M), 2], along `right`, negative and positive
    outline_m: np.ndarray  # likewise, with ears, where `ends_m` are without

    @staticmethod
    def of(matte: np.ndarray, camera: Camera) -> "Silhouette":
        """Of a matte [H, H], 0..1, that the camera sees."""
        forward = camera.position_m * (1.0, 0.0, 1.0)
        forward = forward / np.linalg.norm(forward)
        right = np.array([forward[2], 0.0, -forward[0]])
        size = matte.shape[0]
        axis = ROWS_M[:, None] * (0.0, 1.0, 0.0) + AXIS_M[:, None] * forward
        (pixels, _), (beside, _) = (camera.resized(size, size).project(axis + x * right) for x in (0.0, 0.01))
        columns, rows = np.clip(pixels, 0, size - 1).astype(int).T
        outside, after = matte[rows] < 0.5, np.arange(size) - columns[:, None]  # [rows, size]
        last, first = np.where(outside & (after <= 0), after, -size), np.where(outside & (after >= 0), after, size)
        ends = np.stack([last.max(1), first.min(1)], 1)
        ends_m = ends * 0.01 / (beside - pixels)[:, :1]
        smooth = ndimage.gaussian_filter1d(ends_m, SMOOTHING_ROWS, axis=0)
        ends_m = np.where(abs(smooth) < abs(ends_m), smooth, ends_m)  # not beyond the silhouette
        return Silhouette(right, forward, float(camera.position_m @ forward), ends_m, ends_m)

    def axes(self) -> np.ndarray:
        """Right, up and towards the camera, [3, 3]."""
        return np.stack([self.right, (0.0, 1.0, 0.0), self.forward])

    def hair(self) -> float:
        """How surely hair hangs down beside the neck, 0..1."""
        height_m, within_m = HANGS_M
        beside = abs(ROWS_M - height_m) < within_m
        return float(ramp((abs(self.ends_m) - WIDEST_M[:, None])[beside].min(), HAIR_M))


def without_walls(matte: np.ndarray, person: np.ndarray) -> np.ndarray:
    """A networks' matte [H, H] where a coarse segmentation of the person [H, H] allows it, 0..1."""
    return matte * ndimage.binary_dilation(person > POSSIBLE, iterations=AROUND_PX)


def column_radius(
    silhouette: Silhouette, size: int, half_extent: float, device: torch.device | str = "cpu", hair: bool = False
) -> Tensor:
    """Distance [size, size] from the head's centre at which directions leave the column, metres, float32.

    With `hair` it is that which hangs around the neck.
    """
    widest, back = (HAIR_WIDEST_M, np.minimum(BACK_M, HAIR_BACK_M)) if hair else (WIDEST_M, BACK_M)
    left = np.maximum(silhouette.ends_m[:, 0], -widest).clip(max=-LEAST_WIDTH_M)
    right = np.minimum(silhouette.ends_m[:, 1], widest).clip(min=LEAST_WIDTH_M)
    section = 0.5 * np.stack([FRONT_M + back, FRONT_M - back, left + right, right - left], 1)
    return _leaving(silhouette, section, size, half_extent, device)


def outline_radius(silhouette: Silhouette, size: int, half_extent: float, device: torch.device | str) -> Tensor:
    """Distance [size, size] from the head's centre at which directions to the sides leave the outline, metres."""
    left, right = silhouette.outline_m.T
    left, right = left.clip(max=-LEAST_WIDTH_M), right.clip(min=LEAST_WIDTH_M)
    depth = np.full_like(left, DEEP_M)
    section = 0.5 * np.stack([np.zeros_like(left), depth, left + right, right - left], 1)
    return _leaving(silhouette, section, size, half_extent, device)


def _leaving(
    silhouette: Silhouette, section: np.ndarray, size: int, half_extent: float, device: torch.device | str
) -> Tensor:
    """Distances [size, size] in metres at which directions leave a `section` [len(ROWS_M), 4]; see `_radius`."""
    arrays = (section, silhouette.axes(), silhouette.camera_m)
    section_m, axes, camera_m = (sent(x, device, torch.float32) for x in arrays)
    return _radius(section_m, axes, camera_m, size, half_extent)


@recorded
def _radius(section: Tensor, axes: Tensor, camera_m: Tensor, size: int, half_extent: float) -> Tensor:
    """Distances at which directions leave ellipses: at ROWS_M the axis, half a depth, a middle and half a width.

    `section` [len(ROWS_M), 4] is as seen along `axes` [3, 3] from `camera_m` before the head's centre.
    """
    directions = kept(texel_directions, size, section, half_extent)[..., None, :]  # [V, U, 1, 3]
    right, _, forward = axes

    def outside(distance_m: Tensor) -> Tensor:
        """Whether what lies so far along the directions [V, U, M] is outside the column."""
        points = directions * distance_m[..., None]
        axis, half_depth, middle, half_width = at_heights(section, points[..., 1]).unbind(-1)
        before = points @ forward
        seen_beside = (points @ right) * (camera_m - axis) / (camera_m - before)
        level = ((seen_beside - middle) / half_width) ** 2 + ((before - axis) / half_depth) ** 2
        return torch.maximum(level, points[..., 1] / LOWEST_M) > 1.0

    march_m = constant(MARCH_M, section.device)
    crossed = outside(march_m.expand(size, size, -1)).to(torch.uint8)
    crossed[..., -1] = 1  # upwards it has no end
    after = crossed.argmax(-1).clamp_min(1)
    low, high = march_m[after - 1], march_m[after]
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        there = outside(middle[..., None])[..., 0]
        low, high = torch.where(there, low, middle), torch.where(there, middle, high)
    radius = (0.5 * (low + high)).log()[None]
    inwards, altogether = (texels * size / 128 for texels in (INWARDS_TEXELS, SMOOTH_TEXELS))
    return smoothed(torch.minimum(radius, smoothed(radius, inwards)), altogether)[0].exp()


def at_heights(rows: np.ndarray | Tensor, height_m: Tensor) -> Tensor:
    """What is known at ROWS_M, [len(ROWS_M), C], at heights of any shape: [..., C]."""
    known = torch.as_tensor(rows, dtype=height_m.dtype, device=height_m.device)
    place = ((ROWS_M[0] - height_m) / ROW_M).clamp(0.0, len(rows) - 1.001)
    above = place.long()
    return torch.lerp(known[above], known[above + 1], (place - above)[..., None])
