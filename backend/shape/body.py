"""A body, laid as a solid on sheets that lean.

Seen from the head's centre a chest is nearly edge-on and a shoulder's upper side faces inwards: sheets around that
centre cut both into far steps, which part like combs from beside, and cannot hold a shoulder behind the centre at all.
So below the jaw sheets are laid anew, along planes that face forward, down and outward, and more of them. What lies on
them is the body that the photograph shows, as a relief some centimetres thick: within what is promised no view looks
between two of its steps. The innermost sheet stays the neck's.
"""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..camera import Camera
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import chart_angles_deg, chart_grid, region, rows_below, texel_directions
from ..networks.kept import lasting
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled, smoothed
from ..networks.visibility import push_pull
from ..photo.input_view import InputView
from ..photo.masks import greatest_around
from ..ramps import ramp, smoothstep
from .body_surface import PersonSurface
from .neck import CENTRE_M, neck_share
from .surface_following import looked_up, offset_before, sheet_level

AZIMUTHS_DEG = (20.0, 90.0, 115.0)
BEGIN_DEG = (-50.0, -32.0, -29.0)
WHOLE_DEG = (-60.0, -38.0, -37.0)
"""Azimuths, and elevations at which sheets begin to lean there, and lean altogether. In between they are steep, and a
ray can pass behind what they hold: less so under the jaw, and above the shoulders no more than needed."""

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

CLOSE, CLOSE_AZIMUTH_DEG, CLOSE_ELEVATION_DEG = 0.4, (45.0, 25.0), (-30.0, -42.0)
"""Under the chin sheets come so close together that a ray to the far shoulder passes below all of them: what hangs
there would be seen before it."""

WIDEST_GAP_M = 0.0045
"""Between offsets that lie farther apart another sheet is laid, which is clear on the head."""

FRONT_M, END_M = (-0.002, 0.004), 0.01
"""Behind the surface the body becomes opaque between these depths, and clears within so much after its thickness."""

SUDDEN = 2.0
"""It replaces what was there within half of the degrees in which sheets begin to lean."""


