"""The chart's texels: where they lie, and which parts of a head they are."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..manifolds import chart_to_direction, map_grid
from ..ramps import Edges, ramp
from .kept import lasting

CHEST_DEG = (-35.0, -55.0)
"""The chest begins between these elevations."""

FACE_CENTRE, FACE_HALF = (0.0, -0.12), (0.95, 0.85)
"""Centre and half axes of the ellipse in the chart that the mean face fills."""

ON_FACE = 0.75
"""The share of it that is face whoever's it is."""


@cache
def texel_directions(size: int, half_extent: float) -> Tensor:
    """Unit directions [size, size, 3] of a chart map's texels."""
    return lasting(chart_to_direction(map_grid(size, half_extent)))


def chart_grid(points: Tensor, half_extent: float) -> Tensor:
    """Where points [..., 3] lie in a chart map, as grid_sample has it: -1..1, right and down, [..., 2]."""
    directions = points / points.norm(dim=-1, keepdim=True)
    squared = 2.0 / (1.0 + directions[..., 2:]).clamp_min(1e-9)
    scale = squared.double().sqrt().to(points)  # torch's root of floats is not right to the last bit, numpy's is
    u, v = (scale * directions[..., :2]).unbind(-1)
    return torch.stack([u, -v], -1) / half_extent


@cache
def chart_angles_deg(size: int, half_extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth from the front, 0 to 180 to either side, and elevation of a chart map's texels, [size, size] each."""
    x, y, z = chart_to_direction(map_grid(size, half_extent)).transpose(2, 0, 1)
    return np.degrees(np.arctan2(np.abs(x), z)), np.degrees(np.arcsin(np.clip(y, -1.0, 1.0)))


@cache
def from_front_deg(size: int, half_extent: float) -> np.ndarray:
    """How far from the front a chart map's texels lie, 0 to 180, [size, size]."""
    return np.degrees(np.arccos(texel_directions(size, half_extent)[..., 2].numpy()))


@cache
def rows_below(size: int, elevation_deg: float, half_extent: float) -> slice:
    """The rows of a chart map [size, size] in which what begins below an elevation shows; coarser maps are
    interpolated."""
    rows = (chart_angles_deg(size, half_extent)[1] < elevation_deg).any(1)
    return slice(max(int(rows.argmax()) - size // 64, 0), size)


def region(
    size: int, half_extent: float, azimuth_deg: tuple[Edges, ...] = (), elevation_deg: tuple[Edges, ...] = ()
) -> np.ndarray:
    """Chart map [size, size], 0..1: the product of these ramps of `chart_angles_deg`."""
    angles = zip(chart_angles_deg(size, half_extent), (azimuth_deg, elevation_deg), strict=True)
    return np.prod([ramp(values, edges) for values, ramps in angles for edges in ramps], axis=0)


@cache
def low_down(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 0 above the jaw, 1 where the chest is."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[1], CHEST_DEG))


@cache
def beside_face(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 0 on the face, 1 outside its ellipse."""
    return lasting(ramp(face_distance(map_grid(size, half_extent)), (ON_FACE, 1.0)))


def face_distance(chart: np.ndarray) -> np.ndarray:
    """Of chart coordinates [..., 2] from the mean face's middle, 1 on its ellipse; below ON_FACE it is face alone."""
    return np.linalg.norm((chart - FACE_CENTRE) / FACE_HALF, axis=-1)
