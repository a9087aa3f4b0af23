"""Sheets made more opaque beside a surface where a camera's picture of them lacks something.

The public op is `close_sheets`, on the processor's cores or a GPU; close_sheets_reference.py beside it does the same in
plain torch, and takes its place where there is no compiler.
"""

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor

from .tensor_calls import address, call_cuda, stack_on, texels_library, texels_op
from .texels import Stack


@dataclass(frozen=True)
class Gaps:
    """What the picture of a stack's camera lacks, and of which surface; maps [H, W] float32, all on one device."""

    missing: Tensor  # 0 or more: the share of a texel's transparency that is to go, all of it from one on
    surface_m: Tensor  # depth, continued over the holes
    level: Tensor  # which sheet passes through that surface, as a fraction between two
    reach: float  # sheets away from it at which a sheet is left alone
    margin_m: float  # a texel so far before or behind the surface closes by half
    softness_m: float
    least: float  # where no more than this is missing, nothing changes


def close_sheets(stack: Stack, opacity: Tensor, gaps: Gaps, *, overwrite: bool = False) -> Tensor:
    """Opacity [S, T, T] float32, 0..1, of the stack's texels, raised where gaps are seen; what is not seen stays.

    With `overwrite` the memory of what is given may serve for it. Raises ValueError where stack, opacity and gaps
    differ in size or device.
    """
    sheets, size, camera = len(stack.offsets_m), len(stack.radius_m), stack.camera
    if opacity.shape != (sheets, size, size) or opacity.dtype != torch.float32:
        raise ValueError(f"opacity {tuple(opacity.shape)} {opacity.dtype} is not of {sheets} x {size} texels")
    maps = torch.stack([gaps.missing, gaps.surface_m, gaps.level])
    if maps.shape[1:] != (camera.height_px, camera.width_px) or maps.dtype != torch.float32:
        raise ValueError(f"gaps {tuple(maps.shape[1:])} are not of a picture {camera.width_px} x {camera.height_px}")
    device = opacity.device
    library = texels_library() if device.type == "cuda" else texels_op("close_sheets", "closing sheets")
    if library is None:
        from .close_sheets_reference import close_sheets_reference

        return close_sheets_reference(stack, opacity, gaps)
    native, closed = stack_on(stack, device), opacity.detach().contiguous()
    if closed.data_ptr() == opacity.data_ptr() and not overwrite:
        closed = closed.clone()
    numbers = _Gaps(address(maps, device), gaps.reach, gaps.margin_m, gaps.softness_m, gaps.least)
    both = (ctypes.byref(native), ctypes.byref(numbers))
    if device.type == "cuda":
        call_cuda(library, "pm_cuda_close_sheets", device, *both, closed)
    else:
        library.pm_close_sheets(*both, address(closed, device), 0)
    return closed


class _Gaps(ctypes.Structure):
    """csrc/close_sheets.h's Gaps."""

    _fields_ = (
        ("maps", ctypes.c_void_p),
        *((name, ctypes.c_float) for name in ("reach", "margin_m", "softness_m", "least")),
    )
