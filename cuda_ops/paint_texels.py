"""Colours and opacities of a stack's texels: the photograph's own where it shows them, the networks' elsewhere.

The public op is `paint_texels`, on the processor's cores or a GPU; paint_texels_reference.py beside it does the same in
plain torch, and takes its place where there is no compiler.
"""

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor

from .tensor_calls import address, call_cuda, stack_on, texels_library, texels_op
from .texels import Stack


@dataclass(frozen=True)
class Paint:
    """What the networks and the photograph say of a stack's S sheets of T x T texels; float32, all on one device."""

    opacity: Tensor  # [S, O, O], O at most T
    painted: Tensor  # [S, 3, C, C], sRGB-encoded
    innermost: Tensor  # [3, I, I], the first sheet's colours, in place of what is painted on it
    confidence: Tensor  # [S, C, C], 0..1: the photograph's share where it shows the texel
    shade: Tensor  # [T, T], a factor on what is painted
    turned: Tensor  # [T, T], 0..1: how far the surface is turned to the camera
    photo: Tensor  # [H, W, 4], the stack's camera's picture: the person's own colour and opacity
    surface_m: Tensor  # [P, P], depth of what the camera sees first
    wider: float  # side of the photograph in sides of what the networks saw; beside that the photograph has its say
    clean: float  # opacity of the person from which the photograph's colours are fully believed
    margin_m: float  # a texel so far behind the surface still counts half where the spread is one
    softness_m: float
    uncut: int = 0  # so many of the innermost sheets keep their opacity where the photograph shows no one


def paint_texels(stack: Stack, paint: Paint) -> Tensor:
    """RGBA textures [S, T, T, 4] uint8; nothing outside the photograph's picture, nor, but for `uncut` sheets, where it
    shows no one. Raises ValueError where paint and stack differ in size or device.
    """
    sheets, size, camera = len(stack.offsets_m), len(stack.radius_m), stack.camera
    fits = {
        "opacity": paint.opacity.shape == (sheets, *2 * paint.opacity.shape[-1:]),
        "painted": paint.painted.shape == (sheets, 3, *2 * paint.painted.shape[-1:]),
        "innermost": paint.innermost.shape == (3, *2 * paint.innermost.shape[-1:]),
        "confidence": paint.confidence.shape == (sheets, *paint.painted.shape[2:]),
        "shade": paint.shade.shape == (size, size),
        "turned": paint.turned.shape == (size, size),
        "photo": paint.photo.shape == (camera.height_px, camera.width_px, 4),
        "surface_m": paint.surface_m.ndim == 2 and len(set(paint.surface_m.shape)) == 1,
    }
    wrong = ", ".join(name for name, fit in fits.items() if not fit or not getattr(paint, name).numel())
    if wrong:
        raise ValueError(f"paint for {sheets} x {size} texels does not fit: see the shapes of {wrong}")
    device = paint.opacity.device
    library = texels_library() if device.type == "cuda" else texels_op("paint_texels", "painting")
    if library is None:
        from .paint_texels_reference import paint_texels_reference

        return paint_texels_reference(stack, paint)
    native = stack_on(stack, device)
    names = ("opacity", "painted", "innermost", "confidence", "shade", "turned", "photo", "surface_m")
    tensors = [getattr(paint, name).float().contiguous() for name in names]
    sizes = [x.shape[-1] for x in (paint.opacity, paint.painted, paint.innermost, paint.surface_m)]
    pointers = [address(tensor, device) for tensor in tensors]
    numbers = _Paint(*pointers, paint.wider, paint.clean, paint.margin_m, paint.softness_m, *sizes, paint.uncut)
    textures = torch.empty(sheets, size, size, 4, dtype=torch.uint8, device=device)
    both = (ctypes.byref(native), ctypes.byref(numbers))
    if device.type == "cuda":
        call_cuda(library, "pm_cuda_paint_texels", device, *both, textures)
    else:
        library.pm_paint_texels(*both, address(textures, device), 0)
    return textures


class _Paint(ctypes.Structure):
    """csrc/paint_texels.h's Paint."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("opacity", "painted", "innermost", "confidence")),
        *((name, ctypes.c_void_p) for name in ("shade", "turned", "photo", "surface")),
        *((name, ctypes.c_float) for name in ("wider", "clean", "margin_m", "softness_m")),
        *(
            (name, ctypes.c_int32)
            for name in ("opacity_size", "colour_size", "innermost_size", "surface_size", "uncut")
        ),
    )
