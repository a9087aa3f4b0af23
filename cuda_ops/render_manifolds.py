"""The op: RGBA sheets and their geometry to a picture, differentiable in colour, opacity and radius."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .build import BuildError
from .native import MAX_SHEETS, NativeScene, View, level_count, library
from .pinhole_camera import PinholeCamera
from .reference import TINY_OPACITY, finish_picture, render_manifolds_reference
from .tensor_calls import refuse_second_derivatives
from .texels import ANTIPODE

log = logging.getLogger(__name__)

Implementation = Literal["auto", "reference", "native"]


def render_manifolds(
    textures: Tensor,
    radius: Tensor,
    spread: Tensor,
    offsets: Tensor,
    camera: PinholeCamera | Sequence[PinholeCamera],
    *,
    half_extent: float,
    mip_levels: int | None = None,
    skip_empty: bool = True,
    implementation: Implementation = "auto",
) -> Tensor:
    """Composites the radiance manifolds as a camera sees them (arXiv 2112.08867, eq. 3; see backend/manifolds.py).

    textures  [S, T, T, 4] float32 or float64, sRGB-encoded colour and straight opacity in 0..1; T a power of two
    radius    [G, G] metres: mean radius plus displacement, resampled to one size
    spread    [G, G]; offsets [S] metres, ascending
    camera    one, or N of them with pictures of one size: what the views share is then made ready once
    half_extent of the chart
    mip_levels  number of mip levels, all by default, 1 for none
    skip_empty  pass over tiles of 16 x 16 texels without opacity; texels in them then get no gradient
    implementation  "native" (C++ on the CPU, CUDA on a GPU), "reference" (plain torch), or what there is

    Returns [H, W, 5], of N cameras [N, H, W, 5]: premultiplied linear RGB, opacity, opacity-weighted depth in metres;
    `finish_picture` makes straight sRGB and expected depth of it. Gradients flow to textures and radius, once: only
    "reference" can be differentiated twice.
    Raises ValueError for shapes and values that do not fit, no such implementation, or a spread or offsets that want a
    gradient, BuildError where "native" was asked for and cannot be had; its backward pass raises RuntimeError under
    `create_graph`.
    """
    cameras = list(camera) if isinstance(camera, Sequence) else [camera]
    _check(textures, radius, spread, offsets, cameras, half_extent)
    if mip_levels is not None and mip_levels < 1:
        raise ValueError(f"mip_levels {mip_levels} must be 1 or more, 1 for none, or None for all")
    if torch.is_grad_enabled() and (spread.requires_grad or offsets.requires_grad):
        raise ValueError("gradients flow to textures and radius alone: give spread.detach() and offsets.detach()")
    levels = build_pyramid(textures, mip_levels)
    if implementation not in get_args(Implementation):
        raise ValueError(f"implementation {implementation!r} must be one of {', '.join(get_args(Implementation))}")
    if implementation == "auto":
        implementation = default_implementation(textures.device.type)
    if implementation == "reference":
        pictures = torch.stack(
            [
                render_manifolds_reference(levels, radius, spread, offsets, one, half_extent=half_extent)
                for one in cameras
            ]
        )
    else:
        views = [View.of(one) for one in cameras]
        function = _native_function(textures.device.type)
        pictures = function.apply(views, skip_empty, half_extent, radius, spread, offsets, *levels)
    return pictures if isinstance(camera, Sequence) else pictures[0]


def render_opacity(
    opacity: Tensor,
    radius: Tensor,
    spread: Tensor,
    offsets: Tensor,
    camera: PinholeCamera,
    half_extent: float,
) -> tuple[Tensor, Tensor]:
    """Opacity 0..1 and expected depth in metres, 0 where nothing is, [H, W] each, of sheets without colour.

    opacity [S, T, T] float32 at its full size; the rest, and what is raised, as of `render_manifolds`. No gradients. On
    the CPU opacities are rounded to 8 bits, as portraits keep them, for half the time.
    """
    colourless = opacity[..., None].expand(*opacity.shape, 4)
    _check(colourless, radius, spread, offsets, [camera], half_extent)
    if default_implementation(opacity.device.type) == "native" and not opacity.is_cuda:
        textures = np.zeros(colourless.shape, np.uint8)
        textures[..., 3] = (opacity.detach() * 255.0 + 0.5).to(torch.uint8).numpy()
        arrays = (np.ascontiguousarray(x.detach().numpy()) for x in (radius, spread, offsets))
        scene = NativeScene([textures], *arrays, half_extent=half_extent)
        rgba, depth_m = (torch.from_numpy(x) for x in scene.render(View.of(camera)))
    else:
        maps = (radius, spread, offsets, camera)
        drawn = render_manifolds(colourless.contiguous(), *maps, half_extent=half_extent, mip_levels=1)
        rgba, depth_m = finish_picture(drawn)
    return rgba[..., 3], torch.where(depth_m.isfinite(), depth_m, 0.0)


def build_pyramid(textures: Tensor, mip_levels: int | None = None) -> list[Tensor]:
    """Mip levels of [S, T, T, 4]: opacity averaged, colour averaged by opacity; differentiable."""
    count = level_count(textures.shape[1])
    levels = [textures]
    for _ in range(min(mip_levels or count, count) - 1):
        above = levels[-1].permute(0, 3, 1, 2)
        weight = above[:, 3:] + TINY_OPACITY
        opacity = F.avg_pool2d(above[:, 3:], 2)
        colour = F.avg_pool2d(above[:, :3] * weight, 2) / (opacity + TINY_OPACITY)
        levels.append(torch.cat([colour, opacity], 1).permute(0, 2, 3, 1).contiguous())
    return levels


@cache
def default_implementation(device: str) -> Implementation:
    """The fastest renderer there is for a device; says once which, and why if it is the slow one."""
    try:
        if device == "cuda":
            from .native_cuda import cuda_library

            cuda_library()
        else:
            library()
    except BuildError as error:
        log.warning("drawing with the slow reference renderer: %s", error)
        return "reference"
    log.info("drawing with the compiled renderer (%s)", device)
    return "native"


def _native_function(device: str) -> Any:
    """The compiled op's autograd function for a kind of device."""
    if device == "cuda":
        from .native_cuda import RenderCuda

        return RenderCuda
    return _RenderNative


