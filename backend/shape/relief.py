"""Depth given back to faces of which the networks, trained on synthetic heads, see too little.

Of synthetic heads their depth is right. Photographs of real ones come out about a tenth too flat: a scanned head says
an eighth, the turn that landmarks show in portraits that are turned a twelfth (see docs/choices.md).
"""

from dataclasses import replace

import torch.nn.functional as F

from ...cuda_ops.recorded import recorded
from ..camera import Camera
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import low_down, texel_directions
from ..networks.painted_sheets import PaintedSheets

RELIEF = 0.09
"""So much farther before or behind the eyes everything is to lie, as a share."""

EYES_M = 0.085
"""How far the eyes lie before the head's centre."""


def with_relief(painting: PaintedSheets, camera: Camera) -> PaintedSheets:
    """A portrait with more depth along the rays of its photograph's camera.

    Sheets move along directions from the head's centre, by what the rays' movement has along these: a head's sides stay
    where the silhouette has them. Below the jaw nothing moves.
    """
    return _deeper(painting, CameraBatch.of([camera], painting.displacement_m.device))


@recorded
def _deeper(painting: PaintedSheets, camera: CameraBatch) -> PaintedSheets:
    """The same, of a batch of one camera."""
    geometry, displacement = painting.geometry, painting.displacement_m
    size = displacement.shape[-1]
    mean = geometry.mean_radius(size)
    directions = geometry.kept(texel_directions, size, displacement)
    points = (mean + displacement)[..., None] * directions  # [D, D, 3]
    position = camera.position()[0]
    towards = F.normalize(position - points, dim=-1)
    moved = RELIEF * (points @ F.normalize(position, dim=-1) - EYES_M)
    moved = moved * (towards * directions).sum(-1) * (1.0 - geometry.kept(low_down, size, displacement))
    displacement = (mean + displacement + moved).clamp_min(geometry.smallest_radius(size)) - mean
    return replace(painting, displacement_m=displacement, radius_m=geometry.total_radius(displacement))
