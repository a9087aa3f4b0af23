"""Sideburns: hair goes on before the ears, where a photograph from the front does not show it.

Without them hair above the side of a face ended in a straight line. Their colours and strands are the hidden scalp's
(`hidden_scalp`, `hidden_hair`), so of a bald head they are skin.
"""

from functools import cache

import numpy as np
from torch import Tensor

from ..networks.chart_maps import chart_angles_deg
from ..networks.kept import lasting
from ..ramps import ramp

FRONT_DEG = ((-14.0, 73.0), (-4.0, 71.0), (2.0, 69.0), (8.0, 66.0), (14.0, 62.0), (20.0, 58.0))
"""Elevations, and the azimuths at which hair begins there."""

EDGE_DEG = 6.0
"""How soft their front is."""

END_DEG, TOP_DEG = (-13.0, -3.0), (30.0, 24.0)
"""Elevations between which they end below, and go over into the scalp above."""

EAR_DEG = (98.0, 90.0)
"""Azimuths between which the ear covers them."""


@cache
def sideburns(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where sideburns are, if there is hair."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    behind = (1.0 - before_sideburns(size, half_extent)) * ramp(azimuth_deg, EAR_DEG)
    return lasting(behind * ramp(elevation_deg, END_DEG) * ramp(elevation_deg, TOP_DEG))


def before_sideburns(size: int, half_extent: float) -> np.ndarray:
    """Chart map [size, size], 0..1: how far a direction lies before their front."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    front_deg = np.interp(elevation_deg, *np.transpose(FRONT_DEG))
    return ramp(azimuth_deg - front_deg, (EDGE_DEG / 2.0, -EDGE_DEG / 2.0))
