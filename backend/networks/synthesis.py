"""Efficient GRAM's synthesis network: w+ to coarse feature manifolds, all sheets at once in their common chart.

Style-modulated convolutions as in StyleGAN2 (Karras et al., CVPR 2020, arXiv 1912.04958), painting a 2D chart instead
of a picture (GRAM-HD, arXiv 2206.07255; Deng et al., CVPR 2023, arXiv 2211.13901).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import InversionConfig
from .layers import enlarged

SMALLEST = 8
"""Side of the chart that painting begins with."""


class StyledConv(nn.Module):
    """3x3 convolution whose input channels are scaled by a style and whose output is demodulated."""

    def __init__(self, channels_in: int, channels_out: int, code: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, 3, 3) / (9 * channels_in) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.style = nn.Linear(code, channels_in)
        nn.init.normal_(self.style.weight, std=0.3 / code**0.5)
        nn.init.ones_(self.style.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.style(w)  # [B, C_in]
        power = self.weight.square().sum((2, 3))  # [C_out, C_in]
        norm = (style.square() @ power.T + 1e-6).rsqrt()  # [B, C_out]
        x = F.conv2d(x * style[:, :, None, None], self.weight, padding=1)
        return F.silu(x * norm[:, :, None, None] + self.bias[:, None, None]) * 1.6


class Synthesis(nn.Module):
    """w+ [B, layers, code] to feature manifolds [B, S * features, V, U] and the last features [B, C, V, U]."""

    def __init__(self, config: InversionConfig) -> None:
        super().__init__()
        style = config.style
        channels = style.synthesis
        self.start = nn.Parameter(torch.randn(1, channels[0], SMALLEST, SMALLEST) * 0.5)
        before = (channels[0], *channels[:-1])
        self.layers = nn.ModuleList(
            StyledConv(c_in, c_out, style.code)
            for previous, c_out in zip(before, channels, strict=True)
            for c_in in (previous, c_out)
        )
        self.to_manifolds = nn.Conv2d(channels[-1], config.sheets * config.features, 1)

    @staticmethod
    def layer_count(config: InversionConfig) -> int:
        """Layers, which is the number of style codes in w+."""
        return 2 * len(config.style.synthesis)

    def forward(self, w_plus: Tensor) -> tuple[Tensor, Tensor]:
        x = self.start.expand(len(w_plus), -1, -1, -1)
        for index, layer in enumerate(self.layers):
            if index and index % 2 == 0:
                x = enlarged(x)
            x = layer(x, w_plus[:, index])
        return self.to_manifolds(x), x
