"""Tensors that are worked out once, and stay on the device that uses them."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

ChartMap = Callable[[int, float], Tensor]
"""Makes a map of so many texels a side over a chart of that half extent."""


def kept(made: ChartMap, size: int, like: Tensor, half_extent: float) -> Tensor:
    """The chart map that `made` makes of a size, on the device and of the type of another tensor; copied there once."""
    return _kept(made, size, half_extent, like.device, like.dtype)


@cache
def _kept(made: ChartMap, size: int, half_extent: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # training may need it
        return made(size, half_extent).to(device, dtype)


def lasting(values: np.ndarray) -> Tensor:
    """Numbers as a float32 tensor that may be kept: training may need what was made for inference."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32)


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers [N] float32 on a device, copied there once."""
    with torch.inference_mode(False):  # training may need it
        return torch.tensor(values, device=device)
