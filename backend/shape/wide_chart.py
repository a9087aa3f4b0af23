"""A painting taken over to a chart that goes farther round the head than the networks' own.

They see a head to 110 degrees from the front. Turned by 45 degrees it would be cut there, behind the ears: what they
painted at their chart's border is carried on around the back.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..conventions import WIDE_HALF_EXTENT
from ..networks.chart_maps import region
from ..networks.kept import kept, lasting
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled, smoothed

SMOOTH_TEXELS = 6.0
"""Deviation, in texels of 128 a side, of the Gaussian that smooths the head behind the ears: of its shape there the
photograph says nothing, and hair would end above the ears in a step."""

BEHIND_EARS_DEG = (95.0, 115.0)
"""Azimuths between which that comes to hold."""

ABOVE_NAPE_DEG = (-40.0, -25.0)
"""Elevations between which it does, from the neck up."""


@recorded
def over_wide_chart(painting: PaintedSheets) -> PaintedSheets:
    """A portrait over the wide chart; maps keep their sizes."""
    geometry = painting.geometry
    ratio = WIDE_HALF_EXTENT / geometry.half_extent
    displacement, total, spread = (
        _wider(x, ratio, "bicubic") for x in (painting.displacement_m, painting.radius_m, geometry.spread)
    )
    behind_ears = kept(_behind_ears, total.shape[-1], total, WIDE_HALF_EXTENT)
    total = torch.lerp(total, smoothed(total[None], SMOOTH_TEXELS)[0], behind_ears)
    # What the displacement's coarser texels lose of the face goes into the radius.
    mean = total - resampled(displacement, total.shape[-1])
    return replace(
        painting,
        **{name: _wider(getattr(painting, name), ratio) for name in ("opacity", "confidence", "painted")},
        displacement_m=displacement,
        radius_m=total,
        geometry=replace(geometry, radius_m=mean, spread=spread, half_extent=WIDE_HALF_EXTENT),
    )


def _behind_ears(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where the head is smoothed."""
    return lasting(region(size, half_extent, (BEHIND_EARS_DEG,), (ABOVE_NAPE_DEG,)))


def _wider(maps: Tensor, ratio: float, mode: str = "bilinear") -> Tensor:
    """Maps [..., T, T] over a chart that is wider by `ratio`, the border's texels carried on."""
    size = maps.shape[-1]
    along = ratio * ((torch.arange(size, device=maps.device, dtype=maps.dtype) + 0.5) * (2.0 / size) - 1.0)
    grid = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1)
    return F.grid_sample(maps.reshape(1, -1, size, size), grid[None], mode, "border", False).reshape(maps.shape)