@dataclass(frozen=True)
class Relaid:
    """Sheets that lay otherwise before. Everything is of the chart's `lower` rows alone."""

    now: PaintedSheets  # of which the sheets alone count
    before: PaintedSheets
    ears: Tensor  # [G, G], 0..1: where they stand off

    @property
    def old(self) -> Tensor:
        """Which of the sheets [S] there were before."""
        return (self.now.geometry.offsets_m[:, None] == self.before.geometry.offsets_m).any(1)

    def lower(self, size: int) -> slice:
        """`lower` of this chart."""
        return lower(size, self.now.geometry.half_extent)

    def offset_before(self, size: int) -> Tensor:
        """Where texels [S, V, U] lay, as an offset."""
        now, before = ((painting.radius_m, painting.geometry.spread) for painting in (self.now, self.before))
        return offset_before(now, before, self.now.geometry.offsets_m, size, self.lower(size))

    def again(self, stack: Tensor) -> Tensor:
        """What a stack [S, C, T, T] held, where the sheets lie now; above the lower rows new ones are zero."""
        size, offsets, before = stack.shape[-1], self.now.geometry.offsets_m, self.before.geometry.offsets_m
        level = sheet_level(self.offset_before(size), before)
        level[0], level[1:] = 0.0, level[1:].clamp_min(1.0)  # the innermost is the neck's alone
        moved = stack.new_zeros(len(level), *stack.shape[1:])
        moved[torch.searchsorted(offsets, before)] = stack
        moved[..., self.lower(size), :] = looked_up(stack[..., self.lower(size), :], level)
        return moved

    def seen(self, camera: CameraBatch, size: int, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Depth [S, V, U] of texels before a camera, and maps [C, P, P] of its picture there."""
        points = self.now.geometry.points(self.now.displacement_m[None], size, rows=self.lower(size))
        projected, depth = camera.project(points)
        sampled = F.grid_sample(maps[None], projected.flatten(1, 2), "bilinear", "border", False)[0]
        return depth[0], sampled.unflatten(1, depth.shape[1:3])

    def share(self, size: int) -> Tensor:
        """How far texels [V, U] are the body's."""
        low = self.now.geometry.kept(leaning, len(self.ears), self.ears)
        low = resampled((SUDDEN * low).clamp(max=1.0) * (1.0 - self.ears), size)
        return low[self.lower(size)]


def with_body(painting: PaintedSheets, view: InputView, ears: Tensor) -> PaintedSheets:
    """A portrait with more sheets, laid for the body; as it was where the photograph shows no body. Where `ears` [G, G]
    are, which hang as low as bodies begin, what was there stays."""
    geometry, size = painting.geometry, painting.radius_m.shape[-1]
    surface = PersonSurface.of(painting, view)
    facing = camera_facing(view.camera)
    levels = sheet_levels(surface, facing, size, geometry.half_extent)
    if levels is None:
        return painting
    per_metre = lean_level(geometry.kept(texel_directions, size, painting.radius_m), facing)
    offsets = geometry.offsets_m
    between = 0.5 * (offsets[1:] + offsets[:-1])[offsets.diff() > WIDEST_GAP_M]
    offsets = torch.cat([offsets, between]).sort().values
    camera = CameraBatch.of([view.camera], offsets.device)
    return _with_levels(painting, surface, ears, camera, offsets, *(level / per_metre for level in levels))


@recorded
def _with_levels(
    painting: PaintedSheets,
    surface: PersonSurface,
    ears: Tensor,
    camera: CameraBatch,
    offsets_m: Tensor,
    inner_m: Tensor,
    outer_m: Tensor,
) -> PaintedSheets:
    """Of the camera of the surface, and sheets at these offsets that begin and end at such radii [G, G] or farther."""
    laid = _laid(painting, offsets_m, inner_m, outer_m)
    relaid = Relaid(laid, painting, ears)
    stack = relaid.again(torch.cat([painting.confidence[:, None], painting.painted], 1))
    confidence, painted = stack.split((1, 3), 1)
    rows, share = relaid.lower(stack.shape[-1]), relaid.share(stack.shape[-1])
    _, colours = relaid.seen(camera, stack.shape[-1], surface.rgb)
    painted[1:, :, rows] = torch.lerp(painted[1:, :, rows], colours.transpose(0, 1)[1:], share)
    confidence[1:, :, rows] = torch.maximum(confidence[1:, :, rows], share)
    opacity = _opacity(relaid, surface, camera)
    return replace(laid, opacity=opacity, confidence=confidence[:, 0], painted=painted)


def _opacity(relaid: Relaid, surface: PersonSurface, camera: CameraBatch) -> Tensor:
    """Opacity [S, T, T] from what it was: the body's in place of it below the jaw."""
    opacity = relaid.again(relaid.before.opacity[:, None])[:, 0]
    size = opacity.shape[-1]
    rows, share = relaid.lower(size), relaid.share(size)
    maps = torch.stack([surface.depth_m, surface.thick_m, surface.matte])
    depth, (front, thick, matte) = relaid.seen(camera, size, maps)
    behind = depth - front
    body = ramp(behind, FRONT_M) * (1.0 - ramp(behind - thick, (0.0, END_M)))
    body = body * (2.0 * matte).clamp(max=1.0)  # textures are cut by the matte itself afterwards
    there = relaid.offset_before(size) <= relaid.before.geometry.offsets_m[-1]
    head = opacity[:, rows] * there * (relaid.old[:, None, None] | (share > 0.0))
    opacity[1:, rows] = torch.lerp(head, body, share)[1:]
    return opacity


@cache
def leaning(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 0 on the head, 1 where sheets lean."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    begin, whole = (np.interp(azimuth_deg, AZIMUTHS_DEG, heights_deg) for heights_deg in (BEGIN_DEG, WHOLE_DEG))
    return lasting(smoothstep(np.clip((begin - elevation_deg) / (begin - whole), 0.0, 1.0)))


@cache
def close_together(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 1 where sheets come close together under the chin."""
    return lasting(region(size, half_extent, (CLOSE_AZIMUTH_DEG,), (CLOSE_ELEVATION_DEG,)))


@cache
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


def _laid(painting: PaintedSheets, offsets_m: Tensor, inner_m: Tensor, outer_m: Tensor) -> PaintedSheets:
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
