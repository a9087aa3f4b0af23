"""A neck, laid around by the innermost sheet.

A direction from the head's centre meets the neck's side and then, farther out, the shoulders; the networks' sheets
follow the shoulders, and of the neck there was no more than its front. Here the innermost sheet becomes a column under
the head: as wide as the photograph's silhouette, as deep as necks are, with the photograph's colours around it, those
of a collar, too. The other sheets are laid between it and what they reached before, and hold what they held, but for
what the networks let hang behind the ears.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from .camera import Camera
from .conventions import CHART_HALF_EXTENT
from .networks.geometry import (
    CameraBatch,
    SheetGeometry,
    chart_angles_deg,
    kept,
    ramp,
    resampled,
    rows_below,
    smoothed,
    texel_directions,
)
from .networks.inversion import Inversion, Painting
from .networks.visibility import push_pull
from .surface_following import looked_up, offset_before, sheet_level

OFFSET_M = -0.042
"""Of the innermost sheet, once it is the neck's."""

ROW_M = 0.005
ROWS_M, SMOOTHING_ROWS = 0.12 - ROW_M * np.arange(105), 1.5
"""Heights at which the silhouette's width is measured, and how smooth it is over them."""

HEIGHTS_M = (-0.08, -0.12, -0.14, -0.16, -0.18, -0.20, -0.22)
FRONT_M, BACK_M, WIDEST_M = (
    np.interp(-ROWS_M, np.negative(HEIGHTS_M), values_m)
    for values_m in (
        (0.056, 0.056, 0.05, 0.045, 0.04, 0.04, 0.04),
        (-0.06, -0.063, -0.069, -0.075, -0.083, -0.09, -0.096),
        (0.07, 0.07, 0.075, 0.1, 0.16, 0.19, 0.20),
    )
)
AXIS_M, LEAST_WIDTH_M, LOWEST_M = 0.5 * (FRONT_M + BACK_M), 0.02, -0.25
"""The column: how far before the head's centre it begins and ends at these heights, and its greatest half width there,
taken from one scanned head; its least half width, and its own end."""

BEGINS_DEG, FREE_DEG, UNDER_SKIN_M = (-20.0, -30.0), (-26.0, -34.0), 0.03
"""Elevations between which the sheets are laid anew, and up to which the column stays under the skin, by how much."""

BESIDE_DEG = (20.0, 45.0)
"""And azimuths between which they are: the throat, the collar and the chest before them stay as they are."""

NAPE = ((96.0, 84.0), (-36.0, -28.0, -20.0, -12.0, -4.0), (-0.004, 0.002, 0.010, 0.022, 0.06))
LOBES = ((80.0, 65.0), (-46.0, -38.0, -34.0, -28.0, -20.0, -12.0), (0.2, -0.004, -0.004, 0.004, 0.03, 0.06))
"""How far beyond the column the head may go on behind the ears and at their lobes: azimuths in degrees between which
that comes to hold; elevations in degrees; and how many metres at these."""

ENDLESS_M, ENDING_M = 0.2, 0.004
"""Before these azimuths so much more is allowed, which no head fills; and within what it ends."""

HANGS_M, HAIR_M, HAIR_WIDEST_M, HAIR_BACK_M = (-0.09, 0.022), (0.008, 0.020), 0.15, -0.11
"""Hair hangs around the neck where the silhouette, within so much of that height, is so much wider than a neck to both
sides: as wide as that, up to the third, and back to the last."""

LEAST_SPREAD, CENTRE_M = 0.6, 0.012
"""Sheets come no closer together than this share of before, and no nearer to the head's centre."""

INSET_M, RISE_M, EDGE_DEG = (0.006, 0.01), 0.015, (50.0, 90.0)
"""Colours are the photograph's, from so far beside and below the silhouette's edges, which are taken so much lower;
between these azimuths that comes to hold."""

MARCH_M, HALVINGS, COLUMN_TEXELS = np.linspace(0.02, 0.40, 20), 5, 2.0
"""Distances from the head's centre between which the column's end is looked for; how often its place is halved then;
and how smooth it is, in texels of 128: grazed by rays, a step would tear."""


@dataclass(frozen=True)
class Silhouette:
    """Where the person ends to either side of the neck's axis, in metres at the axis' depth."""

    right: np.ndarray  # [3], to the picture's right, level
    forward: np.ndarray  # [3], towards the camera, level
    camera_m: float  # along `forward`
    ends_m: np.ndarray  # [len(ROWS_M), 2], along `right`, negative and positive

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
        return Silhouette(right, forward, float(camera.position_m @ forward), ends_m)

    def hair(self) -> float:
        """How surely hair hangs down beside the neck, 0..1."""
        height_m, within_m = HANGS_M
        beside = abs(ROWS_M - height_m) < within_m
        return float(ramp((abs(self.ends_m) - WIDEST_M[:, None])[beside].min(), HAIR_M))


def with_neck(network: Inversion, painting: Painting, camera: Camera, picture: Tensor) -> tuple[Inversion, Painting]:
    """The first portrait of a batch, and the networks, with sheets laid so that the innermost is a neck.

    `picture` [1, 4, H, W] is what the networks saw; `visible` and `photographed` stay as they were.
    """
    geometry, device = network.geometry, picture.device
    silhouette = Silhouette.of(painting.matte[0, 0].cpu().numpy(), camera)
    old, spread, offsets = painting.radius_m[0], geometry.spread, geometry.offsets_m
    size = old.shape[-1]
    low, free = geometry.kept(neck_share, size, old), geometry.kept(_free, size, old)
    column = column_radius(silhouette, size, geometry.half_extent, device)
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
    opacity = opacity * _before_nape(sheets, radius, column, silhouette, opacity.shape[-1])
    opacity[:, 0] = resampled(low, opacity.shape[-1])
    confidence[:, 0] = 0.0  # of the photograph: it shows the neck once, in front
    inner = (resampled(radius, painted.shape[-1]) + OFFSET_M * resampled(laid, painted.shape[-1]))[..., None]
    points = inner * geometry.kept(texel_directions, painted.shape[-1], inner)
    painted[:, 0] = _colours(silhouette, points, camera, picture, painting.matte[:1])
    painting = replace(
        painting,
        opacity=opacity,
        confidence=confidence,
        painted=painted,
        displacement_m=displacement,
        radius_m=radius[None],
    )
    return network.with_geometry(sheets), painting


