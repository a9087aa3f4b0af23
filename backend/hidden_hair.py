"""Strands for hair that the photograph does not show.

The networks continue hair over the sides of the head by its colour alone, which looks like felt. Here it gets strands
that fall from the whorl, of the contrast that the hair which is seen has: none on a bald head.
"""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..cuda_ops.recorded import recorded
from .conventions import CHART_HALF_EXTENT, WHORL
from .masks import greatest_around
from .networks.geometry import constant, kept, texel_directions
from .networks.inversion import Painting
from .networks.visibility import scalp_maps

STRANDS, TURNS_ALONG, WAVES = (90, 260, 620), 9, 0.012
"""Strands around the head, from locks to hairs; changes along them; how far they wander, in turns around it."""

LUMA = (0.2126, 0.7152, 0.0722)
BLUR_TEXELS = 5
"""Changes of brightness that are slower than this are the hair's shape, not its strands."""

SHARPER = 1.4
"""Contrast is measured in what the networks saw, which is softer than the photograph."""

MAX_CONTRAST = 0.2


@recorded
def strand_shade(painting: Painting, size: int, half_extent: float = CHART_HALF_EXTENT) -> Tensor:
    """Factors [size, size] on the brightness of the first photograph's hidden scalp: 1 where there is none."""
    sides = kept(scalp_maps, size, painting.opacity, half_extent)[0]
    return torch.exp(_contrast(painting, half_extent) * sides * kept(strands, size, sides, half_extent))


def _contrast(painting: Painting, half_extent: float) -> Tensor:
    """Standard deviation of the logarithm of brightness in the scalp that is seen, beside its slow changes."""
    visible = painting.visible[0]  # [S, T, T]
    weight = F.adaptive_avg_pool2d(painting.opacity[0], visible.shape[-1]) * visible
    total = weight.sum(0)
    seen = (painting.photographed[0] * weight[:, None]).sum(0) / total.clamp_min(1e-4)[None]
    luma = torch.einsum("c,cvu->vu", constant(LUMA, seen.device), seen)
    log = torch.log(luma + 0.02)[None, None]
    residual = (log - F.avg_pool2d(log, BLUR_TEXELS, 1, BLUR_TEXELS // 2))[0, 0]
    known = -greatest_around(-total.clamp_max(1.0), BLUR_TEXELS // 2)
    scalp = kept(scalp_maps, log.shape[-1], log, half_extent)[1] * (known > 0.9)
    count = scalp.sum()
    variance = (residual.square() * scalp).sum() / count.clamp_min(1.0)
    return (SHARPER * variance.sqrt()).clamp_max(MAX_CONTRAST) * (count >= 1.0)


@cache
def strands(size: int, half_extent: float = CHART_HALF_EXTENT) -> Tensor:
    """Chart map [size, size] of strands around the whorl, zero in the mean, of unit standard deviation."""
    rng = np.random.default_rng(0)
    axis = np.array(WHORL) / np.linalg.norm(WHORL)
    right = np.cross(axis, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    directions = texel_directions(size, half_extent).numpy()
    around = np.arctan2(directions @ np.cross(right, axis), directions @ right) / (2.0 * np.pi)
    along = np.arccos(np.clip(directions @ axis, -1.0, 1.0)) / np.pi
    around = around + WAVES * _noise(rng, around, along, 8, 5)
    total = sum(_noise(rng, around, along, count, TURNS_ALONG) for count in STRANDS)
    with torch.inference_mode(False):  # kept, and training may need it
        return torch.tensor((total - np.mean(total)) / np.std(total), dtype=torch.float32)


def _noise(rng: np.random.Generator, around: np.ndarray, along: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Normally distributed values on a grid around and along the head, smoothly between, [size, size]."""
    table = rng.normal(size=(rows + 2, columns))
    x, y = (around % 1.0) * columns, np.clip(along, 0.0, 1.0) * rows
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (t * t * (3.0 - 2.0 * t) for t in (x - left, y - top))
    value = [table[top + dy, (left + dx) % columns] for dy in (0, 1) for dx in (0, 1)]
    upper, lower = value[0] + fx * (value[1] - value[0]), value[2] + fx * (value[3] - value[2])
    return np.asarray(upper + fy * (lower - upper))
