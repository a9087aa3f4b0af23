"""What the benchmark asks of the ops on texels: a portrait's own surface, and random paint on it."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch

from ...cuda_ops.close_sheets import Gaps
from ...cuda_ops.paint_texels import Paint
from ...cuda_ops.seen_texels import SeenTexels, Surface
from ..camera import Camera
from ..conventions import SEEN_MARGIN_M, SEEN_SOFTNESS_M
from ..portrait import Portrait
from ..texture.solidity import LEAST_MISSING, NEAR_M, NEAR_SHEETS


def on_gpu(values: Any) -> Any:
    """A dataclass whose arrays and tensors lie on the GPU."""
    arrays = {
        field.name: torch.as_tensor(value).cuda()
        for field in fields(values)
        if isinstance(value := getattr(values, field.name), torch.Tensor | np.ndarray)
    }
    return replace(values, **arrays)


def surface_of(portrait: Portrait, camera: Camera) -> Surface:
    """What the camera sees first."""
    return Surface(portrait.render(camera)[1], SEEN_MARGIN_M, SEEN_SOFTNESS_M)


def random_paint(portrait: Portrait, camera: Camera) -> Paint:
    """The portrait's opacity at half its size, as the networks give it, and noise for all else."""
    sheets, size = portrait.manifolds.sheets, portrait.texture_size
    opacity = torch.from_numpy(portrait.textures[:, ::2, ::2, 3] / 255.0).float()
    shade, turned = torch.rand(2, size, size)
    photo, depth_m = torch.rand(camera.height_px, camera.width_px, 4), torch.full((384, 384), 1.3)
    colour = torch.rand(sheets, 4, size // 4, size // 4)
    maps = (opacity, colour[:, :3], torch.rand(3, size, size), colour[:, 3], shade, turned)
    return Paint(*maps, photo, depth_m, 1.5, 0.5, SEEN_MARGIN_M, SEEN_SOFTNESS_M)


def soft_sheets(portrait: Portrait, camera: Camera) -> tuple[torch.Tensor, Gaps]:
    """The portrait at half its opacity, and what its picture then lacks."""
    rgba, depth_m = portrait.render(camera)
    lacking = torch.from_numpy(0.5 * rgba[..., 3])
    surface_m = torch.from_numpy(np.where(np.isfinite(depth_m), depth_m, 9.0).astype(np.float32))
    level = torch.full_like(lacking, portrait.manifolds.sheets / 2)
    gaps = Gaps(lacking, surface_m, level, NEAR_SHEETS, NEAR_M, SEEN_SOFTNESS_M, LEAST_MISSING)
    return torch.from_numpy(portrait.textures[..., 3] / np.float32(510.0)), gaps


def random_colours(seen: SeenTexels) -> tuple[np.ndarray, np.ndarray]:
    """Of the texels that are seen and of the pixels that they take."""
    random = np.random.default_rng(0)
    return random.random((len(seen.texel), 3), np.float32), random.random((seen.pixels, 3), np.float32)
