"""Grain for the sides of a face, which have no more than the cheek's smooth colours (`side_of_face`).

It is noise, half as strong as what is fine on the cheek where the photograph ends to be believed. Pieces of the cheek
itself, laid there, show its folds a second time.
"""

import torch
from torch import Tensor

from ..networks.kept import kept, lasting
from ..networks.resampling import smoothed
from ..photo.masks import greatest_around
from .seen_surface import Seen
from .side_of_face import below_glasses

FINE = 0.005
"""Changes of brightness within this share of the chart's side are grain."""

FINEST = 0.0015
"""Noise is as smooth as this share of it."""

STRIP = 0.05
"""So near to where it ends, in shares of the chart's side, the photograph tells how strong grain is."""

MOST = 0.012
"""As a deviation of brightness' logarithm grain is at most so strong: what is more are wrinkles."""

MEAN_TO_DEVIATION = 0.6
"""Of mean distances from zero: half a normal distribution's standard deviation, since wrinkles are among them."""


def skin_shade(seen: Seen, believed: Tensor, half_extent: float) -> Tensor:
    """Factors [T, T] on the brightness of what lies beside a face where the photograph is not `believed` [T, T]; 1
    elsewhere."""
    size = believed.shape[-1]
    skin = kept(below_glasses, size, believed, half_extent)
    strip = greatest_around(1.0 - believed, round(STRIP * size)) * believed * seen.known * skin
    strength, count = torch.stack([_grain(seen).abs() * strip, strip]).unflatten(-1, (2, size // 2)).sum((1, 3))
    deviation = (MEAN_TO_DEVIATION * strength / count.clamp_min(1.0)).clamp_max(MOST)  # [2], to either side
    noise = kept(_noise, size, believed, half_extent) * deviation.repeat_interleave(size // 2)
    return torch.exp(noise * (1.0 - believed) * skin)


def _grain(seen: Seen) -> Tensor:
    """Logarithms of brightness beside its slower changes [T, T]."""
    log = seen.log_brightness()
    slow, around = smoothed(torch.stack([log * seen.known, seen.known]), FINE * len(log))
    return log - slow / around.clamp_min(1e-4)


def _noise(size: int, half_extent: float) -> Tensor:
    """[size, size], of deviation one, with nothing slower than grain; zero where texels are coarser than that."""
    noise = torch.randn(1, size, size, generator=torch.Generator().manual_seed(0))
    fine = (smoothed(noise, FINEST * size) - smoothed(noise, FINE * size))[0]
    return lasting((fine / fine.std().clamp_min(1e-6)).numpy())
