"""Sheets moved onto the surface that they paint.

Where a network's displacement falls short, hair, neck and shoulders are spread over many sheets, which part like a comb
from another side. The stack is moved along every direction until its middle lies where the surface is, and what was
painted is looked up where it was before: the same volume, along the sheets instead of across them. The face stays: it
lies along a sheet already, and its relief would be smoothed away.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..networks.chart_maps import beside_face
from ..networks.painted_sheets import PaintedSheets
from ..networks.push_pull import push_pull
from ..networks.resampling import calmed, resampled, smoothed

SMOOTHING = 1.0
"""Deviation of the Gaussian that smooths the moves, in texels of the displacement."""


@recorded
def following_surface(painting: PaintedSheets) -> PaintedSheets:
    """A portrait with its sheets moved onto the surface that they paint, and what they held looked up where it was."""
    geometry, offsets = painting.geometry, painting.geometry.offsets_m
    size = painting.displacement_m.shape[-1]
    spread = resampled(geometry.spread, size)
    moved = _surface_offset(painting.opacity, offsets, size)  # [D, D], in offsets
    radius = resampled(geometry.radius_m, size) + painting.displacement_m
    moved = moved * geometry.kept(beside_face, size, moved)
    # The surface found is steep where the displacement was not: it is calmed as that was.
    moved = (torch.exp(calmed(torch.log(radius + moved * spread)[None])[0]) - radius) / spread
    moved = torch.maximum(moved, (geometry.smallest_radius(size) - radius) / spread)
    displacement = painting.displacement_m + moved * spread
    before = sheet_level(offsets[:, None, None] + moved, offsets)
    maps = torch.cat([painting.confidence[:, None], painting.painted], 1)
    confidence, painted = looked_up(maps, before).split((1, 3), 1)
    return replace(
        painting,
        opacity=looked_up(painting.opacity[:, None], before)[:, 0],
        confidence=confidence[:, 0],
        painted=painted,
        displacement_m=displacement,
        radius_m=geometry.total_radius(displacement),
    )


def _surface_offset(opacity: Tensor, offsets: Tensor, size: int) -> Tensor:
    """Where along the directions of a smaller map the surface is met from outside, of opacities [S, T, T]."""
    outside = torch.cumprod(1.0 - opacity.flip(0), 0)
    clear = torch.cat([torch.ones_like(outside[:1]), outside[:-1]])
    share = opacity.flip(0) * clear  # of what is met from outside, outermost first
    total = share.sum(0, keepdim=True)
    offset = (share * offsets.flip(0)[:, None, None]).sum(0, keepdim=True)
    offset, total = (F.adaptive_avg_pool2d(x, size) for x in (offset, total))
    filled = push_pull((offset / total.clamp_min(1e-3))[None], total[None])
    return smoothed(filled[0], SMOOTHING)[0]


def sheet_level(offset: Tensor, offsets_m: Tensor) -> Tensor:
    """Which of the sheets at `offsets_m` [S] lies at an offset, as a fraction between two; any shape."""
    below = torch.searchsorted(offsets_m[1:-1].contiguous(), offset.contiguous())
    share = (offset - offsets_m.take(below)).div_(offsets_m.diff().take(below)).clamp_(0.0, 1.0)
    return share.add_(below)


def offset_before(
    now: tuple[Tensor, Tensor], before: tuple[Tensor, Tensor], offsets_m: Tensor, size: int, rows: slice = slice(None)
) -> Tensor:
    """Where sheets of radius and spread `now` lie among those of `before` [G, G], in their offsets [S, V, size], of
    these of their `size` rows."""
    (radius, spread), (radius_before, spread_before) = now, before
    maps = torch.stack([(radius - radius_before) / spread_before, spread / spread_before])
    shift, scale = resampled(maps, size)[:, rows]
    return shift + offsets_m[:, None, None] * scale


def looked_up(stack: Tensor, before: Tensor) -> Tensor:
    """Sheets [S, C, V, U] at fractional sheets [N, D, D], or of as many texels: [N, C, V, U]."""
    sheets, size = len(stack), stack.shape[-1]
    level = resampled(before, size)  # [N, V, U]
    below = level.floor().clamp(0, sheets - 2)
    share = (level - below)[:, None]
    index = below.long()[:, None].expand(-1, stack.shape[1], -1, -1)
    return torch.lerp(stack.gather(0, index), stack.gather(0, index + 1), share)
