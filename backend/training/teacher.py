"""What photographs say of their hidden side, by a network that was trained before.

A photograph has its own view alone. Whatever it hides is then free to drift, and drifts: in a long run backs of heads
grew wings and faces went flat, while synthetic people got better. So the network is held to what another one said of
the same photograph, seen from beside (as learning without forgetting does, Li and Hoiem, arXiv 1606.09282).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.reference import finish_picture
from ..camera import Camera
from ..networks.chart_maps import chart_angles_deg
from ..networks.inversion import Inversion
from ..networks.weights import load_weights
from ..ramps import ramp
from .batches import Batch, Targets
from .examples import novel_camera

VIEWS, VIEW_PX = 2, 144
"""Views of each photograph, and their side."""

SURE_OPACITY = 0.9
"""Depth is taught where the teacher's portrait is this opaque."""

BODY_M = -0.11
"""Height below which the teacher is not asked: how the body stands under the head is learned from the synthetic people
of today, whose posture the teacher may not know."""

BODY_DEG = (-25.0, -35.0)
"""Elevations between which that begins in the chart."""


@dataclass(frozen=True)
class Lesson:
    """What the teacher says of n photographs of a batch."""

    items: list[int]  # which these are
    targets: Targets
    displacement_m: Tensor  # [n, D, D]
    on_head: Tensor  # [D, D], how far that is taught


class Teacher:
    """A network that is not trained any more."""

    def __init__(self, folder: Path, device: str) -> None:
        """Packed weights; raises InputError where they are missing."""
        self.network: Inversion = load_weights(device, folder).network

    @torch.no_grad()
    def lesson(self, batch: Batch, rng: np.random.Generator) -> Lesson:
        """Of a batch's real photographs, one at least: from random cameras within what is promised."""
        items = list(range(batch.photographs))
        seen = [batch.cameras[item] for item in items]
        cameras = [[novel_camera(rng, one.resized(VIEW_PX, VIEW_PX)) for _ in range(VIEWS)] for one in seen]
        painting = self.network(batch.picture[items], seen, fine=False)
        portraits = zip(painting.textures(), painting.radius_m, cameras, strict=True)
        drawn = torch.cat([painting.geometry.render(*portrait, mip_levels=1) for portrait in portraits])
        rgba, depth_m = finish_picture(drawn)
        rgba = rgba.permute(0, 3, 1, 2)
        opacity = rgba[:, 3:]
        depth_m = torch.where(opacity > SURE_OPACITY, depth_m[:, None], 0.0)
        known = torch.stack([_on_head(camera) for own in cameras for camera in own])[:, None].to(opacity)
        targets = Targets(cameras, rgba[:, :3], opacity, depth_m, known)
        elevation_deg = chart_angles_deg(painting.displacement_m.shape[-1], painting.geometry.half_extent)[1]
        on_head = torch.from_numpy(1.0 - ramp(elevation_deg, BODY_DEG)).to(opacity)
        return Lesson(items, targets, painting.displacement_m, on_head)


def _on_head(camera: Camera) -> Tensor:
    """Which pixels [H, W] a camera sees above BODY_M."""
    (_, row), _ = camera.project(np.array([0.0, BODY_M, 0.0]))
    return (torch.arange(camera.height_px) < row).float()[:, None].expand(-1, camera.width_px)
