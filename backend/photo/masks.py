"""Masks [H, W] of bool, on the processor by scipy, on a GPU by kernels: what either says of a mask is the same; and
maps widened as masks are dilated."""

import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from ...cuda_ops.connected_parts import connected_parts

FAR_PX = 1e4
"""Farther than any outside in a picture."""


def holes_filled(mask: Tensor) -> Tensor:
    """With whatever of its outside does not reach the picture's border."""
    outside = connected_parts(F.pad(~mask, (1, 1, 1, 1), value=True))
    return (outside != outside[0, 0])[1:-1, 1:-1]


def largest_part(mask: Tensor) -> Tensor:
    """The part that has most pixels; an empty mask is its own."""
    parts = connected_parts(mask).flatten().long()
    sizes = parts.new_zeros(parts.numel() + 1).scatter_add_(0, parts, (parts > 0).long())
    return mask & (parts == sizes.argmax()).view(mask.shape)


def dilated(mask: Tensor, times: int = 1) -> Tensor:
    """With the pixels above, below and beside it, so often."""
    if not mask.is_cuda:
        return torch.from_numpy(ndimage.binary_dilation(mask.numpy(), iterations=times))
    grown = mask.float()[None, None]
    for _ in range(times):
        grown = torch.maximum(F.max_pool2d(grown, (3, 1), 1, (1, 0)), F.max_pool2d(grown, (1, 3), 1, (0, 1)))
    return grown[0, 0] > 0.0


def greatest_around(maps: Tensor, reach: int) -> Tensor:
    """The greatest value up to `reach` pixels away in rows and columns, of maps [..., H, W]."""
    side = 2 * reach + 1
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    along = F.max_pool2d(flat, (side, 1), 1, (reach, 0))  # one after the other, for a fraction of the time
    return F.max_pool2d(along, (1, side), 1, (0, reach)).reshape(maps.shape)


def least_around(maps: Tensor, reach: int) -> Tensor:
    """The least value, likewise."""
    return -greatest_around(-maps, reach)


def eroded(mask: Tensor, times: int = 1) -> Tensor:
    """Without the pixels that have any outside above, below or beside them, so often; so is the picture's border."""
    inner = ~dilated(F.pad(~mask, 4 * (times,), value=True), times)
    return inner[times:-times, times:-times]


def distance_to_edge(mask: Tensor) -> Tensor:
    """How far each pixel of it lies from the nearest outside, [H, W] float32 in pixels; 0 outside, and far where there
    is none.

    Beyond the picture's border a mask goes on as it is there. On a GPU every pixel is compared with all of its column,
    then of its row (Felzenszwalb and Huttenlocher, Theory of Computing 2012, without their envelope).
    """
    if not mask.is_cuda:
        if mask.all():
            return torch.full(mask.shape, FAR_PX)
        return torch.from_numpy(ndimage.distance_transform_edt(mask.numpy())).float()
    squared = torch.where(mask, FAR_PX**2, 0.0)
    for _ in range(2):
        along = torch.arange(squared.shape[0], device=mask.device, dtype=squared.dtype)
        apart = (along[:, None] - along).square()  # [H, H]
        squared = (apart[:, :, None] + squared).amin(1).T
    return squared.sqrt()
