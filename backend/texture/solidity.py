"""Sheets made whole: where the photograph shows the person and the portrait is seen through, sheets close; and where
holes are seen from beside. What hangs loose there, ends of sheets under the ears most of all, clears.

Only sheets beside the surface that is drawn there, or smoothly continued from its neighbourhood, become more opaque, at
an edge beside what lies behind it: nothing is put into the air before or behind a surface.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.close_sheets import Gaps, close_sheets
from ...cuda_ops.recorded import recorded
from ...cuda_ops.texels import Stack
from ..camera import Camera
from ..networks.cameras import pinhole, points_through
from ..networks.chart_maps import chart_grid
from ..networks.push_pull import push_pull
from ..networks.resampling import resampled
from ..networks.sheet_geometry import SheetGeometry
from ..photo.masks import dilated, eroded, greatest_around, holes_filled, largest_part
from ..shape.surface_following import sheet_level

VIEW_PX, BESIDE_PX = 384, 256
"""Sides of the pictures that are looked at: as the photograph sees the person, and from beside."""

OVERDONE = 2.0
"""What is missing is closed by so much more, since no texel takes all of it."""

NEAREST_M, NEAR_M = 0.008, 0.020
"""Sheets close so near to the surface, at first and then: a ray leaves the head through the same sheets, and enters
leaning ones far before it."""

SOFTNESS_M = 0.004
"""How suddenly they are too far from it."""

TURNS_DEG = (-30.0, 30.0, -10.0, 10.0)
"""Turns by which the portrait is looked at from beside."""

LOOKS = ((0.0, NEAREST_M, 2), (0.0, NEAR_M, 0), *((turn_deg, NEAR_M, 0) for turn_deg in TURNS_DEG))
"""Looks by turns in degrees, how near sheets close then, and how many pixels beyond the matte: as the photograph sees
the person, first where that can be done close by, and a little more, since textures are cut by the matte afterwards, at
its own resolution; then from beside for holes, between ears and jaws most of all."""

RIM_PX = 2
"""Silhouettes' rims are no holes, and so near to an edge what lies behind it counts."""

LOOSE_FROM_DEG = 20.0
"""Turns from which loose parts are looked for."""

LOOSE_OPACITY = 0.3
"""What is more opaque than this can hang loose."""

THIN_PX = 2
"""It does so as a part of its own, or where it is thinner than twice this."""

HALO_PX = 1
"""It is cleared with so much of what surrounds it."""

LEAST_MISSING = 1e-3
"""What lacks less than this share of opacity is whole."""

NEAR_SHEETS = 2.0
"""A sheet counts as beside the surface up to this many sheets away."""


def solid_opacity(geometry: SheetGeometry, opacity: Tensor, radius_m: Tensor, camera: Camera, wanted: Tensor) -> Tensor:
    """Opacity [S, T, T] raised until `camera` sees at least `wanted` [H, W], and until no holes are seen from beside.

    radius_m [G, G]; `wanted` is zero where nothing is known. All 0..1.
    """
    wanted = F.interpolate(wanted[None, None], (VIEW_PX, VIEW_PX), mode="area")[0, 0]
    size = opacity.shape[-1]
    radius, spread, offsets = resampled(radius_m, size), resampled(geometry.spread, size), geometry.offsets_m
    for look, (turn_deg, near_m, more_px) in enumerate(LOOKS):
        side_px = BESIDE_PX if turn_deg else VIEW_PX
        turned = camera.resized(side_px, side_px).orbited(turn_deg)
        stack = Stack(radius, spread, offsets, geometry.half_extent, turned)
        alpha, depth_m = geometry.render_opacity(opacity, radius_m, turned)
        should = _filled(alpha) if turn_deg else greatest_around(wanted, more_px)
        gaps = _gaps(geometry, radius_m, pinhole(turned, alpha.device), alpha, depth_m, should, near_m)
        opacity = close_sheets(stack, opacity, gaps, overwrite=look > 0)  # what the caller gave stays
        if abs(turn_deg) > LOOSE_FROM_DEG:  # transparency closes as opacity does
            loose = replace(gaps, missing=_loose(alpha), reach=2.0 * len(offsets))
            opacity = close_sheets(stack, opacity.neg_().add_(1.0), loose, overwrite=True).neg_().add_(1.0)
    return opacity


@recorded
def _gaps(
    geometry: SheetGeometry,
    radius_m: Tensor,
    camera: Tensor,
    alpha: Tensor,
    depth_m: Tensor,
    wanted: Tensor,
    near_m: float,
) -> Gaps:
    """What a `pinhole`'s picture, drawn as `alpha` and `depth_m` where `wanted` should be, lacks; [H, W] each."""
    lacking = ((wanted - alpha) / (1.0 - alpha).clamp_min(0.02)).clamp(0.0, 1.0)
    known = (alpha > 0.5).float()[None, None]
    surface_m = push_pull(depth_m[None, None] * known, known)[0, 0]
    surface_m = greatest_around(surface_m, RIM_PX)  # beside an edge not in the air before it
    level = _sheet_level(geometry, radius_m, points_through(camera, surface_m))
    return Gaps(OVERDONE * lacking, surface_m, level, NEAR_SHEETS, near_m, SOFTNESS_M, LEAST_MISSING)


@recorded
def _filled(alpha: Tensor) -> Tensor:
    """A picture's silhouette [H, W] without holes, but for its rim."""
    return eroded(holes_filled(alpha > 0.5), RIM_PX).to(alpha)


@recorded
def _loose(alpha: Tensor) -> Tensor:
    """Parts of a picture [H, W] beside its largest one, and what is thin at that one's rim; 0 or 1."""
    some = alpha > LOOSE_OPACITY
    firm = holes_filled(dilated(eroded(largest_part(some), THIN_PX), THIN_PX))
    return (dilated(some & ~firm, HALO_PX) & ~dilated(firm)).to(alpha)


def _sheet_level(geometry: SheetGeometry, radius_m: Tensor, points_m: Tensor) -> Tensor:
    """Which sheet, as a fraction between two, passes through points [H, W, 3]: [H, W]."""
    distance = points_m.norm(dim=-1)
    maps = torch.stack([radius_m, geometry.spread])[None]
    grid = chart_grid(points_m, geometry.half_extent)[None]
    radius, spread = F.grid_sample(maps, grid, "bilinear", "border", False)[0]
    return sheet_level((distance - radius) / spread, geometry.offsets_m)
