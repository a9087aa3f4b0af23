"""A neck, laid around by the innermost sheet.

A direction from the head's centre meets the neck's side and then, farther out, the shoulders; the networks' sheets
follow the shoulders, and of the neck there was no more than its front. Here the innermost sheet becomes a column under
the head: as wide as the photograph's silhouette, as deep as necks are, or as the hair that hangs behind, and the
head's back narrows down to it. The other sheets are laid between it and what they reached before, and hold what they
held, but for what the networks let hang behind the ears. What closing sheets leaves there later ends where they did.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..networks.chart_maps import chart_angles_deg, region, rows_below
from ..networks.kept import constant, kept, lasting
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled
from ..networks.sheet_geometry import SheetGeometry
from ..photo.masks import least_around
from ..ramps import Edges, ramp
from .back_of_head import with_back, with_nape
from .neck_column import Silhouette, column_radius, outline_radius
from .surface_following import looked_up, offset_before, sheet_level

OFFSET_M = -0.042
"""Of the innermost sheet, once it is the neck's."""

BEGINS_DEG = (-20.0, -30.0)
"""Elevations between which the sheets come to be laid anew."""

BESIDE_DEG = (20.0, 45.0)
"""Azimuths between which they do: the throat, the collar and the chest before them stay as they are."""

WHOLE = (0.0, 0.5)
"""How far the sheets are laid anew between where the innermost is clear and where it is opaque."""

UNDER_SKIN_M = 0.03
"""The column stays so far under the skin of the head."""

FREE_DEG = (-26.0, -34.0)
"""Elevations between which it need not do so any more."""

HANGS_DEG = (75.0, 95.0)
"""Azimuths between which the column becomes that of hair, where hair hangs."""

UNDER_HAIR_M = 0.008
"""How far under the hair's outside, or it would be seen through fringes."""


class Allowed(NamedTuple):
    """How far beyond the column a head may go on."""

    begins_deg: Edges  # azimuths between which that comes to hold
    elevations_deg: tuple[float, ...]
    most_m: tuple[float, ...]  # at these


NAPE = Allowed((96.0, 84.0), (-36.0, -28.0, -20.0, -12.0, -4.0), (-0.004, 0.002, 0.010, 0.022, 0.06))
"""Behind the ears."""

LOBES = Allowed((90.0, 76.0), (-46.0, -41.0, -38.0, -34.0, -29.0, -12.0), (0.2, -0.004, -0.004, 0.004, 0.03, 0.06))
"""At their lobes."""

ENDLESS_M = 0.2
"""Before those azimuths so much more is allowed, which no head fills."""

ENDING_M = 0.004
"""What goes on too far ends within this."""

BEHIND_HEAD_DEG = (92.0, 100.0)
"""Azimuths from which it ends a texel sooner; before, there may be shoulders."""

TABS_AZIMUTH_DEG = 84.0
"""Where sheets were closed tabs are left behind this azimuth."""

TABS_ELEVATION_DEG = (-46.0, -16.0)
"""And between these elevations."""

TAB_M = 0.002
"""What is within this of the head's end is no tab."""

TABS_M = 0.05
"""Nor what is farther out than this: a shoulder."""

ON_EARS = (0.0, 0.5)
"""How surely a direction is an ear's between where the head ends before that and where it goes on to it."""

EAR_M = 0.003
"""How far outside of an ear's surface it ends."""

LEAST_SPREAD = 0.6
"""Sheets come no closer together than this share of before."""

CENTRE_M = 0.012
"""Nor nearer to the head's centre."""


