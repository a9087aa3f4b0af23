"""A neck, laid around by the innermost sheet.

A direction from the head's centre meets the neck's side and then, farther out, the shoulders; the networks' sheets
follow the shoulders, and of the neck there was no more than its front. Here the innermost sheet becomes a column under
the head: as wide as the photograph's silhouette, as deep as necks are, with the photograph's colours around it. The
other sheets are laid between it and what they reached before, and hold what they held.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from scipy import ndimage
from torch import Tensor

from .camera import Camera
from .conventions import CHART_HALF_EXTENT
from .networks.geometry import (
    CameraBatch,
    SheetGeometry,
    Values,
    chart_angles_deg,
    kept,
    ramp,
    resampled,
    rows_below,
    texel_directions,
)
from .networks.inversion import Inversion, Painting
from .surface_following import looked_up, offset_before, sheet_level

OFFSET_M = -0.042
"""Of the innermost sheet, once it is the neck's."""

HALF_DEPTH_M, LEAN, WIDEST_M, LOWEST_M = 0.06, 0.05, (0.07, 0.13), -0.25
"""The column: half its depth; how far back it goes for each metre down; its greatest half width at the jaw and where
shoulders begin; and its end. Chosen on one scanned head and within what the head model's neck has."""

JAW_M, SHOULDERS_M = -0.12, -0.17
"""Heights at which these widths count."""

BEGINS_DEG, FREE_DEG, UNDER_SKIN_M = (-20.0, -30.0), (-26.0, -34.0), 0.03
"""Elevations between which the sheets are laid anew, and up to which the column stays under the skin, by how much."""

BESIDE_DEG = (20.0, 45.0)
"""And azimuths between which they are: the throat, the collar and the chest before them stay as they are."""

NAPE = ((105.0, 90.0), (-36.0, -28.0, -20.0, -12.0, -4.0), (-0.004, 0.008, 0.018, 0.028, 0.06))
LOBES = ((80.0, 65.0), (-46.0, -38.0, -34.0, -28.0, -20.0), (0.2, -0.004, -0.004, 0.012, 0.06))
"""How far beyond the column the head may go on behind the ears and at their lobes: azimuths in degrees between which
that comes to hold; elevations in degrees; and how many metres at these."""

ENDLESS_M, ENDING_M = 0.2, 0.004
"""Before these azimuths so much more is allowed, which no head fills; and within what it ends."""

LEAST_SPREAD, CENTRE_M = 0.6, 0.012
"""Sheets come no closer together than this share of before, and no nearer to the head's centre."""

INWARDS = 0.8
"""Colours are the photograph's, from no farther out than this share of the silhouette's half width."""

ROWS_M, SMOOTHING_ROWS = np.linspace(0.12, -0.40, 105), 1.5
"""Heights at which the silhouette's width is measured, and how smooth it is over them."""

MARCH_M = np.linspace(0.02, 0.40, 77)
COLUMN_SIZE = 64
"""Distances from the head's centre at which the column's end is looked for, and directions along the chart's side."""


@dataclass(frozen=True)
class Silhouette:
    """Where the person ends to either side of the neck's axis, in metres at the axis' depth."""

    right: np.ndarray  # [3], to the picture's right, level
    forward: np.ndarray  # [3], towards the camera, level
    camera_m: float  # along `forward`
    ends_m: np.ndarray  # [2, len(ROWS_M)], along `right`, negative and positive

    @staticmethod
    def of(matte: np.ndarray, camera: Camera) -> "Silhouette":
        """Of a matte [H, H], 0..1, that the camera sees."""
        forward = camera.position_m * (1.0, 0.0, 1.0)
        forward = forward / np.linalg.norm(forward)
        right = np.array([forward[2], 0.0, -forward[0]])
        size = matte.shape[0]
        axis = ROWS_M[:, None] * (0.0, 1.0, 0.0) + _axis(ROWS_M)[:, None] * forward
        (pixels, _), (beside, _) = (camera.resized(size, size).project(axis + x * right) for x in (0.0, 0.01))
        columns, rows = np.clip(pixels, 0, size - 1).astype(int).T
        outside, after = matte[rows] < 0.5, np.arange(size) - columns[:, None]  # [rows, size]
        last, first = np.where(outside & (after <= 0), after, -size), np.where(outside & (after >= 0), after, size)
        ends = np.stack([last.max(1), first.min(1)])
        ends_m = ends * 0.01 / (beside - pixels)[:, 0]
        smooth = ndimage.gaussian_filter1d(ends_m, SMOOTHING_ROWS)
        ends_m = np.where(abs(smooth) < abs(ends_m), smooth, ends_m)  # not beyond the silhouette
        return Silhouette(right, forward, float(camera.position_m @ forward), ends_m)

    def ends_at(self, height_m: Tensor) -> tuple[Tensor, Tensor]:
        """Both ends at heights of any shape, float64."""
        left, right = (interpolated(-height_m, -ROWS_M, ends) for ends in self.ends_m)
        return left, right

    def beside(self, points_m: Tensor) -> Tensor:
        """How far points [..., 3] are seen beside the axis, measured at its depth."""
        depth = self.camera_m - along(points_m, self.forward)
        return along(points_m, self.right) * (self.camera_m - _axis(points_m[..., 1])) / depth


