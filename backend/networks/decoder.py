"""The decoder: features of the chart to opacity, colour, confidence; and the displacement head."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import InversionConfig
from .layers import Residual, conv_block

SKIN_LOGIT, AIR_LOGIT = 4.0, -5.0
"""Logits of opacity before training, up to the displaced surface and outside it."""

CONFIDENCE_LOGIT = 2.0
"""Confidence before training: the photo is mostly right."""

MAX_LOG_DISPLACEMENT = 0.6
"""Bound of the logarithm of a displaced radius over the mean head's."""

HULL_LOG_RADII = tuple(0.08 / 3 * step for step in range(-24, 25))
"""Where along a direction the matte is looked up, [R]: logarithms of the radius over the mean head's."""

HULL_STRIDE = 3
"""The displacement head sees every third of them, and where between all of them the silhouette ends."""


class Decoder(nn.Module):
    """[B, C, V, U] to logits: opacity [B, S, 2 V, 2 U], confidence [B, S, V, U], colour [B, S, 3, V, U].

    Two layers of 1x1 convolutions, which is the paper's MLP, over all sheets of a texel together.
    """

    def __init__(self, config: InversionConfig, offsets_m: Tensor) -> None:
        super().__init__()
        sheets, width = config.sheets, config.super_resolution[1]
        self.sheets = sheets
        self.hidden = nn.Conv2d(width, 2 * width, 1)
        self.opacity = nn.Conv2d(2 * width, 4 * sheets, 1)
        self.confidence = nn.Conv2d(2 * width, sheets, 1)
        self.colour = nn.Conv2d(2 * width, 3 * sheets, 1)
        size = 2 * config.chart
        self.opacity_prior = nn.Parameter(solid_logits(offsets_m)[:, None, None].repeat(1, size, size))  # [S, V, U]
        for head in (self.opacity, self.confidence, self.colour):
            start_head(head, std=0.02, bias=CONFIDENCE_LOGIT if head is self.confidence else 0.0)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.silu(self.hidden(features))
        opacity = F.pixel_shuffle(self.opacity(x).float(), 2)
        prior = F.interpolate(self.opacity_prior[None], opacity.shape[-2:], mode="bilinear", align_corners=False)
        colour = self.colour(x).float().unflatten(1, (self.sheets, 3))
        return opacity + prior, self.confidence(x).float(), colour

    @torch.no_grad()
    def solidify(self, offsets_m: Tensor, share: float) -> None:
        """Mixes this share of what opacity was before training back into it."""
        self.opacity_prior.lerp_(solid_logits(offsets_m)[:, None, None].expand_as(self.opacity_prior), share)
        for parameter in self.opacity.parameters():
            parameter.mul_(1.0 - share)


def solid_logits(offsets_m: Tensor) -> Tensor:
    """Opacity's logits [S] before training: solid up to the displaced surface, clear outside."""
    return torch.where(offsets_m < 1e-3, SKIN_LOGIT, AIR_LOGIT)


class DisplacementHead(nn.Module):
    """Synthesis features and the photo's, sampled on the coarse surface, to displacements.

    The matte is sampled at many radii along every direction: where the silhouette ends there, the surface can lie no
    farther out, and beside the head, where a direction does not face the camera, it lies just there. Works in
    logarithms, so that a displaced radius stays positive: delta = r (exp(g) - 1).
    """

    def __init__(self, synthesis_channels: int, flat_channels: int) -> None:
        super().__init__()
        self.coarse_head, self.fine_head = nn.Conv2d(synthesis_channels, 1, 1), nn.Conv2d(64, 1, 3, 1, 1)
        width = 64
        seen = len(HULL_LOG_RADII[::HULL_STRIDE]) + 2
        self.enter = conv_block(synthesis_channels + flat_channels + seen + 1, width)
        self.around = nn.Sequential(
            conv_block(width, 2 * width, 2), Residual(2 * width), conv_block(2 * width, 2 * width, 2),
            Residual(2 * width), Residual(2 * width), nn.Upsample(scale_factor=4, mode="bilinear", align_corners=False),
        )  # fmt: skip
        self.meet = conv_block(3 * width, width)
        for head in (self.coarse_head, self.fine_head):
            start_head(head, std=0.0, bias=0.0)

    def coarse(self, synthesised: Tensor) -> Tensor:
        """g of the w+ path alone, [B, D, D]."""
        return bounded(self.coarse_head(synthesised).float()[:, 0])

    def forward(self, synthesised: Tensor, sampled: Tensor, inside: Tensor, facing: Tensor, coarse: Tensor) -> Tensor:
        """g corrected by the photo, [B, D, D]; `inside` [B, R, D, D] is the matte at HULL_LOG_RADII, and `facing`
        [B, D, D] the cosine between a direction and the camera's."""
        seen = torch.cat([inside[:, ::HULL_STRIDE], silhouette_end(inside)[:, None], facing[:, None]], 1)
        x = self.enter(torch.cat([synthesised, sampled, coarse[:, None].to(sampled), seen.to(sampled)], 1))
        x = self.meet(torch.cat([x, self.around(x)], 1))
        return bounded(coarse + self.fine_head(x).float()[:, 0])


def silhouette_end(inside: Tensor) -> Tensor:
    """The logarithm of the radius where a direction first leaves the matte, given at HULL_LOG_RADII: [B, D, D]."""
    step = HULL_LOG_RADII[1] - HULL_LOG_RADII[0]
    return HULL_LOG_RADII[0] + step * torch.cumprod(inside, 1).sum(1)


def start_head(head: nn.Conv2d, std: float, bias: float) -> None:
    """Sets an output layer so that before training it says nearly the same of every photograph."""
    with torch.no_grad():
        head.weight.normal_(std=std) if std else head.weight.zero_()
        if head.bias is not None:
            head.bias.fill_(bias)


def bounded(g: Tensor) -> Tensor:
    """Smoothly within +-MAX_LOG_DISPLACEMENT."""
    return MAX_LOG_DISPLACEMENT * torch.tanh(g / MAX_LOG_DISPLACEMENT)
