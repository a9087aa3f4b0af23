"""The op of close_sheets.py in plain torch, with nothing of its compiled code."""

import torch
from torch import Tensor

from .close_sheets import Gaps
from .paint_texels_reference import sampled
from .texels import Stack


def close_sheets_reference(stack: Stack, opacity: Tensor, gaps: Gaps) -> Tensor:
    """As `close_sheets`, which see; all sheets at once, the surface for those texels alone that see a gap."""
    device, camera = opacity.device, stack.camera
    numbers = (stack.radius_m.ravel(), stack.spread.ravel(), stack.offsets_m, stack.projection(), stack.directions())
    radius, spread, offsets, projection, directions = (torch.as_tensor(x, device=device) for x in numbers)
    points = (radius + offsets[:, None] * spread)[..., None] * directions  # [S, T T, 3]
    projected = points.flatten(0, 1) @ projection[:3] + projection[3]
    depth = projected[:, 2]
    pixels = projected[:, :2] / torch.where(depth > 0, depth, torch.inf)[:, None]
    extent = torch.tensor([camera.width_px, camera.height_px], device=device)
    inside = ((pixels > 0) & (pixels < extent)).all(-1)
    places = pixels / extent * 2.0 - 1.0
    missing = sampled(gaps.missing[None], places)[0].clamp_max(1.0) * inside
    texel = (missing > gaps.least).nonzero()[:, 0]
    surface_m, level = sampled(torch.stack([gaps.surface_m, gaps.level]), places.index_select(0, texel))
    sheet = texel // radius.numel()
    beside = (gaps.reach - (sheet - level).abs()).clamp(0.0, 1.0)
    away_m = (depth.index_select(0, texel) - surface_m).abs()
    near = torch.sigmoid((gaps.margin_m - away_m) / gaps.softness_m)
    closed = opacity.flatten().clone()
    closed[texel] = 1.0 - (1.0 - closed[texel]) * (1.0 - missing.index_select(0, texel) * beside * near)
    return closed.reshape(opacity.shape)