def with_neck(network: Inversion, painting: Painting, camera: Camera, picture: Tensor) -> tuple[Inversion, Painting]:
    """The first portrait of a batch, and the networks, with sheets laid so that the innermost is a neck.

    `picture` [1, 4, H, W] is what the networks saw; `visible` and `photographed` stay as they were.
    """
    geometry, device = network.geometry, picture.device
    silhouette = Silhouette.of(painting.matte[0, 0].cpu().numpy(), camera)
    old, spread, offsets = painting.radius_m[0], geometry.spread, geometry.offsets_m
    size = old.shape[-1]
    low, free = geometry.kept(neck_share, size, old), geometry.kept(_free, size, old)
    column = resampled(column_radius(silhouette, COLUMN_SIZE, geometry.half_extent, device), size)
    inmost = torch.minimum(column, old - UNDER_SKIN_M + free)  # a metre below the jaw: no bound
    wanted = torch.maximum((inmost - old) / OFFSET_M, LEAST_SPREAD * spread)
    moved = torch.lerp(old, inmost - OFFSET_M * wanted, low) - old
    displacement = painting.displacement_m[:1]
    displacement = displacement + F.adaptive_avg_pool2d(moved[None], displacement.shape[-1])
    radius = geometry.total_radius(displacement)[0]
    laid = torch.lerp(spread, (inmost - radius) / OFFSET_M, low)
    laid = torch.minimum(laid, (CENTRE_M - radius) / OFFSET_M).clamp_min(0.1)
    sheets = geometry.laid(laid, torch.cat([offsets.new_tensor([OFFSET_M]), offsets[1:]]))

    def again(stack: Tensor) -> Tensor:
        """[1, S, C, T, T] where the sheets lie now; the innermost is yet to be filled."""
        rows = rows_below(stack.shape[-1], BEGINS_DEG[0], geometry.half_extent)
        before = offset_before((radius, laid), (old, spread), sheets.offsets_m, stack.shape[-1], rows)
        moved = stack.clone()
        moved[..., rows, :] = looked_up(stack[..., rows, :], sheet_level(before, offsets)[None])
        return moved

    opacity = again(painting.opacity[:1, :, None])[:, :, 0]
    colours = again(torch.cat([painting.confidence[:1, :, None], painting.painted[:1]], 2))
    confidence, painted = colours[:, :, 0], colours[:, :, 1:]
    opacity = opacity * _before_nape(sheets, radius, column, opacity.shape[-1])
    opacity[:, 0] = resampled(low, opacity.shape[-1])
    confidence[:, 0] = 0.0  # of the photograph: it shows the neck once, in front
    inner = (resampled(radius, painted.shape[-1]) + OFFSET_M * resampled(laid, painted.shape[-1]))[..., None]
    painted[:, 0] = _colours(
        silhouette, inner * geometry.kept(texel_directions, painted.shape[-1], inner), camera, picture
    )
    painting = replace(
        painting,
        opacity=opacity,
        confidence=confidence,
        painted=painted,
        displacement_m=displacement,
        radius_m=radius[None],
    )
    return network.with_geometry(sheets), painting


def _before_nape(geometry: SheetGeometry, radius_m: Tensor, column_m: Tensor, size: int) -> Tensor:
    """What stays of the sheets' texels [S, size, size], 0..1: behind the ears the head narrows down to the neck.

    radius_m and column_m [G, G]. The networks end the head there in a ledge, or go on to a back that hangs in air.
    """
    radius, column, spread = (resampled(x, size) for x in (radius_m, column_m, geometry.spread))
    beyond = radius - column - geometry.kept(_nape_m, size, radius) + geometry.offsets_m[:, None, None] * spread
    return 1.0 - ramp(beyond, (0.0, ENDING_M))


