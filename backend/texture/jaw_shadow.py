"""The shadow under a jaw, where a photograph from the front does not show it.

The neck goes on in the colours of the silhouette's edges, which beside a wide jaw are the jaw's own: from beside, the
face ran down into the neck without an end. It is as dark as the neck's front, if that is seen.
"""

import numpy as np
import torch
from torch import Tensor

from ..networks.chart_maps import chart_angles_deg, region
from ..networks.kept import kept, lasting
from ..ramps import ramp
from .seen_surface import BLACK, Seen

JAW_DEG = ((30.0, -56.0), (40.0, -54.0), (55.0, -52.0), (73.0, -49.0), (90.0, -42.0), (112.0, -38.0))
"""Azimuths along the mean head's jaw, from the chin to behind the lobe, and its elevations there."""

EDGE_DEG, FADES_DEG = (-3.0, 6.0), (30.0, 10.0)
"""Angles below the jaw between which its shadow begins, and ends."""

BESIDE_DEG, BEHIND_DEG = (36.0, 52.0), (125.0, 108.0)
"""Azimuths between which it begins, and ends."""

FRONT_DEG = (40.0, 30.0)
"""Azimuths between which the fronts of face and neck end."""

FACE_DEG, NECK_DEG = ((-38.0, -32.0), (4.0, -2.0)), ((-74.0, -68.0), (-54.0, -60.0))
"""Elevations between which either begins, from below, and ends."""

SKIN = 0.15
"""So far from the face's colours, in logarithms, the neck's front is hardly skin."""

ENOUGH = 0.002
"""This share of the chart is enough of it."""

DARKER = (0.15, 0.35)
"""What of the light a shadow takes at least and at most."""


def jaw_shadow(seen: Seen, size: int, half_extent: float) -> Tensor:
    """Factors on the brightness of what is not seen, [size, size], 1 where no shadow lies."""
    return 1.0 - _darker(seen, half_extent) * kept(_below_jaw, size, seen.known, half_extent)


def _darker(seen: Seen, half_extent: float) -> Tensor:
    """How much less light the neck's front has than the face, [1, 1], within DARKER, so far as enough of it is seen."""
    face, neck = seen.known * kept(_fronts, len(seen.known), seen.known, half_extent)
    logs = torch.log(seen.colour.clamp(0.0, 1.0) + BLACK)
    light, tint = logs.mean(0), logs - logs.mean(0)

    def mean(values: Tensor, weight: Tensor) -> Tensor:
        return (values * weight).sum((-2, -1), keepdim=True) / weight.sum().clamp_min(1e-3)

    skin = neck * torch.exp(-(tint - mean(tint, face)).square().sum(0) / SKIN**2)
    darker = 1.0 - torch.exp(mean(light, skin) - mean(light, face))
    return (darker * (skin.mean() / ENOUGH).clamp_max(1.0)).clamp(*DARKER)


def _below_jaw(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where a jaw's shadow lies."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    below_deg = np.interp(azimuth_deg, *np.transpose(JAW_DEG)) - elevation_deg
    shadow = ramp(below_deg, EDGE_DEG) * ramp(below_deg, FADES_DEG)
    return lasting(shadow * ramp(azimuth_deg, BESIDE_DEG) * ramp(azimuth_deg, BEHIND_DEG))


def _fronts(size: int, half_extent: float) -> Tensor:
    """Chart maps [2, size, size], 0..1: the front of the face, and of the neck."""
    return lasting(np.stack([region(size, half_extent, (FRONT_DEG,), ends) for ends in (FACE_DEG, NECK_DEG)]))
