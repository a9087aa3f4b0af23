"""A painting taken over to a chart that goes farther round the head than the networks' own.

They see a head to 110 degrees from the front. Turned by 45 degrees it would be cut there, behind the ears: what they
painted at their chart's border is carried on around the back.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .conventions import WIDE_HALF_EXTENT
from .networks.inversion import Inversion, Painting


def over_wide_chart(network: Inversion, painting: Painting) -> tuple[Inversion, Painting]:
    """The first portrait of a batch, and the networks, over the wide chart; maps keep their sizes."""
    geometry = network.geometry
    ratio = WIDE_HALF_EXTENT / geometry.half_extent
    displacement = _wider(painting.displacement_m[:1], ratio, "bicubic")
    total, spread = (_wider(x, ratio, "bicubic") for x in (painting.radius_m[:1], geometry.spread[None]))
    # What the displacement's coarser texels lose of the face goes into the radius.
    mean = geometry.radius_m + (total - geometry.total_radius(displacement))[0]
    painting = replace(
        painting,
        **{
            name: _wider(getattr(painting, name)[:1], ratio)
            for name in ("opacity", "confidence", "visible", "painted", "photographed")
        },
        displacement_m=displacement,
        coarse_displacement_m=_wider(painting.coarse_displacement_m[:1], ratio, "bicubic"),
        radius_m=total,
    )
    return network.with_geometry(geometry.over(WIDE_HALF_EXTENT, mean, spread[0])), painting


def _wider(maps: Tensor, ratio: float, mode: str = "bilinear") -> Tensor:
    """Maps [..., T, T] over a chart that is wider by `ratio`, the border's texels carried on."""
    size = maps.shape[-1]
    along = ratio * ((torch.arange(size, device=maps.device, dtype=maps.dtype) + 0.5) * (2.0 / size) - 1.0)
    grid = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1)
    return F.grid_sample(maps.reshape(1, -1, size, size), grid[None], mode, "border", False).reshape(maps.shape)