def with_neck(painting: PaintedSheets, silhouette: Silhouette, ears: Tensor) -> tuple[PaintedSheets, Tensor]:
    """A portrait with sheets laid so that the innermost is a neck; and how far the head goes on above it, [T, T] in
    metres, for `without_tabs`.

    `silhouette` and `ears` [G, G] are what `with_ears` says. The neck's colours are for `neck_colours` to tell.
    """
    geometry, radius, hair = painting.geometry, painting.radius_m, silhouette.hair()
    shape = (silhouette, len(radius), geometry.half_extent, radius.device)
    column = column_radius(*shape)
    hanging = column_radius(*shape, hair=True) if hair > 0.0 else column
    column = torch.lerp(column, hanging - UNDER_HAIR_M, hair * geometry.kept(behind_ears, len(radius), radius))
    column = with_nape(geometry, radius, column, hair)
    size = painting.opacity.shape[-1]
    outline = resampled(outline_radius(silhouette, len(radius) // 2, geometry.half_extent, radius.device), len(radius))
    painting, back_m = with_back(painting, column, outline, ears, hair)
    farthest = _farthest(column, hanging, hair, size, geometry.half_extent)
    to_ears = ramp(ears, ON_EARS) * (painting.radius_m + EAR_M)
    farthest = torch.maximum(farthest, resampled(torch.maximum(to_ears, back_m + EAR_M), size))
    return _around_column(painting, column, farthest), farthest


def without_tabs(
    geometry: SheetGeometry, radius_m: Tensor, opacity: Tensor, ears: Tensor, farthest_m: Tensor
) -> Tensor:
    """Opacity [S, T, T] of sheets over `radius_m` [G, G] without what is farther out behind lobes, and on `ears`
    [G, G], than `farthest_m` [T, T]. There the photograph's view ends along a sheet, and what was closed for it went on
    behind. The innermost sheet is the neck's."""
    size = opacity.shape[-1]
    rows = rows_below(size, TABS_ELEVATION_DEG[1], geometry.half_extent)
    maps = (resampled(radius_m, size), resampled(geometry.spread, size), farthest_m)
    middle, apart, farthest = (x[rows] for x in maps)
    there = torch.maximum(geometry.kept(_behind_lobes, size, radius_m), resampled(ramp(ears, ON_EARS), size))[rows]
    offsets = geometry.offsets_m[1:, None, None]
    ended = opacity[1:, rows] * _before_end(middle, apart, offsets, farthest, TAB_M)
    tabs = there * (middle + offsets * apart < farthest + TABS_M)
    cleared = opacity.clone()
    cleared[1:, rows] = torch.lerp(opacity[1:, rows], ended, tabs)
    return cleared


@recorded
def _around_column(
    painting: PaintedSheets,
    column: Tensor,  # [G, G]
    farthest: Tensor,  # [T, T], of the head
) -> PaintedSheets:
    """The painting laid around a column [G, G], a neck's; above it the head goes on to `farthest` [T, T]."""
    geometry = painting.geometry
    old, spread, offsets = painting.radius_m, geometry.spread, geometry.offsets_m
    size = old.shape[-1]
    low, free = geometry.kept(neck_share, size, old), geometry.kept(_free, size, old)
    inmost = torch.minimum(column, old - UNDER_SKIN_M + free)  # a metre below the jaw: no bound
    wanted = torch.maximum((inmost - old) / OFFSET_M, LEAST_SPREAD * spread)
    radius = torch.lerp(old, inmost - OFFSET_M * wanted, low)
    laid = torch.lerp(spread, (inmost - radius) / OFFSET_M, low)
    laid = torch.minimum(laid, (CENTRE_M - radius) / OFFSET_M).clamp_min(0.1)
    moved = painting.moved_to(radius)
    offsets_m = torch.cat([constant((OFFSET_M,), offsets.device), offsets[1:]])
    sheets = replace(moved.geometry, spread=laid, offsets_m=offsets_m)

    def again(stack: Tensor) -> Tensor:
        """[S, C, T, T] where the sheets lie now; of the innermost nothing counts but its colours beside the neck."""
        rows = rows_below(stack.shape[-1], BEGINS_DEG[0], geometry.half_extent)
        before = offset_before((radius, laid), (old, spread), sheets.offsets_m, stack.shape[-1], rows)
        moved = stack.clone()
        moved[..., rows, :] = looked_up(stack[..., rows, :], sheet_level(before, offsets))
        return moved

    opacity = again(painting.opacity[:, None])[:, 0]
    colours = again(torch.cat([painting.confidence[:, None], painting.painted], 1))
    confidence, painted = colours[:, 0], colours[:, 1:]
    middle, apart = (resampled(x, opacity.shape[-1]) for x in (radius, laid))
    before_end = _before_end(middle, apart, sheets.offsets_m[:, None, None], farthest)
    # A texel sooner: to the next one sheets go out by a centimetre, and hair that ends between them would, too.
    sooner = geometry.kept(_behind_head, opacity.shape[-1], opacity)
    opacity = opacity * torch.lerp(before_end, least_around(before_end, 1), sooner)
    opacity[0] = ramp(resampled(low, opacity.shape[-1]), WHOLE)
    confidence[0] = 0.0  # of the photograph: it shows the neck once, in front
    return replace(moved, opacity=opacity, confidence=confidence, painted=painted, geometry=sheets)


def _before_end(
    middle_m: Tensor, apart: Tensor, offsets_m: Tensor, farthest_m: Tensor, within_m: float = 0.0
) -> Tensor:
    """How far sheets lie before `farthest_m` [V, U], or `within_m` beyond it, and not farther out: [S, V, U], 0..1.

    They lie at offsets [S, 1, 1] times `apart` [V, U] from their middle [V, U].
    """
    beyond_m = middle_m - farthest_m + offsets_m * apart
    return 1.0 - ramp(beyond_m, (within_m, within_m + ENDING_M))


def _farthest(column_m: Tensor, hanging_m: Tensor, hair: float, size: int, half_extent: float) -> Tensor:
    """How far the head goes on, [size, size]: behind the ears it narrows down to the neck, where no hair hangs.

    column_m and hanging_m [G, G] are the neck's and hair's, 0..1 of which hangs. The networks end the head there in a
    ledge, or go on to a back that hangs in air.
    """
    column, hanging = resampled(torch.stack([column_m, hanging_m]), size)
    farthest = column + kept(_nape_m, size, column, half_extent)
    hanging = hanging + kept(_before_ears_m, size, column, half_extent)
    return torch.lerp(farthest, torch.maximum(farthest, hanging), hair)


def _behind_head(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where what is farther out than the head ends a texel sooner."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[0], BEHIND_HEAD_DEG))


def _nape_m(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far beyond the column the head goes on behind the ears; elsewhere without an end."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    nape, lobes = (
        np.interp(elevation_deg, part.elevations_deg, part.most_m) + ENDLESS_M * ramp(azimuth_deg, part.begins_deg)
        for part in (NAPE, LOBES)
    )
    return lasting(np.minimum(nape, lobes))


def _before_ears_m(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far beyond hair's own column it goes on; without an end before the ears."""
    return lasting(ENDLESS_M * ramp(chart_angles_deg(size, half_extent)[0], NAPE.begins_deg))


def _behind_lobes(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 1 behind lobes, where tabs are left."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    low_deg, high_deg = TABS_ELEVATION_DEG
    return lasting((azimuth_deg > TABS_AZIMUTH_DEG) & (elevation_deg > low_deg) & (elevation_deg < high_deg))


def neck_share(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far the innermost sheet is the neck's, 0..1."""
    return lasting(region(size, half_extent, (BESIDE_DEG,), (BEGINS_DEG,)))


def behind_ears(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: where hair that hangs down is behind the neck, 0..1."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[0], HANGS_DEG))


def _free(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 1 where the column need not stay under the skin."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[1], FREE_DEG))
