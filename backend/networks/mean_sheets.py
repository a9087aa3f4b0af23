"""The sheets about the mean head, which displacements start from; they ship with the weights."""

import numpy as np
import torch
from torch import Tensor, nn

from ..conventions import CHART_HALF_EXTENT
from ..manifolds import default_offsets_m
from ..ramps import ramp, smoothstep
from .chart_maps import chart_angles_deg
from .sheet_geometry import RADIUS_SIZE, SheetGeometry

LOW_DEG = (-35.0, -75.0)
"""Elevations below the jaw between which sheets spread out: they are to hold the neck as well as the chest behind it in
the same direction."""

LOW_SPREAD = 5.0
"""How far they do at the most."""

MAX_INNER_SHARE = 0.5
"""The innermost sheet takes at most this share of the mean radius away."""

UNTOLD_RADIUS_M = 0.11
"""Of a head before it is told."""


def sheets_about(mean_radius_m: np.ndarray, offsets_m: np.ndarray) -> SheetGeometry:
    """Sheets at offsets [S] about a mean radius [128, 128] over the networks' own chart, so spread that the innermost
    stays outside the centre."""
    low = ramp(chart_angles_deg(RADIUS_SIZE, CHART_HALF_EXTENT)[1], LOW_DEG)
    wanted = 1.0 + (LOW_SPREAD - 1.0) * smoothstep(low)
    widest = MAX_INNER_SHARE * mean_radius_m / max(-float(offsets_m[0]), 1e-6)
    arrays = (mean_radius_m, np.minimum(wanted, widest), offsets_m)
    radius_m, spread, offsets = (torch.tensor(x, dtype=torch.float32) for x in arrays)
    return SheetGeometry(radius_m, spread, offsets, CHART_HALF_EXTENT)


class MeanSheets(nn.Module):
    """Keeps them as buffers, which are saved with the networks and go with them from device to device."""

    radius_m: Tensor
    spread: Tensor
    offsets_m: Tensor

    def __init__(self, sheets: int) -> None:
        super().__init__()
        untold = sheets_about(np.full((RADIUS_SIZE, RADIUS_SIZE), UNTOLD_RADIUS_M), default_offsets_m(sheets))
        for name in ("radius_m", "spread", "offsets_m"):
            self.register_buffer(name, getattr(untold, name))

    def set_mean(self, radius_m: np.ndarray) -> None:
        """Takes a mean radius [128, 128], and the spread that goes with it."""
        told = sheets_about(radius_m, self.offsets_m.cpu().numpy())
        self.radius_m.copy_(told.radius_m)
        self.spread.copy_(told.spread)

    def sheets(self) -> SheetGeometry:
        """The sheets, of the buffers themselves."""
        return SheetGeometry(self.radius_m, self.spread, self.offsets_m, CHART_HALF_EXTENT)