def _before_nape(
    geometry: SheetGeometry, radius_m: Tensor, column_m: Tensor, silhouette: Silhouette, size: int
) -> Tensor:
    """What stays of the sheets' texels [S, size, size], 0..1: behind the ears the head narrows down to the neck, where
    no hair hangs.

    radius_m and column_m [G, G]. The networks end the head there in a ledge, or go on to a back that hangs in air.
    """
    radius, column, spread = (resampled(x, size) for x in (radius_m, column_m, geometry.spread))
    most = column + geometry.kept(_nape_m, size, radius)
    hair = silhouette.hair()
    if hair > 0.0:
        hanging = resampled(column_radius(silhouette, len(column_m), geometry.half_extent, column.device, True), size)
        most = torch.lerp(most, torch.maximum(most, hanging), hair)
    beyond = radius - most + geometry.offsets_m[:, None, None] * spread
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
    hair: bool = False,
) -> Tensor:
    """Distance [size, size] from the head's centre at which directions leave the column, metres, float32.

    With `hair` it is that which hangs around the neck.
    """
    widest, back = (HAIR_WIDEST_M, np.minimum(BACK_M, HAIR_BACK_M)) if hair else (WIDEST_M, BACK_M)
    left = np.maximum(silhouette.ends_m[:, 0], -widest).clip(max=-LEAST_WIDTH_M)
    right = np.minimum(silhouette.ends_m[:, 1], widest).clip(min=LEAST_WIDTH_M)
    section = 0.5 * np.stack([FRONT_M + back, FRONT_M - back, left + right, right - left], 1)
    directions = kept(texel_directions, size, torch.zeros((), device=device), half_extent)[..., None, :]  # [V, U, 1, 3]

    def outside(distance_m: Tensor) -> Tensor:
        """Whether what lies so far along the directions [V, U, M] is outside the column."""
        points = directions * distance_m[..., None]
        axis, half_depth, middle, half_width = at_heights(section, points[..., 1]).unbind(-1)
        before = along(points, silhouette.forward)
        seen_beside = along(points, silhouette.right) * (silhouette.camera_m - axis) / (silhouette.camera_m - before)
        level = ((seen_beside - middle) / half_width) ** 2 + ((before - axis) / half_depth) ** 2
        return torch.maximum(level, points[..., 1] / LOWEST_M) > 1.0

    march_m = torch.tensor(MARCH_M, dtype=torch.float32, device=device)
    after = outside(march_m.expand(size, size, -1)).to(torch.uint8).argmax(-1).clamp_min(1)
    low, high = march_m[after - 1], march_m[after]
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        there = outside(middle[..., None])[..., 0]
        low, high = torch.where(there, low, middle), torch.where(there, middle, high)
    return smoothed((0.5 * (low + high)).log()[None], COLUMN_TEXELS * size / 128)[0].exp()


def at_heights(rows: np.ndarray, height_m: Tensor) -> Tensor:
    """What is known at ROWS_M, [len(ROWS_M), C], at heights of any shape: [..., C]."""
    known = torch.tensor(rows, dtype=height_m.dtype, device=height_m.device)
    place = ((ROWS_M[0] - height_m) / ROW_M).clamp(0.0, len(rows) - 1.001)
    above = place.long()
    return torch.lerp(known[above], known[above + 1], (place - above)[..., None])


def along(points_m: Tensor, axis: np.ndarray) -> Tensor:
    """How far points [..., 3] lie along an axis [3]."""
    return points_m @ torch.tensor(axis, dtype=points_m.dtype, device=points_m.device)


def _colours(silhouette: Silhouette, points_m: Tensor, camera: Camera, picture: Tensor, matte: Tensor) -> Tensor:
    """What the picture shows of points [V, U, 3] in front, and beside and behind at the silhouette's edges: [3, V, U].

    A collar stands higher behind than where those edges show it.
    """
    beside, before = along(points_m, silhouette.right), along(points_m, silhouette.forward)
    height = points_m[..., 1] - RISE_M
    axis, left, right = at_heights(np.column_stack([AXIS_M, silhouette.ends_m]), height).unbind(-1)
    edge = torch.where(beside < 0.0, left + INSET_M[0], right - INSET_M[0])
    axes = points_m.new_tensor(np.stack([silhouette.right, (0.0, 1.0, 0.0), silhouette.forward]))
    at_edge = torch.stack([edge, height - INSET_M[1], axis], -1) @ axes
    share = ramp(torch.atan2(beside.abs(), before).rad2deg(), EDGE_DEG)[..., None]
    projected, _ = CameraBatch.of([camera], picture.device).project(torch.lerp(points_m, at_edge, share)[None, None])
    reach = picture.shape[-1] // 128
    person = (-F.max_pool2d(-matte, 2 * reach + 1, 1, reach) > 0.9).float()
    colours = push_pull(picture[:, :3], person)
    return F.grid_sample(colours, projected[0], "bilinear", "border", False)[0]
