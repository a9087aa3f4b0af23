"""The compiled renderer on a GPU: the structures of native.py over torch's device memory and stream."""

import ctypes
from copy import copy
from ctypes import byref, c_int, c_void_p
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .build import load_library
from .native import BEYOND, COARSE_TILES, FINE_TILE, MAX_LEVELS, SAFE_SHARE, Scene, View, level_count
from .recorded import recorded
from .tensor_calls import call_cuda, refuse_second_derivatives, with_errors


@cache
def cuda_library() -> ctypes.CDLL:
    """The compiled kernels; raises BuildError without nvcc."""
    return with_errors(load_library("render_cuda"))


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
        if levels[0].dtype not in (torch.uint8, torch.float32):
            raise ValueError(f"a GPU's kernels take uint8 or float32, not {levels[0].dtype}: give textures.float()")
        levels = [level.detach().contiguous() for level in levels]
        radius, spread, offsets = (x.detach().float().contiguous() for x in (radius, spread, offsets))
        self.device, self.levels, self.map_size = levels[0].device, levels, radius.shape[0]
        skip_empty = skip_empty and levels[0].shape[1] >= FINE_TILE
        opacity = levels[0][..., 3] if skip_empty else None
        cells, extent, tiles = _made_ready(opacity, radius, spread, offsets, half_extent)
        self.scene = Scene(
            cells=cells.data_ptr(),
            offsets=offsets.data_ptr(),
            extent=extent.data_ptr(),
            half_extent=half_extent,
            map_size=radius.shape[0],
            sheets=len(offsets),
            texture_size=levels[0].shape[1],
            level_count=len(levels),
        )
        self.keep = [cells, offsets, extent, *tiles]
        self.scene.levels = (c_void_p * MAX_LEVELS)(*(level.data_ptr() for level in levels))
        if skip_empty:
            self.scene.fine, self.scene.coarse = (tile.data_ptr() for tile in tiles)

    def recoloured(self, levels: list[Tensor]) -> "CudaScene":
        """The same with a pyramid of other colours; opacity, and what was worked out of it, stays."""
        other = copy(self)
        other.levels, other.scene = levels, Scene.from_buffer_copy(self.scene)
        other.scene.levels = (c_void_p * MAX_LEVELS)(*(level.data_ptr() for level in levels))
        return other

    def render(self, view: View) -> tuple[Tensor, Tensor]:
        """8-bit textures to RGBA [H, W, 4] (straight sRGB) and expected depth [H, W], float32."""
        rgba = torch.empty(view.height_px, view.width_px, 4, device=self.device)
        depth = torch.empty(view.height_px, view.width_px, device=self.device)
        self._call("pm_cuda_render_u8", byref(self.scene), byref(view), rgba, depth)
        return rgba, depth

    def accumulate(self, views: list[View]) -> Tensor:
        """Float textures to [N, H, W, 5]: premultiplied linear RGB, opacity, opacity-weighted depth."""
        out = torch.empty(len(views), views[0].height_px, views[0].width_px, 5, device=self.device)
        for view, picture in zip(views, out, strict=True):
            self._call("pm_cuda_accumulate_f32", byref(self.scene), byref(view), picture)
        return out

    def backward(self, views: list[View], gradient: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gradient [N, H, W, 5] of `accumulate` to those of the texture levels and of the radius map [G, G]."""
        levels = [torch.zeros_like(level) for level in self.levels]
        radius = torch.zeros(self.map_size, self.map_size, device=self.device)
        pointers = (c_void_p * MAX_LEVELS)(*(level.data_ptr() for level in levels))
        for view, one in zip(views, gradient.contiguous(), strict=True):
            self._call("pm_cuda_backward_f32", byref(self.scene), byref(view), one, pointers, radius)
        return levels, radius

    def _call(self, name: str, *arguments: Any) -> None:
        call_cuda(cuda_library(), name, self.device, *arguments)


def pyramid_u8_on_gpu(textures: Tensor) -> list[Tensor]:
    """As `native.pyramid_u8`, of textures [S, T, T, 4] uint8 on a CUDA device."""
    levels = [textures.contiguous()]
    for _ in range(level_count(textures.shape[1]) - 1):
        above = levels[-1]
        sheets, size = above.shape[:2]
        half = above.new_empty(sheets, size // 2, size // 2, 4)
        call_cuda(cuda_library(), "pm_cuda_halve_u8", above.device, above, c_int(sheets), c_int(size), half)
        levels.append(half)
    return levels


class RenderCuda(torch.autograd.Function):
    """The CUDA op on device tensors."""

    @staticmethod
    def forward(
        ctx: Any,
        views: list[View],
        skip_empty: bool,
        half_extent: float,
        radius: Tensor,
        spread: Tensor,
        offsets: Tensor,
        *levels: Tensor,
    ) -> Tensor:
        ctx.views = views
        ctx.scene = CudaScene(list(levels), radius, spread, offsets, half_extent=half_extent, skip_empty=skip_empty)
        return ctx.scene.accumulate(views)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        refuse_second_derivatives()
        levels, radius = ctx.scene.backward(ctx.views, gradients[0])
        return None, None, None, radius, None, None, *levels


@recorded
def _made_ready(
    opacity: Tensor | None, radius: Tensor, spread: Tensor, offsets: Tensor, half_extent: float
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """The scene's cells, its extent [2], and where there is an opacity [S, T, T] its fine and coarse tiles."""
    tiles: tuple[Tensor, ...] = ()
    if opacity is not None:
        counts = opacity.shape[1] // FINE_TILE, COARSE_TILES
        opacity = opacity.float()
        tiles = tuple(_occupied(opacity, count) for count in counts)
    return _cells(radius, spread), _extent(radius, spread, offsets, half_extent), tiles


def _extent(radius: Tensor, spread: Tensor, offsets: Tensor, half_extent: float) -> Tensor:
    """`native.scene_extent`, on the device: nothing waits for it."""
    outermost = radius + offsets[-1].clamp_min(0.0) * spread
    logs = torch.log(outermost.clamp_min(1e-6))
    steepest = torch.hypot(*torch.gradient(logs, spacing=2.0 * half_extent / radius.shape[0])).max()
    return torch.stack([outermost.max() * BEYOND, (1.0 + steepest.square()).rsqrt().clamp(*SAFE_SHARE)])


def _cells(radius: Tensor, spread: Tensor) -> Tensor:
    """[(G-1)^2, 8]: the bilinear polynomials c0 + c1 x + c2 y + c3 xy of both maps between four texel centres."""
    parts = []
    for m in (radius, spread):
        a, b, c, d = m[:-1, :-1], m[:-1, 1:], m[1:, :-1], m[1:, 1:]
        parts += [a, b - a, c - a, a - b - c + d]
    return torch.stack(parts, -1).reshape(-1, 8).contiguous()


def _occupied(opacity: Tensor, count: int) -> Tensor:
    """[count, count] int64: bit i says that sheet i of opacities [S, T, T] is not empty in a tile or a neighbour."""
    tiles = F.max_pool2d(F.max_pool2d(opacity, opacity.shape[1] // count), 3, 1, 1) > 0.0  # [S, count, count]
    bits = torch.ones((), dtype=torch.int64, device=tiles.device) << torch.arange(len(tiles), device=tiles.device)
    return (tiles * bits[:, None, None]).sum(0)
