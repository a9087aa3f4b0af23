"""Ears that stand off the head.

The networks lay one slope from the cheek to an ear's rim: seen from beside, what the photograph shows of the ear was
drawn out over the side of the face. Here that side goes straight back from where the face ends in the photograph, and
the ear stands off it, a solid wedge that is turned to the front, as wide as the silhouette and thin at its rim.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled
from ..ramps import ramp
from .face_end import CORNER_M, ROUNDS, FaceEnd, over_halves
from .neck_column import ROWS_M, Silhouette, at_heights

SLOPE = (0.9, 0.3)
"""How much an ear's front falls back for each metre farther out, at its middle and its lobe."""

BACK_M = (-0.03, -0.015)
"""How far before the head's centre its back begins at the head's side, at its middle and its lobe."""

RIM_M = 0.008
"""How thick it is at its rim."""

LEAST_WIDTH_M = 0.005
"""How far it stands off at the least, where it does."""

EDGE_M = 0.003
"""Within so much of where it begins an ear is whole."""

SOLID = (0.1, 0.5)
"""How surely a direction is an ear's, between where sheets stay and where they are solid."""

SKIN_M = (0.0045, 0.0015)
"""How far outside of an ear's surface a sheet is, between one that stays and one that is solid."""

UNDER_M = 0.006
"""A neck goes up behind an ear so far inside of the head's side: as wide as the silhouette, it came through that."""

NECK_M = 0.05
"""So far below a jaw there is neck."""

NECK_MORE_M = 0.004
"""Behind a wider jaw it is so much wider than at its narrowest."""

LEAST_NECK_M = 0.04
"""What is narrower to a side is no neck."""

BESIDE_M = (-0.024, -0.006)
"""Distances beyond the head's side between which colours come to be continued anew."""

BEHIND_M = (-0.035, -0.025)
"""Distances before the head's centre between which they do."""

BEFORE_EAR_M = (0.020, 0.035)
"""Of a side that is turned away they are so far before the head's centre: the networks' ear stays."""


@dataclass(frozen=True)
class Ears:
    """Where ears are, chart maps [G, G] in 0..1."""

    solid: Tensor  # what is an ear
    beside: Tensor  # the ear and the side of the face before it, where colours are to be continued
    off: Tensor  # what stands off the head's side, also where it is no ear
    hidden: Tensor  # the side that is turned away, which the other maps say nothing of


def with_ears(
    painting: PaintedSheets, silhouette: Silhouette, ends: tuple[FaceEnd, FaceEnd]
) -> tuple[PaintedSheets, Silhouette, Ears]:
    """A portrait with ears that stand off the head; the silhouette without them; and where they are."""
    radius, beside, off, solid = over_halves(painting, ends, _shape, _standing_off)
    halves = radius.chunk(2, 1)
    hidden = torch.cat([torch.full_like(half, end.hidden) for half, end in zip(halves, ends, strict=True)], 1)
    ends_m = np.stack([_behind_face(end, silhouette.ends_m[:, column]) for column, end in enumerate(ends)], 1)
    painting = _solid(painting.moved_to(radius), solid)
    return painting, replace(silhouette, ends_m=ends_m), Ears(solid, beside, off, hidden)


def _shape(end: FaceEnd) -> np.ndarray:
    """What an ear is made of at ROWS_M, [len(ROWS_M), 8]: where the head's side begins along x, how far there are that,
    a cheek that is turned away and an ear, where it ends, and how its front and back lie."""
    slope, back_m = (middle + (lobe - middle) * end.lobe for middle, lobe in (SLOPE, BACK_M))
    width_m = np.maximum(end.rim_m - end.beside_m, LEAST_WIDTH_M)
    lean = np.maximum(CORNER_M - slope * width_m - RIM_M - back_m, 0.0) / width_m
    return np.stack([end.beside_m, end.head, end.cheek, end.ear, end.rim_m, slope, back_m, lean], 1)


def _behind_face(end: FaceEnd, ends_m: np.ndarray) -> np.ndarray:
    """The silhouette's ends on a side [len(ROWS_M)] along x; of the neck behind where an ear stands off, and where a
    jaw is wider than the neck below it."""
    outwards_m = end.side * ends_m
    behind_m = np.minimum(outwards_m, end.beside_m - UNDER_M)
    outwards_m = outwards_m + end.ear * (behind_m - outwards_m)
    above = end.jaw_m - NECK_M < ROWS_M
    neck_m = outwards_m[above & (end.jaw_m >= ROWS_M) & (outwards_m > LEAST_NECK_M)]
    narrowest_m = neck_m.min(initial=np.inf) + NECK_MORE_M
    narrower_m = above * np.maximum(outwards_m - narrowest_m, 0.0)
    seen = (1.0 - end.hair) * (1.0 - end.hidden)
    return end.side * (outwards_m - seen * end.neck * narrower_m)


def _solid(painting: PaintedSheets, ears: Tensor) -> PaintedSheets:
    """The painting with ears that are opaque and the photograph's, whatever the networks put in those directions."""
    inside = ramp(painting.geometry.offsets_m, SKIN_M)[:, None, None]

    def raised(maps: Tensor) -> Tensor:
        return torch.maximum(maps, inside * resampled(ears, maps.shape[-1]))

    return replace(painting, opacity=raised(painting.opacity), confidence=raised(painting.confidence))


@recorded
def _standing_off(
    directions: Tensor, radius_m: Tensor, shape: Tensor, side: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Radius in metres with an ear, in the directions [G, G / 2, 3] to its side; where colours are to be continued,
    what stands off, and where an ear is to be solid, 0..1; [G, G / 2] each. Of `_shape`."""
    x, y, z = directions.unbind(-1)
    across = side * x
    outwards = across.clamp_min(1e-3)
    radius = radius_m
    for _ in range(ROUNDS):
        beside, head, cheek, ear, rim, falls, back, leans = at_heights(shape, radius * y).unbind(-1)
        straight = beside / outwards
        front = (CORNER_M + falls * beside) / (z + falls * across).clamp_min(1e-3)
        behind = (back - leans * beside) / (z - leans * across).clamp_max(-1e-3)
        stands_off = torch.minimum(torch.minimum(front, behind), rim / outwards)
        outer = torch.maximum(straight, stands_off)
        outer = torch.lerp(torch.minimum(radius_m, outer), outer, ear * (stands_off > straight))
        radius = 0.5 * (radius + torch.lerp(radius_m, outer, head))
    beyond = radius * across - beside
    before_end = torch.maximum(head * ramp(radius * z, BEHIND_M), cheek * ramp(radius * z, BEFORE_EAR_M))
    continued = before_end * ramp(beyond, BESIDE_M)
    beyond = torch.minimum(beyond, stands_off * across - beside)  # a temple above an ear is wider, too
    off = head * ramp(beyond, (0.0, EDGE_M))
    return radius, continued, off, ramp(ear * off, SOLID)
