"""What a photograph shows of a portrait's surface, over the chart: what hidden places go on from."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import LUMA, SEEN_MARGIN_M, SEEN_SOFTNESS_M
from ..networks.cameras import CameraBatch
from ..networks.kept import constant
from ..networks.resampling import resampled, smoothed
from ..networks.sheet_geometry import SheetGeometry
from ..photo.input_view import ViewTensors
from ..photo.masks import least_around

INSIDE_PX = 2
"""So near to the person's outline colours are not believed."""

BLACK = 0.03
"""Added to colours before their logarithms are taken."""

DARK = 0.02
"""Added to brightness before its logarithm is taken."""


@dataclass(frozen=True)
class Seen:
    """What a photograph shows of a portrait's surface, over the chart."""

    colour: Tensor  # [3, T, T], sRGB-encoded
    known: Tensor  # [T, T], 0..1: within the person, and turned to the camera

    @staticmethod
    def of(
        geometry: SheetGeometry,
        displacement_m: Tensor,
        camera: CameraBatch,
        photo: ViewTensors,
        turned: Tensor,
        surface_m: Tensor,
    ) -> "Seen":
        """Of a surface of displacement [1, D, D], which is `turned` [T, T] to the camera so far and hidden by what that
        sees first, at depth `surface_m` [P, P]."""
        size, middle_m = turned.shape[-1], displacement_m.new_zeros(1)
        projected, depth_m = camera.project(geometry.points(displacement_m, size, middle_m))
        nearest_m = F.grid_sample(surface_m[None, None], projected[:, 0], "bilinear", "border", False)[0, 0]
        behind_m = depth_m[0, 0] - nearest_m - SEEN_MARGIN_M * resampled(geometry.spread, size)
        person = least_around(photo.opacity * photo.inside, INSIDE_PX)
        maps = torch.cat([photo.rgb, person[..., None]], -1).permute(2, 0, 1)[None]
        sampled = F.grid_sample(maps, projected[:, 0], "bilinear", "zeros", False)[0]
        return Seen(sampled[:3], sampled[3] * turned * torch.sigmoid(-behind_m / SEEN_SOFTNESS_M))

    def log_brightness(self) -> Tensor:
        """Logarithm of the luma (Rec. 709) of its sRGB-encoded colours, [T, T]."""
        return torch.log(torch.einsum("c,cvu->vu", constant(LUMA, self.colour.device), self.colour) + DARK)

    def averaged(self, texels: float) -> "Seen":
        """Colours averaged over so many texels, by a Gaussian."""
        colour, around = smoothed(torch.cat([self.colour * self.known, self.known[None]]), texels).split((3, 1))
        return Seen(colour / around.clamp_min(1e-6), self.known)

    def reduced(self, size: int) -> "Seen":
        """As maps [size, size]."""
        known = F.adaptive_avg_pool2d(self.known[None], size)[0]
        colour = F.adaptive_avg_pool2d(self.colour * self.known, size)
        return Seen(colour / known.clamp_min(1e-4), known)