@cache
def _nape_m(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far beyond the column the head goes on behind the ears; elsewhere without an end."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    nape, lobes = (
        np.interp(elevation_deg, degrees, most_m) + ENDLESS_M * ramp(azimuth_deg, begins_deg)
        for begins_deg, degrees, most_m in (NAPE, LOBES)
    )
    with torch.inference_mode(False):
        return torch.tensor(np.minimum(nape, lobes), dtype=torch.float32)


@cache
def neck_share(size: int, half_extent: float = CHART_HALF_EXTENT) -> Tensor:
    """Chart map [size, size]: how far the innermost sheet is the neck's, 0..1."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    with torch.inference_mode(False):
        return torch.tensor(ramp(elevation_deg, BEGINS_DEG) * ramp(azimuth_deg, BESIDE_DEG), dtype=torch.float32)


@cache
def _free(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 1 where the column need not stay under the skin."""
    with torch.inference_mode(False):
        return torch.tensor(ramp(chart_angles_deg(size, half_extent)[1], FREE_DEG), dtype=torch.float32)


def column_radius(
    silhouette: Silhouette,
    size: int,
    half_extent: float = CHART_HALF_EXTENT,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Distance [size, size] from the head's centre at which directions leave the column, metres, float32."""
    march_m = torch.tensor(MARCH_M, device=device)
    points = kept(texel_directions, size, march_m, half_extent)[..., None, :] * march_m[:, None]  # [V, U, M, 3]
    height = points[..., 1]
    widest = interpolated(-height, (-JAW_M, -SHOULDERS_M), WIDEST_M)
    left, right = silhouette.ends_at(height)
    left, right = torch.maximum(left, -widest).clamp(max=-0.02), torch.minimum(right, widest).clamp(min=0.02)
    across = (silhouette.beside(points) - 0.5 * (left + right)) / (0.5 * (right - left))
    depth = (along(points, silhouette.forward) - _axis(height)) / HALF_DEPTH_M
    level = torch.maximum(across**2 + depth**2, height / LOWEST_M)
    after = (level > 1.0).to(torch.uint8).argmax(-1, keepdim=True).clamp_min(1)
    before, beyond = (level.gather(-1, index)[..., 0] for index in (after - 1, after))
    share = ((1.0 - before) / (beyond - before).clamp_min(1e-6)).clamp(0.0, 1.0)
    return interpolated(after[..., 0] - 1 + share, np.arange(len(MARCH_M)), MARCH_M).float()


def interpolated(x: Tensor, places: ArrayLike, values: ArrayLike) -> Tensor:
    """`np.interp` of a tensor of any shape, float64."""
    x = x.double()
    known, at = (torch.tensor(np.asarray(y, np.float64), device=x.device) for y in (places, values))
    slope = at.diff() / known.diff()
    below = (torch.searchsorted(known, x, right=True) - 1).clamp(0, len(slope) - 1)
    between = slope[below] * (x.clamp(known[0], known[-1]) - known[below]) + at[below]
    return torch.where(x >= known[-1], at[-1], between)


def along(points_m: Tensor, axis: np.ndarray) -> Tensor:
    """How far points [..., 3] lie along an axis [3]."""
    return points_m @ torch.tensor(axis, dtype=points_m.dtype, device=points_m.device)


def _axis(height_m: Values) -> Values:
    """How far before the head's centre the neck's axis lies."""
    return LEAN * height_m.clip(max=0.0)


def _colours(silhouette: Silhouette, points_m: Tensor, camera: Camera, picture: Tensor) -> Tensor:
    """What the picture shows of points [V, U, 3] moved inwards, from the silhouette's edge and beyond: [3, V, U]."""
    points = points_m.double()
    left, right = silhouette.ends_at(points[..., 1])
    beside = along(points, silhouette.right)
    moved = torch.minimum(torch.maximum(beside, INWARDS * left), INWARDS * right) - beside
    inward = (points + moved[..., None] * torch.tensor(silhouette.right, device=points.device)).float()
    projected, _ = CameraBatch.of([camera], picture.device).project(inward[None, None])
    reach = picture.shape[-1] // 64
    soft = F.avg_pool2d(F.pad(picture[:, :3], 4 * (reach,), "replicate"), 2 * reach + 1, 1)
    return F.grid_sample(soft, projected[0], "bilinear", "border", False)[0]
