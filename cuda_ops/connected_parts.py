"""Parts of a mask that hang together: on a GPU by kernels of csrc/connected_parts.cu, on the processor by scipy."""

import ctypes
from ctypes import c_int
from functools import cache

import torch
from scipy import ndimage
from torch import Tensor

from .tensor_calls import call_cuda, cuda_op


def connected_parts(mask: Tensor) -> Tensor:
    """A mask [H, W] to its parts [H, W] int32: 0 outside it, else one number above 0 for all pixels of a part.

    Pixels hang together by their sides. The numbers, at most H x W, ascend with the parts' first pixels, row by row.
    Raises ValueError for what is no picture.
    """
    if mask.ndim != 2:
        raise ValueError(f"a mask must be [H, W], not {tuple(mask.shape)}")
    mask = mask.bool()
    library = _library() if mask.is_cuda else None
    if library is None:
        return torch.from_numpy(ndimage.label(mask.cpu().numpy())[0]).to(mask.device)
    mask = mask.contiguous()
    parent, parts = (torch.empty(mask.shape, dtype=torch.int32, device=mask.device) for _ in range(2))
    sizes = (c_int(side) for side in mask.shape)
    call_cuda(library, "pm_cuda_connected_parts", mask.device, mask, *sizes, parent, parts)
    return parts


@cache
def _library() -> ctypes.CDLL | None:
    """The kernels; None where they cannot be compiled."""
    return cuda_op("connected_parts", "telling parts of a picture apart")
