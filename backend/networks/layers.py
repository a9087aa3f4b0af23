"""Building blocks that several networks share."""

import torch.nn.functional as F
from torch import Tensor, nn


def conv_block(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, group normalisation, SiLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False), nn.GroupNorm(8, channels_out), nn.SiLU()
    )


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Conv2d(channels, channels, 3, 1, 1)
        nn.init.zeros_(last.weight)
        self.body = nn.Sequential(conv_block(channels, channels), last)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def enlarged(x: Tensor, factor: int = 2) -> Tensor:
    """Bilinear enlargement of [B, C, H, W]."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
