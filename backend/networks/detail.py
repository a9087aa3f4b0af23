"""E_detail: a U-Net whose output is read as a voxel grid in the input camera's frustum (arXiv 2211.13901, section 3.3).

The voxel's slices are planes of equal depth, 16 cm before to 16 cm behind the head's centre; its rows and columns are
the photo's. Sampled at the manifolds' points with the input pose, a texel gets the features of what lies at its
projection, at its depth.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import InversionConfig
from .layers import Residual, conv_block, enlarged


class EncoderDetail(nn.Module):
    """[B, 4, H, W] in -1..1 to a voxel [B, features, D, H / 4, W / 4], a flat map [B, flat, H / 4, W / 4] and the
    logits of a matte [B, 1, H, W]: where the person is."""

    def __init__(self, config: InversionConfig) -> None:
        super().__init__()
        detail = config.detail
        c2, c4, c8, c16, c32 = detail.channels
        self.shape = (config.features, detail.voxel_depth)
        self.down_2 = conv_block(4, c2, 2)
        self.down_4 = nn.Sequential(conv_block(c2, c4, 2), Residual(c4))
        self.down_8 = nn.Sequential(conv_block(c4, c8, 2), Residual(c8))
        self.down_16 = nn.Sequential(conv_block(c8, c16, 2), Residual(c16))
        self.down_32 = nn.Sequential(conv_block(c16, c32, 2), Residual(c32), Residual(c32))
        self.up_16 = conv_block(c32 + c16, c16)
        self.up_8 = nn.Sequential(conv_block(c16 + c8, c8), Residual(c8))
        self.up_4 = conv_block(c8 + c4, c8)
        voxel = config.features * detail.voxel_depth
        self.out = nn.Conv2d(c8, voxel + detail.flat, 3, 1, 1)
        self.matte_4, self.matte_2 = conv_block(c8, c2), conv_block(2 * c2, c2)
        self.matte = nn.Conv2d(c2, 4, 3, 1, 1)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        at_2 = self.down_2(photo)
        at_4 = self.down_4(at_2)
        at_8 = self.down_8(at_4)
        at_16 = self.down_16(at_8)
        at_32 = self.down_32(at_16)
        x = self.up_16(torch.cat([enlarged(at_32), at_16], 1))
        x = self.up_8(torch.cat([enlarged(x), at_8], 1))
        x = self.up_4(torch.cat([enlarged(x), at_4], 1))
        out = self.out(x)
        matte = self.matte(self.matte_2(torch.cat([enlarged(self.matte_4(x)), at_2], 1)))
        features, depth = self.shape
        voxel, flat = out.split([features * depth, out.shape[1] - features * depth], 1)
        return voxel.unflatten(1, (features, depth)), flat, F.pixel_shuffle(matte, 2)


def sample_voxel(voxel: Tensor, projected: Tensor, depth: Tensor, half_depth_m: float) -> Tensor:
    """Voxel [B, C, D, H, W] at projections [B, S, V, U, 2] (-1..1) and depths [B, S, V, U] (metres from the head's
    centre, towards the camera negative), to features [B, S * C, V, U]."""
    grid = torch.cat([projected, depth[..., None] / half_depth_m], -1)
    sampled = F.grid_sample(voxel, grid, "bilinear", "border", False)  # [B, C, S, V, U]
    return sampled.transpose(1, 2).flatten(1, 2)


def sample_flat(flat: Tensor, projected: Tensor) -> Tensor:
    """Map [B, C, H, W] at projections [B, V, U, 2] in -1..1, [B, C, V, U]."""
    return F.grid_sample(flat, projected, "bilinear", "border", False)
