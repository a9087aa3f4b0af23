"""Hair that hangs beside a face, which goes back from it as heads do.

The networks lay it nearly as far to the front as cheeks, out to the silhouette: seen from beside it was a hood, and the
face a mask in it. Synthetic hair does stand there. Here it lies no farther in front than an ellipse does whose ends are
the silhouette's.
"""

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..networks.painted_sheets import PaintedSheets
from ..ramps import ramp
from .face_end import ROUNDS, FaceEnd, over_halves
from .neck_column import at_heights

AXIS_M = -0.010
"""Where the ellipse is widest, before the head's centre."""

FRONT_M = 0.060
"""Where it ends, before the head's centre."""

LEAST_M = 0.010
"""How far beside the face it ends at least."""

FACE_M = (-0.008, 0.020)
"""Distances beyond the face's end between which hair comes to lie so."""

TOP_M = (0.09, 0.06)
"""Heights below the top of the head between which it does, from there down."""

LOW_M = (-0.11, -0.08)
"""Heights above the shoulders between which it does, from there up."""

BEHIND_DEG = (105.0, 90.0)
"""Azimuths behind the ears between which it does, from behind."""


def with_hair_beside(painting: PaintedSheets, ends: tuple[FaceEnd, FaceEnd]) -> PaintedSheets:
    """A portrait with hair that goes back beside the face."""
    (radius,) = over_halves(painting, ends, _known, _set_back)
    return painting.moved_to(radius)


def _known(end: FaceEnd) -> np.ndarray:
    """Where face and silhouette end at ROWS_M along x, and how surely hair hangs there, [len(ROWS_M), 3]."""
    rim_m = np.maximum(end.rim_m, end.face_m.clip(0.0) + LEAST_M)
    return np.stack([end.face_m, rim_m, np.full_like(end.face_m, end.hair)], 1)


@recorded
def _set_back(directions: Tensor, radius_m: Tensor, known: Tensor, side: float) -> tuple[Tensor]:
    """Radius in metres in the directions [G, G / 2, 3] to a side, [G, G / 2]. Of `_known`."""
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
    return (radius,)