class _RenderNative(torch.autograd.Function):
    """The C++ op on CPU tensors."""

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
        arrays = [np.ascontiguousarray(x.detach().numpy()) for x in (*levels, radius, spread, offsets)]
        scene = NativeScene(arrays[:-3], *arrays[-3:], half_extent=half_extent, skip_empty=skip_empty)
        ctx.scene, ctx.views = scene, views
        return torch.from_numpy(np.stack([scene.accumulate(view) for view in views]))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        refuse_second_derivatives()
        per_view = [
            ctx.scene.backward(view, gradient.detach().numpy())
            for view, gradient in zip(ctx.views, gradients[0], strict=True)
        ]
        levels = [sum(views[1:], views[0]) for views in zip(*(levels for levels, _ in per_view), strict=True)]
        radius = sum((radius for _, radius in per_view[1:]), per_view[0][1])
        return None, None, None, torch.from_numpy(radius), None, None, *map(torch.from_numpy, levels)


def _check(
    textures: Tensor, radius: Tensor, spread: Tensor, offsets: Tensor, cameras: list[PinholeCamera], half_extent: float
) -> None:
    """Raises ValueError for shapes, types and values that do not fit together; see `render_manifolds`."""
    sheets, size = textures.shape[:2] if textures.ndim == 4 else (0, 0)
    if textures.shape != (sheets, size, size, 4) or not 1 <= sheets <= MAX_SHEETS or size < 1 or size & (size - 1):
        raise ValueError(
            f"textures must be [S, T, T, 4] with S 1 to {MAX_SHEETS} and T a power of two, not {tuple(textures.shape)}"
        )
    if offsets.shape != (sheets,):
        raise ValueError(f"offsets must be [{sheets}], one a sheet, not {tuple(offsets.shape)}")
    if radius.ndim != 2 or radius.shape[0] != radius.shape[1] or radius.shape != spread.shape or len(radius) < 2:
        raise ValueError(
            f"radius {tuple(radius.shape)} and spread {tuple(spread.shape)} must be one square size of 2 or more"
        )
    if not 0.0 < half_extent <= ANTIPODE:
        raise ValueError(f"half_extent {half_extent} must be above 0 and at most {ANTIPODE:g}, the antipode")
    if len({(camera.width_px, camera.height_px) for camera in cameras}) != 1:
        raise ValueError(f"camera must be one, or several with pictures of one size, not {len(cameras)} of others")
    kinds = {x.dtype for x in (textures, radius, spread, offsets)}
    if len(kinds) > 1 or kinds - {torch.float32, torch.float64}:
        raise ValueError(f"textures, radius, spread and offsets must all be float32 or all float64, not {kinds}")
