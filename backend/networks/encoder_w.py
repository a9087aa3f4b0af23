"""E_w: a photograph to w+, one style code for every synthesis layer.

A feature pyramid as in pSp (Richardson et al., CVPR 2021, arXiv 2008.00951): coarse layers take their codes from the
deepest features, fine layers from shallower ones.
"""

import torch
from torch import Tensor, nn

from .config import StyleConfig
from .layers import Residual, conv_block, enlarged


class EncoderW(nn.Module):
    """[B, 4, H, W] in -1..1 to w+ [B, layers, code]."""

    def __init__(self, config: StyleConfig, layers: int) -> None:
        super().__init__()
        c4, c8, c16, c32, c64 = config.encoder
        self.to_8 = nn.Sequential(nn.AvgPool2d(2), conv_block(4, c4, 2), conv_block(c4, c8, 2), Residual(c8))
        self.to_16 = nn.Sequential(conv_block(c8, c16, 2), Residual(c16))
        self.to_32 = nn.Sequential(conv_block(c16, c32, 2), Residual(c32))
        self.to_64 = nn.Sequential(conv_block(c32, c64, 2), Residual(c64))
        self.across_32, self.across_16 = nn.Conv2d(c32, c64, 1), nn.Conv2d(c16, c64, 1)
        # A code is read from a small picture of its level: where a thing is in the photo matters as much as that it is.
        self.read = nn.ModuleList(
            nn.Sequential(conv_block(c64, c64 // 4, 2 if level else 1), nn.AdaptiveAvgPool2d(4), nn.Flatten())
            for level in range(3)
        )
        self.heads = nn.ModuleList(nn.Linear(c64 // 4 * 16, config.code) for _ in range(layers))
        self.mean = nn.Parameter(torch.zeros(layers, config.code))

    def forward(self, photo: Tensor) -> Tensor:
        at_16 = self.to_16(self.to_8(photo))
        at_32 = self.to_32(at_16)
        at_64 = self.to_64(at_32)
        level_32 = self.across_32(at_32) + enlarged(at_64)
        level_16 = self.across_16(at_16) + enlarged(level_32)
        read = [head(x) for head, x in zip(self.read, (at_64, level_32, level_16), strict=True)]
        count = len(self.heads)
        codes = [head(read[min(3 * i // count, 2)]) for i, head in enumerate(self.heads)]
        return torch.stack(codes, 1) + self.mean
