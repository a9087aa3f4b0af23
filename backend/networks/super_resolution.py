"""The super-resolution network: feature manifolds, all sheets as channels, to twice their resolution in the chart."""

import torch
from torch import Tensor, nn

from .config import InversionConfig
from .layers import Residual, conv_block, enlarged


class SuperResolution(nn.Module):
    """[B, S * features, V, U] to [B, C, 2 V, 2 U]; sees a quarter of the chart around every texel."""

    def __init__(self, config: InversionConfig) -> None:
        super().__init__()
        wide, fine = config.super_resolution
        self.enter = conv_block(config.sheets * config.features, wide)
        self.around = nn.Sequential(
            conv_block(wide, wide, 2), Residual(wide), conv_block(wide, wide, 2), Residual(wide), Residual(wide)
        )
        self.meet = conv_block(2 * wide, wide)
        self.finer = nn.Sequential(conv_block(wide, fine), nn.Conv2d(fine, fine, 3, 1, 1), nn.SiLU())

    def forward(self, manifolds: Tensor) -> Tensor:
        x = self.enter(manifolds)
        x = self.meet(torch.cat([x, enlarged(self.around(x), 4)], 1))
        return self.finer(enlarged(x))
