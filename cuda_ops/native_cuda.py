"""The compiled renderer on a GPU: the structures of native.py over torch's device memory and stream."""

import ctypes
from ctypes import byref, c_char_p, c_int, c_void_p
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .build import load_library
from .native import COARSE_TILES, FINE_TILE, MAX_LEVELS, Scene, View, scene_numbers


@cache
def cuda_library() -> ctypes.CDLL:
    """The compiled kernels; raises BuildError without nvcc."""
    library = load_library("render_cuda")
    library.pm_cuda_error.restype, library.pm_cuda_error.argtypes = c_char_p, [c_int]
    return library


class CudaScene:
    """A portrait's tensors in the kernels' layout; keeps them alive.

    levels: [S, T >> l, T >> l, 4] of uint8 or float32 on one CUDA device; radius, spread [G, G], offsets [S] float32.
    """

    def __init__(
        self,
        levels: list[Tensor],
        radius: Tensor,
        spread: Tensor,
        offsets: Tensor,
        *,
        half_extent: float,
        skip_empty: bool = True,
    ) -> None:
        levels = [level.detach().contiguous() for level in levels]
        radius, spread, offsets = (x.detach().float().contiguous() for x in (radius, spread, offsets))
        self.device, self.levels, self.map_size = levels[0].device, levels, radius.shape[0]
        numbers = scene_numbers(radius.cpu().numpy(), spread.cpu().numpy(), offsets.cpu().numpy(), half_extent)
        self.scene = Scene(**numbers, texture_size=levels[0].shape[1], level_count=len(levels))
        cells = _cells(radius, spread)
        self.keep: list[Tensor] = [cells, offsets]
        self.scene.cells, self.scene.offsets = cells.data_ptr(), offsets.data_ptr()
        self.scene.levels = (c_void_p * MAX_LEVELS)(*(level.data_ptr() for level in levels))
        if skip_empty and levels[0].shape[1] >= FINE_TILE:
            tiles = [_occupied(levels[0], count) for count in (levels[0].shape[1] // FINE_TILE, COARSE_TILES)]
            self.scene.fine, self.scene.coarse = (tile.data_ptr() for tile in tiles)
            self.keep += tiles

    def render(self, view: View) -> tuple[Tensor, Tensor]:
        """8-bit textures to RGBA [H, W, 4] (straight sRGB) and expected depth [H, W], float32."""
        rgba = torch.empty(view.height_px, view.width_px, 4, device=self.device)
        depth = torch.empty(view.height_px, view.width_px, device=self.device)
        self._call("pm_cuda_render_u8", byref(self.scene), byref(view), rgba, depth)
        return rgba, depth

    def accumulate(self, view: View) -> Tensor:
        """Float textures to [H, W, 5]: premultiplied linear RGB, opacity, opacity-weighted depth."""
        out = torch.empty(view.height_px, view.width_px, 5, device=self.device)
        self._call("pm_cuda_accumulate_f32", byref(self.scene), byref(view), out)
        return out

    def backward(self, view: View, gradient: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gradient [H, W, 5] of `accumulate` to those of the texture levels and of the radius map [G, G]."""
        levels = [torch.zeros_like(level) for level in self.levels]
        radius = torch.zeros(self.map_size, self.map_size, device=self.device)
        pointers = (c_void_p * MAX_LEVELS)(*(level.data_ptr() for level in levels))
        self._call("pm_cuda_backward_f32", byref(self.scene), byref(view), gradient.contiguous(), pointers, radius)
        return levels, radius

    def _call(self, name: str, *arguments: Any) -> None:
        with torch.cuda.device(self.device):
            pointers = [c_void_p(x.data_ptr()) if isinstance(x, Tensor) else x for x in arguments]
            stream = c_void_p(torch.cuda.current_stream().cuda_stream)
            code = getattr(cuda_library(), name)(*pointers, stream)
        if code:
            raise RuntimeError(f"{name} failed: {cuda_library().pm_cuda_error(code).decode()}")


class RenderCuda(torch.autograd.Function):
    """The CUDA op on device tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        view: View,
        skip_empty: bool,
        half_extent: float,
        radius: Tensor,
        spread: Tensor,
        offsets: Tensor,
        *levels: Tensor,
    ) -> Tensor:
        ctx.view = view
        ctx.scene = CudaScene(list(levels), radius, spread, offsets, half_extent=half_extent, skip_empty=skip_empty)
        return ctx.scene.accumulate(view)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        levels, radius = ctx.scene.backward(ctx.view, gradients[0])
        return None, None, None, radius, None, None, *levels


def _cells(radius: Tensor, spread: Tensor) -> Tensor:
    """[(G-1)^2, 8]: the bilinear polynomials c0 + c1 x + c2 y + c3 xy of both maps between four texel centres."""
    parts = []
    for m in (radius, spread):
        a, b, c, d = m[:-1, :-1], m[:-1, 1:], m[1:, :-1], m[1:, 1:]
        parts += [a, b - a, c - a, a - b - c + d]
    return torch.stack(parts, -1).reshape(-1, 8).contiguous()


def _occupied(textures: Tensor, count: int) -> Tensor:
    """[count, count] int64: bit i says that sheet i has opacity in a tile or a neighbour."""
    opaque = (textures[..., 3] > 0).float()[:, None]
    tiles = F.max_pool2d(F.max_pool2d(opaque, textures.shape[1] // count), 3, 1, 1)[:, 0].bool()  # [S, count, count]
    bits = torch.from_numpy(np.uint64(1) << np.arange(tiles.shape[0], dtype=np.uint64)).to(tiles.device)
    return (tiles.to(torch.int64) * bits.view(torch.int64)[:, None, None]).sum(0)
