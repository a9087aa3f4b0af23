"""The ops of seen_texels.py on tensors of a GPU."""

import ctypes
from ctypes import byref, c_int64
from functools import cache

import torch
from torch import Tensor

from .build import load_library
from .seen_texels import (
    LEAST_SEEN,
    NativeCarried,
    NativeSeen,
    SeenTexels,
    Surface,
    check_seen,
    check_taken,
    pixel_count,
)
from .tensor_calls import address, call_cuda, stack_on, with_errors
from .texels import Stack


def seen_texels_cuda(textures: Tensor, stack: Stack, surface: Surface | None, most_halvings: int) -> SeenTexels:
    """As `seen_texels`, which see; raises BuildError without nvcc."""
    device, camera = textures.device, stack.camera
    library, native = _library(), stack_on(stack, device)
    check_seen(textures, surface, most_halvings, native)
    textures = textures.contiguous()
    depth_m = None if surface is None else torch.as_tensor(surface.depth_m, device=device).float().contiguous()
    margin_m, softness_m = (surface.margin_m, surface.softness_m) if surface else (0.0, 1.0)
    seen = NativeSeen(
        address(textures, device), None if depth_m is None else address(depth_m, device),
        margin_m, softness_m, LEAST_SEEN, camera.fx_px, most_halvings,
    )  # fmt: skip
    both = (byref(native), byref(seen))
    weights = torch.empty(textures.shape[:3], device=device)
    call_cuda(library, "pm_cuda_seen_weights", device, *both, weights)
    index = weights.view(-1).nonzero()[:, 0]
    corners = torch.empty(len(index), 4, dtype=torch.int32, device=device)
    shares = torch.empty(len(index), 4, device=device)
    call_cuda(library, "pm_cuda_seen_corners", device, *both, index, c_int64(len(index)), corners, shares)
    pixels = pixel_count(camera.width_px, camera.height_px, most_halvings)
    return SeenTexels(index, weights.view(-1).index_select(0, index), corners, shares, pixels)


def carried_back_cuda(
    textures: Tensor, texels: SeenTexels, colours: Tensor, picture: Tensor, length: float
) -> tuple[Tensor, Tensor]:
    """As `carried_back`, which see; that `textures` are the texels' own is not checked: it would wait for the GPU."""
    device, library = textures.device, _library()
    check_taken(colours, picture, texels)
    textures, moved = textures.clone(memory_format=torch.contiguous_format), torch.empty(colours.shape, device=device)
    tensors = [x.contiguous() for x in (*texels[:4], picture, colours)]
    pointers = [address(tensor, device) for tensor in tensors]
    carried = NativeCarried(*pointers, length, address(moved, device), address(textures, device))
    call_cuda(library, "pm_cuda_carry_back", device, byref(carried), c_int64(len(texels.texel)))
    return textures, moved


@cache
def _library() -> ctypes.CDLL:
    """The kernels; raises BuildError without nvcc."""
    return with_errors(load_library("texels_cuda"))
