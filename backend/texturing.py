"""From the network's painting to textures of any size, with colour from the original photograph.

The network sees 256 pixels; the photograph may have many more. Opacity, confidence and the network's own colour are
smooth and are enlarged; the photograph's colour and matte are looked up anew for every texel that is not empty.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .hidden_hair import strand_shade
from .input_view import WIDER, InputView
from .networks.geometry import CameraBatch, resampled, texel_directions
from .networks.inversion import Inversion, Painting
from .networks.visibility import Shown, shown, visibility
from .solidity import solid_opacity

EMPTY_OPACITY = 0.02
"""Opacity that training leaves in the air; taken off, so that empty tiles are empty."""

SURFACE_PX = 384
"""The portrait's own surface is drawn this large to find out what the photograph shows."""

CLEAN_OPACITY = 0.5
"""Above this the estimated colour of the foreground is fully believed."""


@torch.inference_mode()
def paint_textures(network: Inversion, painting: Painting, view: InputView, texture_size: int) -> np.ndarray:
    """Textures [S, T, T, 4] uint8 of the first photograph of a painting's batch."""
    device = painting.opacity.device
    geometry = network.geometry
    matte = torch.from_numpy(view.opacity).to(device)
    wanted = matte * torch.from_numpy(view.inside).to(device)
    opacity = ((painting.opacity[0] - EMPTY_OPACITY) / (1.0 - EMPTY_OPACITY)).clamp(0.0, 1.0)
    opacity = solid_opacity(network, opacity, painting.radius_m[0], view.camera, wanted)
    seen = _shown(network, opacity, painting.radius_m[0], view, matte)
    picture = torch.from_numpy(view.rgb).to(device).permute(2, 0, 1)
    layers = torch.cat([picture, matte[None]])[None]  # [1, 4, H, W]
    camera = CameraBatch.of([view.camera], device)
    radius = resampled(geometry.total_radius(painting.displacement_m)[0], texture_size)
    spread = resampled(geometry.spread, texture_size)
    shade = strand_shade(painting, texture_size)
    turned = network.turned_to(camera, painting.displacement_m[:1], texture_size)[0]
    maps = torch.stack([radius, spread, shade, turned]).flatten(1)  # [4, T T]
    directions = texel_directions(texture_size).to(device).flatten(0, 1)  # [T T, 3]
    textures = torch.zeros(network.config.sheets, texture_size**2, 4, dtype=torch.uint8, device=device)
    for sheet, offset_m in enumerate(geometry.offsets_m):
        solid = _enlarged(opacity[sheet, None], texture_size)[0].flatten()
        texel = (solid > 0.5 / 255.0).nonzero()[:, 0]
        radius_m, apart, shades, turns = maps.index_select(1, texel)
        points = (radius_m + offset_m * apart)[:, None] * directions.index_select(0, texel)  # [N, 3]
        projected, depth = camera.project(points[None, None, None])  # [1, 1, 1, N, 2], [1, 1, 1, N]
        shares = visibility(seen, projected, depth, apart)[0, 0, 0] * turns
        photographed = F.grid_sample(layers, projected[:, 0], "bilinear", "border", False)[0, :, 0].T  # [N, 4]
        places = torch.stack([texel % texture_size, texel // texture_size], -1)
        places = (places + 0.5) * (2.0 / texture_size) - 1.0  # [N, 2]
        colour = _colour(painting, sheet, photographed[:, :3], shares, projected[0, 0, 0], places, shades)
        within = (projected[0, 0, 0].abs() < 1.0).all(-1)
        cut = solid.index_select(0, texel) * torch.where(within, photographed[:, 3], 0.0)
        rgba = (torch.cat([colour, cut[:, None]], -1).clamp(0, 1) * 255.0 + 0.5).to(torch.uint8)
        textures[sheet].index_copy_(0, texel, rgba * (rgba[:, 3:] > 0))
    return textures.unflatten(1, (texture_size, texture_size)).cpu().numpy()


def _shown(network: Inversion, opacity: Tensor, radius_m: Tensor, view: InputView, person: Tensor) -> Shown:
    """What the photograph shows; its colours count where the person [H, W] is, by its matte, and outside its border."""
    textures = torch.cat([opacity.new_zeros(*opacity.shape, 3), opacity[..., None]], -1)
    drawn = network.render(textures, radius_m, view.camera.resized(SURFACE_PX, SURFACE_PX), mip_levels=1)
    alpha = drawn[None, None, ..., 3]
    surface = shown(alpha, drawn[None, None, ..., 4] / alpha.clamp_min(1e-4))
    return Shown(surface.depth_m, (person / CLEAN_OPACITY).clamp(0.0, 1.0)[None, None])


def _colour(
    painting: Painting,
    sheet: int,
    photographed: Tensor,
    shares: Tensor,
    projected: Tensor,
    texels: Tensor,
    shade: Tensor,
) -> Tensor:
    """Colours [N, 3] of one sheet's texels at map coordinates [N, 2] in -1..1, photographed [N, 3] as `shares` say.

    `projected` [N, 2] is where the photograph's square shows them: beside the networks' crop its word is taken whole.
    `shade` [N] is a factor on the networks' own colours.
    """
    own = torch.cat([painting.painted[0, sheet], painting.confidence[0, sheet, None]])
    own = F.grid_sample(own[None], texels[None, None], "bilinear", "border", False)[0, :, 0].T  # [N, 4]
    known = (WIDER * projected).abs().amax(-1) < 1.0
    confidence = torch.where(known, own[:, 3], 1.0)
    return torch.lerp(own[:, :3] * shade[:, None], photographed, (confidence * shares)[:, None])


def _enlarged(maps: Tensor, size: int) -> Tensor:
    """[C, T, T] to [C, size, size]."""
    if maps.shape[-1] == size:
        return maps
    return F.interpolate(
        maps[None], (size, size), mode="bilinear", align_corners=False, antialias=size < maps.shape[-1]
    )[0]
