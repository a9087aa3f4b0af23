"""Colours carried round a head at the height at which they are seen: shaved sides stay shaved, and a crown bald."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ..manifolds import chart_to_direction, map_grid
from ..networks.chart_maps import chart_angles_deg, from_front_deg, region
from ..networks.kept import kept, lasting
from ..ramps import ramp

ROW_DEG = 3.0
ROWS_DEG = np.arange(-90.0, 90.1, ROW_DEG)
"""Elevations [R] at which colours are told, so far apart."""

RIM_DEG, ABOVE_EARS_DEG = (62.0, 84.0), (12.0, 22.0)
"""Angles from the front, and elevations, from which what is seen tells what goes on behind it."""

ROWS_COUNT = ((5.0, 1.0), (20.0, 1e-2), (60.0, 1e-4))
"""Rows so many degrees away count so much: where nothing near is seen, farther ones do."""

TOGETHER_DEG = (110.0, 180.0)
"""Azimuths between which both sides' colours become one."""

OTHER_SIDE = 0.05
"""How much what is seen of the other side counts: of a head that is turned little is seen of the farther one, and along
its surface."""

LEAST_SEEN = 1e-2
"""Of whatever less than this is seen the colours stay, in texels."""


def around_head(colour: Tensor, weight: Tensor, otherwise: Tensor, half_extent: float) -> Tensor:
    """Colours [3, T, T] of where they are seen, counting as `weight` [T, T] says, by their elevation and side; where
    hardly anything is, those of `otherwise` [3, T, T]."""
    size = weight.shape[-1]
    weight = weight * kept(_rim, size, weight, half_extent)
    rows = kept(_rows, size, weight, half_extent)  # [2 R, T T]
    seen = torch.cat([colour * weight, weight[None]]).flatten(1)  # [4, T T]
    sums = (seen @ rows.T).unflatten(1, (2, -1))  # [4, 2, R]
    sums = sums @ _nearness(weight.device)
    sums = sums + OTHER_SIDE * sums.flip(1)
    told = sums[3:] / (sums[3:] + LEAST_SEEN)
    rows = torch.cat([told * sums[:3] / sums[3:].clamp_min(1e-9), told])
    *colours, told = (rows.flatten(1) @ kept(_shares, size, weight, half_extent)).view(4, size, size)
    return torch.stack(colours) + (1.0 - told) * otherwise


def _tents(size: int, half_extent: float) -> np.ndarray:
    """How much each of ROWS_DEG says of a texel, [R, T T]."""
    elevation_deg = chart_angles_deg(size, half_extent)[1].ravel()
    return np.maximum(0.0, 1.0 - np.abs(elevation_deg - ROWS_DEG[:, None]) / ROW_DEG)


def _left(size: int, half_extent: float) -> np.ndarray:
    """Which texels lie on the picture's left, [T T] bool."""
    return (chart_to_direction(map_grid(size, half_extent))[..., 0] < 0.0).ravel()


def _rows(size: int, half_extent: float) -> Tensor:
    """How much a texel counts for each side's rows, [2 R, T T]."""
    tents, left = _tents(size, half_extent), _left(size, half_extent)
    return lasting(np.concatenate([tents * left, tents * ~left]))


def _shares(size: int, half_extent: float) -> Tensor:
    """How much each side's rows say of a texel, [2 R, T T]."""
    tents, left = _tents(size, half_extent), _left(size, half_extent)
    other = 0.5 * ramp(chart_angles_deg(size, half_extent)[0].ravel(), TOGETHER_DEG)
    share = np.where(left, 1.0 - other, other)
    return lasting(np.concatenate([tents * share, tents * (1.0 - share)]))


@cache
def _nearness(device: torch.device) -> Tensor:
    """How much each row counts for each, [R, R], copied to a device once."""
    apart_deg = ROWS_DEG[:, None] - ROWS_DEG
    return lasting(sum(share * np.exp(-0.5 * (apart_deg / deg) ** 2) for deg, share in ROWS_COUNT)).to(device)


def _rim(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where what is seen tells what goes on behind it."""
    above_ears = region(size, half_extent, elevation_deg=(ABOVE_EARS_DEG,))
    return lasting(above_ears * ramp(from_front_deg(size, half_extent), RIM_DEG))
