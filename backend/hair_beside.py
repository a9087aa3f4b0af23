"""Hair that hangs beside a face, which goes back from it as heads do.

The networks lay it nearly as far to the front as cheeks, out to the silhouette: seen from beside it was a hood, and the
face a mask in it. Synthetic hair does stand there. Here it lies no farther in front than an ellipse does whose ends are
the silhouette's.
"""

import numpy as np
import torch
from torch import Tensor

from ..cuda_ops.recorded import recorded
from ..cuda_ops.tensor_calls import sent
from .ears import FaceEnd
from .neck_column import at_heights
from .networks.geometry import ramp, texel_directions
from .networks.inversion import Painting

AXIS_M, FRONT_M, LEAST_M = -0.010, 0.060, 0.010
"""Where the ellipse is widest and where it ends, before the head's centre; and how far beside the face it ends at
least."""

FACE_M, TOP_M, LOW_M, BEHIND_DEG = (-0.008, 0.020), (0.09, 0.06), (-0.11, -0.08), (105.0, 90.0)
"""From where to where beside the face's end, below the top of the head and above the shoulders that comes to hold; and
up to which azimuths."""

ROUNDS = 6
"""How far out a direction ends tells at which height."""


def with_hair_beside(painting: Painting, ends: tuple[FaceEnd, FaceEnd]) -> Painting:
    """The first portrait of a batch with hair that goes back beside the face."""
    radius = painting.radius_m[0]
    size = len(radius)
    halves = []
    for column, end in enumerate(ends):
        half = slice(column * size // 2, (column + 1) * size // 2)
        directions = painting.geometry.kept(texel_directions, size, radius)[:, half]
        rows = (end.face_m, np.maximum(end.rim_m, end.face_m.clip(0.0) + LEAST_M), np.full_like(end.face_m, end.hair))
        known = sent(np.stack(rows, 1), radius.device, radius.dtype)
        halves.append(_set_back(directions, radius[:, half], known, end.side))
    return painting.moved_to(torch.cat(halves, 1))


@recorded
def _set_back(directions: Tensor, radius_m: Tensor, known: Tensor, side: float) -> Tensor:
    """Radius in metres in the directions [G, G / 2, 3] to a side, [G, G / 2], where faces and silhouettes end at ROWS_M
    along x to that side and how surely hair hangs there, [len(ROWS_M), 3]."""
    x, y, z = directions.unbind(-1)
    across, depth_m = side * x, FRONT_M - AXIS_M
    inside = ramp(torch.rad2deg(torch.atan2(across, z)), BEHIND_DEG)
    inside = inside * ramp(radius_m * y, TOP_M) * ramp(radius_m * y, LOW_M)
    radius = radius_m
    for _ in range(ROUNDS):
        face, rim, hair = at_heights(known, radius * y).unbind(-1)
        # (across r / rim)^2 + ((z r - axis) / depth)^2 = 1
        square = (across / rim).square() + (z / depth_m).square()
        half_linear, constant = z * AXIS_M / depth_m**2, (AXIS_M / depth_m) ** 2 - 1.0
        ellipse = (half_linear + (half_linear.square() - square * constant).sqrt()) / square.clamp_min(1e-6)
        share = inside * hair * ramp(radius_m * across - face, FACE_M)
        radius = torch.lerp(radius_m, torch.minimum(radius_m, ellipse), share)
    return radius
