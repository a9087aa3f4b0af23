"""Maps over the chart in another size, and smoother."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import CHART_HALF_EXTENT, DISPLACEMENT_SIZE
from .chart_maps import low_down
from .kept import kept

CALM_TEXELS = 2.5
"""Standard deviation, in the displacement's texels, of the Gaussian that smooths sheets over the chest. A chest lies
nearly along the directions from the head: a sheet that followed it would have too few texels for a tie."""


def resampled(maps: Tensor, size: int) -> Tensor:
    """Maps [..., G, G] over the chart to [..., size, size], bilinear between texel centres."""
    if maps.shape[-1] == size:
        return maps
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    return F.interpolate(flat, (size, size), mode="bilinear", align_corners=False).reshape(*maps.shape[:-2], size, size)


def smoothed(maps: Tensor, texels: float) -> Tensor:
    """Maps [B, D, D] under a Gaussian of that standard deviation."""
    reach = min(int(3.0 * texels), maps.shape[-1] - 1)
    x = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (x / texels) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(maps[:, None], (reach, reach, reach, reach), "replicate")
    return F.conv2d(F.conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None])[:, 0]


def calmed(log_radius: Tensor) -> Tensor:
    """Logarithms of radii [B, D, D] over the networks' own chart, smooth below the jaw."""
    size = log_radius.shape[-1]
    low = kept(low_down, size, log_radius, CHART_HALF_EXTENT)
    return torch.lerp(log_radius, smoothed(log_radius, CALM_TEXELS * size / DISPLACEMENT_SIZE), low)
