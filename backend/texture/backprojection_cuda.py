"""As backprojection.py, on a GPU: a portrait that is being made stays there until its textures are done."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.native import View
from ...cuda_ops.native_cuda import CudaScene, pyramid_u8_on_gpu
from ...cuda_ops.seen_texels import Surface, carried_back, seen_texels
from ...cuda_ops.texels import Stack
from ..conventions import SEEN_MARGIN_M, SEEN_SOFTNESS_M
from .backprojection import LEAST_OPACITY, MOST_HALVINGS, Match, Matching, nearest


@dataclass(frozen=True)
class PortraitOnGpu:
    """Textures [S, T, T, 4] uint8 on a CUDA device, and what draws them."""

    textures: Tensor
    scene: CudaScene

    @staticmethod
    def of(
        textures: Tensor, radius_m: Tensor, spread: Tensor, offsets_m: Tensor, half_extent: float
    ) -> "PortraitOnGpu":
        """Of textures, and sheets of r + delta and spread [G, G] at offsets [S], over a chart of that half extent."""
        maps = (radius_m, spread, offsets_m)
        return PortraitOnGpu(textures, CudaScene(pyramid_u8_on_gpu(textures), *maps, half_extent=half_extent))

    def recoloured(self, textures: Tensor) -> "PortraitOnGpu":
        """With textures of the same opacity and other colours."""
        return PortraitOnGpu(textures, self.scene.recoloured(pyramid_u8_on_gpu(textures)))

    def matched(self, stack: Stack, wanted: Tensor, weight: Tensor, how: Matching) -> "PortraitOnGpu":
        """As `match_colours`, before the stack's camera; what is wanted, its weight and what is believed are on the
        GPU."""
        if how.steps < 1:
            return self
        view = View.of(stack.camera, how.samples)
        rgba, depth_m = self.scene.render(view)
        weight = (weight * (rgba[..., 3] > LEAST_OPACITY))[..., None]
        textures = self.textures.clone()
        textures[: how.hidden] = 0
        texels = seen_texels(textures, stack, Surface(depth_m, SEEN_MARGIN_M, SEEN_SOFTNESS_M), MOST_HALVINGS)
        if how.believed is not None:
            texels = texels.believed(how.believed)
        colours = self.textures.view(-1, 4)[texels.texel, :3] / 255.0

        def tried(now: Match, length: float) -> Match:
            picture = _levels(F.softshrink(now.residual, how.noise))
            textures, colours = carried_back(now.portrait.textures, texels, now.colours, picture, length)
            portrait = now.portrait.recoloured(textures)
            return match(portrait, colours, portrait.scene.render(view)[0])

        def match(portrait: "PortraitOnGpu", colours: Tensor, rgba: Tensor) -> Match:
            residual = (wanted - rgba[..., :3]) * weight
            return Match(portrait, colours, residual, float(residual.square().sum()))

        return nearest(match(self, colours, rgba), tried, how).portrait


def _levels(picture: Tensor) -> Tensor:
    """A picture [H, W, 3] and its halved ones, the pixels of all one after the other; see backprojection.py."""
    height, width = picture.shape[:2]
    most = 1 << MOST_HALVINGS
    levels = [F.pad(picture.permute(2, 0, 1)[None], (0, -width % most, 0, -height % most), "replicate")]
    for _ in range(MOST_HALVINGS):
        levels.append(F.avg_pool2d(levels[-1], 2))
    return torch.cat([level[0].flatten(1).T for level in levels])
