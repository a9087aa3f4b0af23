"""The op of paint_texels.py in plain torch, with nothing of its compiled code."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .paint_texels import Paint
from .texels import Stack


def paint_texels_reference(stack: Stack, paint: Paint) -> Tensor:
    """As `paint_texels`, which see; sheet by sheet, for the texels alone that are not empty."""
    device, camera = paint.opacity.device, stack.camera
    size = paint.shade.shape[-1]
    numbers = (stack.radius_m.ravel(), stack.spread.ravel(), stack.projection(), stack.directions())
    radius, spread, projection, directions = (torch.as_tensor(x, device=device) for x in numbers)
    maps = torch.stack([radius, spread, paint.shade.flatten(), paint.turned.flatten()])  # [4, T T]
    extent = torch.tensor([camera.width_px, camera.height_px], device=device)
    photo = paint.photo.permute(2, 0, 1)
    textures = torch.zeros(len(paint.opacity), size**2, 4, dtype=torch.uint8, device=device)
    for sheet, offset_m in enumerate(stack.offsets_m.tolist()):
        solid = F.interpolate(paint.opacity[sheet, None, None], (size, size), mode="bilinear", align_corners=False)
        texel = (solid.flatten() > 0.5 / 255.0).nonzero()[:, 0]
        radius_m, apart, shade, turned = maps.index_select(1, texel)
        points = (radius_m + offset_m * apart)[:, None] * directions.index_select(0, texel)  # [N, 3]
        projected = points @ projection[:3] + projection[3]
        depth = projected[:, 2]
        pixels = projected[:, :2] / torch.where(depth > 0, depth, torch.inf)[:, None]
        places = pixels / extent * 2.0 - 1.0  # [N, 2], -1..1
        inside = ((pixels > 0) & (pixels < extent)).all(-1)
        photographed, surface = sampled(photo, places), sampled(paint.surface_m[None], places)[0]
        before = (surface + paint.margin_m * apart - depth) / paint.softness_m
        chart = torch.stack([texel % size, texel // size], -1)
        chart = (chart + 0.5) * (2.0 / size) - 1.0
        painted = sampled(paint.painted[sheet] if sheet else paint.innermost, chart)  # [3, N]
        confidence = sampled(paint.confidence[sheet, None], chart)[0]
        known = (paint.wider * places).abs().amax(-1) < 1.0
        clean = (photographed[3] / paint.clean).clamp_max(1.0)
        share = torch.where(known, confidence, 1.0) * torch.sigmoid(before) * clean * turned
        colour = torch.lerp(painted * shade, photographed[:3], share)
        cut = solid.flatten().index_select(0, texel) * inside
        if sheet >= paint.uncut:
            cut = cut * photographed[3]
        rgba = (torch.cat([colour, cut[None]]).T.clamp(0, 1) * 255.0 + 0.5).to(torch.uint8)
        textures[sheet].index_copy_(0, texel, rgba * (rgba[:, 3:] > 0))
    return textures.unflatten(1, (size, size))


def sampled(maps: Tensor, places: Tensor) -> Tensor:
    """Maps [C, H, W] at places [N, 2], -1..1 (right, down), bilinear: [C, N]."""
    return F.grid_sample(maps[None], places[None, None], "bilinear", "border", False)[0, :, 0]
