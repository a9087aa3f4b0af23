"""Sample pictures during training: how held-out photographs turn."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.reference import linear_to_srgb
from ..camera import Camera
from ..networks.inversion import Inversion

TURNS = ((0, 0), (-30, 0), (-15, 0), (15, 0), (30, 0), (0, 15), (0, -15))
"""Yaw and pitch of the views shown, degrees."""

PAPER = 0.5
"""Linear grey behind them."""


@torch.inference_mode()
def sample_row(network: Inversion, picture: Tensor, camera: Camera) -> np.ndarray:
    """Input, turned views, opacity, depth and the confidence's own view of a picture [1, 4, H, W], in a row."""
    photo = (picture[0, :3].permute(1, 2, 0) * 255.0 + 0.5).to(torch.uint8).numpy()
    size = photo.shape[0]
    painting = network(picture.to(network.geometry.radius_m.device), [camera])
    textures, radius = painting.textures()[0], painting.radius_m[0]
    tiles = [photo]
    for yaw, pitch in TURNS:
        drawn = painting.geometry.render(textures, radius, camera.orbited(yaw, pitch))
        tiles.append(over_paper(drawn))
    drawn = painting.geometry.render(textures, radius, camera)
    alpha = drawn[..., 3]
    depth = torch.where(alpha > 0.5, drawn[..., 4] / alpha.clamp_min(0.1), torch.nan)
    near, far = np.nanpercentile(depth.cpu().numpy(), [1, 99]) if (alpha > 0.5).any() else (0.0, 1.0)
    grey = torch.nan_to_num(1.0 - (depth - near) / (far - near + 1e-6), 0.0).clamp(0, 1)
    turned = painting.geometry.render(
        _confidence_textures((painting.confidence * painting.visible)[0], textures), radius, camera.orbited(30)
    )
    tiles += [_grey(alpha), _grey(grey), over_paper(turned)]
    return np.concatenate([tile.reshape(size, size, 3) for tile in tiles], 1)


def sample_sheet(network: Inversion, pictures: Sequence[tuple[Tensor, Camera]]) -> np.ndarray:
    """Rows of one or more pictures."""
    return np.concatenate([sample_row(network, picture, camera) for picture, camera in pictures], 0)


def over_paper(drawn: Tensor) -> np.ndarray:
    """A drawn view [H, W, 5] over grey, [H, W, 3] uint8."""
    linear = drawn[..., :3] + (1.0 - drawn[..., 3:4]) * PAPER
    return (linear_to_srgb(linear.clamp(0, 1)) * 255.0 + 0.5).to(torch.uint8).cpu().numpy()


def _confidence_textures(confidence: Tensor, textures: Tensor) -> Tensor:
    """Confidence [S, V, U] as grey colour under the same opacity [S, T, T, 4]."""
    size = textures.shape[1]
    grey = torch.nn.functional.interpolate(confidence[None], (size, size), mode="bilinear", align_corners=False)[0]
    return torch.cat([grey[..., None].expand(-1, -1, -1, 3), textures[..., 3:]], -1).contiguous()


def _grey(values: Tensor) -> np.ndarray:
    return (values.clamp(0, 1)[..., None].expand(-1, -1, 3) * 255.0 + 0.5).to(torch.uint8).cpu().numpy()
