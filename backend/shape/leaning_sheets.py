"""Where sheets lean below the jaw, and how: along planes that face forward, down and outward, as `body` says.

Points of one plane are of one level, which grows the farther before, below and beside the head's centre they lie. The
first sheet lies before the throat, the last beyond the body, and the others between them.
"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..camera import Camera
from ..networks.chart_maps import chart_angles_deg, chart_grid, region, rows_below
from ..networks.kept import lasting
from ..networks.painted_sheets import PaintedSheets
from ..networks.push_pull import push_pull
from ..networks.resampling import smoothed
from ..photo.masks import greatest_around
from ..ramps import smoothstep
from .body_surface import PersonSurface
from .neck import CENTRE_M, neck_share

AZIMUTHS_DEG = (20.0, 90.0, 115.0)
"""Those at which the next two are known."""

BEGIN_DEG, WHOLE_DEG = (-50.0, -32.0, -29.0), (-60.0, -38.0, -37.0)
"""Elevations at which sheets begin to lean there, and lean altogether. In between they are steep, and a ray can pass
behind what they hold: less so under the jaw, and above the shoulders no more than needed."""

LEAN = (0.28, 0.42, 1.1)
"""A point's level is the sum of such shares of its distances beside, below and before the head's centre, as the
photograph's camera stands."""

MIDDLE = 0.05
"""Its distance beside is rounded off within this share of the whole distance."""

LEAST_LEAN = 0.2
"""And its level is at least this share of that."""

NEAREST_M = (0.04, 0.1)
"""The least and greatest level at which sheets begin."""

STEEP = 0.87
"""They begin before what is seen so steeply below the head's centre (a sine): the throat, most of all."""

MARGIN_M = 0.011
"""And how far before that, and beyond the body, they go."""

LEAST_SHARE = 0.5
"""The least level of the last sheet, in shares of its greatest."""

REACH_TEXELS = 12.0
"""How smoothly the last sheet's level follows the body's, in texels of the chart's 128."""

DEEP_M = 0.06
"""First and last sheet are at least so far apart."""

FARTHEST_M = 0.6
"""No sheet lies farther from the head's centre."""

LEAST_SPREAD = 0.1
"""How far apart they lie at the least, as a share of their offsets."""

CLOSE = 0.4
"""Under the chin sheets come so close together, as such a share, that a ray to the far shoulder passes below all of
them: what hangs there would be seen before it."""

CLOSE_AZIMUTH_DEG, CLOSE_ELEVATION_DEG = (45.0, 25.0), (-30.0, -42.0)
"""Azimuths and elevations between which they do."""


@cache
def leaning(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 0 on the head, 1 where sheets lean."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    begin, whole = (np.interp(azimuth_deg, AZIMUTHS_DEG, heights_deg) for heights_deg in (BEGIN_DEG, WHOLE_DEG))
    return lasting(smoothstep(np.clip((begin - elevation_deg) / (begin - whole), 0.0, 1.0)))


def close_together(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 1 where sheets come close together under the chin."""
    return lasting(region(size, half_extent, (CLOSE_AZIMUTH_DEG,), (CLOSE_ELEVATION_DEG,)))


def lower(size: int, half_extent: float) -> slice:
    """The rows of a chart map [size, size] in which anything is laid anew."""
    return rows_below(size, max(*BEGIN_DEG, CLOSE_ELEVATION_DEG[0]), half_extent)


def camera_facing(camera: Camera) -> tuple[float, float]:
    """The level direction (x, z) from the head's centre towards a camera, a unit long."""
    x, _, z = camera.position_m.tolist()
    away = math.hypot(x, z)
    return x / away, z / away


def lean_level(points_m: Tensor, facing: tuple[float, float]) -> Tensor:
    """Levels of points [..., 3] in metres: leaning planes are where these are alike. A head that is turned away keeps
    planes that the views around the photograph's, in direction `facing`, see alike from both sides."""
    beside, below, before = LEAN
    x, y, z = points_m.unbind(-1)
    towards, across = facing[0] * x + facing[1] * z, facing[1] * x - facing[0] * z
    distance = points_m.norm(dim=-1)
    level = torch.hypot(beside * across, MIDDLE * distance) - below * y + before * towards
    return torch.maximum(level, LEAST_LEAN * distance)


def sheet_levels(
    surface: PersonSurface, facing: tuple[float, float], size: int, half_extent: float
) -> tuple[Tensor, Tensor] | None:
    """Where sheets begin, and over the chart [size, size] where the last one lies, smoothly just beyond the body; None
    without a body."""
    person = surface.points_m[surface.matte > 0.5]
    steep = lean_level(person[-person[:, 1] > STEEP * person.norm(dim=-1)], facing)
    points = surface.points_m[(surface.matte > 0.5) & (surface.body > 0.5)]
    if not len(points):
        return None
    first = (steep.quantile(0.01) - MARGIN_M).clamp(*NEAREST_M) if len(steep) else steep.new_tensor(NEAREST_M[1])
    level = lean_level(points, facing)
    chart = 0.5 + 0.5 * chart_grid(points, half_extent).double()
    column, row = (chart * size).clamp(0, size - 1).long().unbind(-1)
    texel = row * size + column
    highest = level.new_zeros(size * size).scatter_reduce(0, texel, level, "amax").view(1, 1, size, size)
    highest = greatest_around(highest, 2)
    smooth = smoothed(push_pull(highest, (highest > 0.0).float())[:, 0], REACH_TEXELS)[0]
    most = float(level.quantile(0.99)) + MARGIN_M
    return first, (smooth + MARGIN_M).clamp(LEAST_SHARE * most, most)


def laid(painting: PaintedSheets, offsets_m: Tensor, inner_m: Tensor, outer_m: Tensor) -> PaintedSheets:
    """The painting over sheets at offsets, from the neck's or radii `inner_m` to `outer_m` [G, G], before what it holds
    is laid anew."""
    geometry, radius, offsets = painting.geometry, painting.radius_m, painting.geometry.offsets_m
    size = radius.shape[-1]
    close, share, neck = (geometry.kept(made, size, radius) for made in (close_together, leaning, neck_share))
    before = radius + offsets[0] * geometry.spread
    inner = torch.lerp(inner_m, torch.minimum(inner_m, before), neck)
    outer = torch.maximum(outer_m, inner + DEEP_M).clamp(max=FARTHEST_M)
    spread = (outer - inner) / (offsets[-2] - offsets[0])
    now = torch.lerp(radius, inner - offsets[0] * spread, share)
    spread = torch.lerp(torch.lerp(geometry.spread, geometry.spread.clamp(max=CLOSE), close), spread, share)
    stays = (now - torch.lerp(before, inner, share)) / -offsets[0]  # the neck, however close sheets come
    spread = torch.lerp(spread, stays, neck).clamp_min(LEAST_SPREAD)
    spread = torch.minimum(spread, (now - CENTRE_M) / -offsets[0])
    moved = painting.moved_to(now)
    return replace(moved, geometry=replace(moved.geometry, spread=spread, offsets_m=offsets_m))
