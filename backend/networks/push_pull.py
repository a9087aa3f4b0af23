"""What is known of a picture or a chart map, smoothly continued to where nothing is."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded

NEARNESS = 12.0
"""A neighbourhood that is covered by one part in this many is not looked beyond."""


@recorded
def push_pull(colour: Tensor, weight: Tensor) -> Tensor:
    """Colours [B, C, H, W] where `weight` [B, 1, H, W] is one, smoothly continued to where it is zero.

    What is near counts almost alone, so that hair beside a hidden place outweighs the whole face farther off.
    Gortler et al., SIGGRAPH 1996, section 3.4; sides are powers of two.
    """
    levels = [(colour * weight, weight)]
    while min(levels[-1][1].shape[-2:]) > 1:
        premultiplied, coverage = levels[-1]
        levels.append((F.avg_pool2d(premultiplied, 2), F.avg_pool2d(coverage, 2)))
    filled = levels[-1][0] / levels[-1][1].clamp_min(1e-4)
    for premultiplied, coverage in reversed(levels[:-1]):
        filled = F.interpolate(filled, coverage.shape[-2:], mode="bilinear", align_corners=False)
        filled = torch.lerp(filled, premultiplied / coverage.clamp_min(1e-4), (NEARNESS * coverage).clamp(0.0, 1.0))
    return filled
