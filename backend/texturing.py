"""From the network's painting to textures of any size, with colour from the original photograph.

The network sees 256 pixels; the photograph may have many more. Opacity, confidence and the network's own colour are
smooth and are enlarged; the photograph's colour is looked up anew for every texel that is not empty.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .alignment import crop_half_size_px, sample_crop
from .camera import Camera
from .networks.geometry import CameraBatch, resampled, texel_directions
from .networks.inversion import Inversion, Painting
from .networks.visibility import Shown, clean_foreground, visibility

EMPTY_OPACITY = 0.02
"""Opacity that training leaves in the air; taken off, so that empty tiles are empty."""

SURFACE_PX = 256
"""The portrait's own surface is drawn this large to find out what the photograph shows."""


@torch.inference_mode()
def paint_textures(
    network: Inversion,
    painting: Painting,
    photo: np.ndarray,  # [H, W, 3] uint8
    crop_to_photo: np.ndarray,  # [2, 3]
    crop_camera: Camera,  # of the aligned crop, any square size
    texture_size: int,
) -> np.ndarray:
    """Textures [S, T, T, 4] uint8 of the first photograph of a painting's batch."""
    device = painting.opacity.device
    side_px = picture_side_px(crop_to_photo, texture_size)
    picture = torch.from_numpy(sample_crop(photo, crop_to_photo, side_px)).to(device)
    picture = picture.permute(2, 0, 1)[None].float() / 255.0
    seen = network.shown(painting.opacity, painting.radius_m, [crop_camera], SURFACE_PX)
    picture = clean_foreground(picture, seen.sure)
    view = CameraBatch.of([crop_camera], device)
    geometry = network.geometry
    radius = resampled(geometry.total_radius(painting.displacement_m)[0], texture_size)
    spread = resampled(geometry.spread, texture_size)
    directions = texel_directions(texture_size).to(device)
    textures = np.zeros((network.config.sheets, texture_size, texture_size, 4), np.uint8)
    for sheet, offset_m in enumerate(geometry.offsets_m):
        opacity = _enlarged(painting.opacity[0, sheet, None], texture_size)[0]
        opacity = ((opacity - EMPTY_OPACITY) / (1.0 - EMPTY_OPACITY)).clamp(0.0, 1.0)
        rows, columns = (opacity > 0.5 / 255.0).nonzero(as_tuple=True)
        if not len(rows):
            continue
        distance = radius[rows, columns] + offset_m * spread[rows, columns]
        points = distance[:, None] * directions[rows, columns]  # [N, 3]
        texels = (torch.stack([columns, rows], -1) + 0.5) * (2.0 / texture_size) - 1.0  # [N, 2]
        colour = _colour(painting, sheet, picture, seen, view, points, texels)
        rgba = torch.cat([colour, opacity[rows, columns, None]], -1)
        textures[sheet, rows.cpu(), columns.cpu()] = (rgba.clamp(0, 1) * 255.0 + 0.5).to(torch.uint8).cpu().numpy()
    return textures


def picture_side_px(crop_to_photo: np.ndarray, texture_size: int) -> int:
    """Side of the crop, a power of two, that has all of the photograph's detail that a texture can hold."""
    native = 2.0 * crop_half_size_px(crop_to_photo)
    finest = 2.0 * texture_size  # the face fills less of the chart than of the crop
    return int(2 ** np.ceil(np.log2(np.clip(native, 256.0, max(finest, 256.0)))))


def _colour(
    painting: Painting, sheet: int, picture: Tensor, seen: Shown, view: CameraBatch, points: Tensor, texels: Tensor
) -> Tensor:
    """Colours [N, 3] of one sheet's texels at points [N, 3] and map coordinates [N, 2] in -1..1."""
    projected, depth = view.project(points[None, None, None])  # [1, 1, 1, N, 2], [1, 1, 1, N]
    visible = visibility(seen, projected, depth)[0, 0, 0]
    photographed = F.grid_sample(picture, projected[:, 0], "bilinear", "border", False)[0, :, 0].T  # [N, 3]
    own = torch.cat([painting.painted[0, sheet], painting.confidence[0, sheet, None]])
    own = F.grid_sample(own[None], texels[None, None], "bilinear", "border", False)[0, :, 0].T  # [N, 4]
    return torch.lerp(own[:, :3], photographed, (own[:, 3] * visible)[:, None])


def _enlarged(maps: Tensor, size: int) -> Tensor:
    """[C, T, T] to [C, size, size]."""
    if maps.shape[-1] == size:
        return maps
    return F.interpolate(
        maps[None], (size, size), mode="bilinear", align_corners=False, antialias=size < maps.shape[-1]
    )[0]
