"""What training minimises: pictures composited in linear light and compared sRGB-encoded, opacity, depth, shape."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.reference import linear_to_srgb, srgb_to_linear
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import low_down
from ..networks.inversion import Painting, Shape
from ..networks.resampling import resampled
from ..networks.sheet_geometry import SheetGeometry
from .batches import Batch, Targets

MAX_DEPTH_ERROR_M = 0.03
"""Beyond this a difference is another surface, and only its direction is learned from."""

MAX_LOG_RADIUS = 0.5
"""Long hair beside the neck lies farther out than the sheets should follow."""

OUTLINE_POINTS = 96
"""Points a side of the chart that are compared with an outline."""

AIR_M = 0.003
"""Sheets farther outside the outermost surface are to be clear."""

SKIN_M = 0.008
"""And those so near below it opaque; in proportion where sheets lie far apart, so that as many are."""


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts."""

    colour: float = 1.0
    """Pictures' colours."""
    edges: float = 1.0
    """Gradients of these at several scales."""
    opacity: float = 0.5
    """Pictures' opacity."""
    depth: float = 8.0
    """Pictures' depth, in metres, where it is known."""
    radius: float = 2.0
    """Logarithm of the outermost surface's distance from the head's centre."""
    smooth: float = 0.3
    """How much the displacement bends."""
    matte: float = 0.3
    """Where the photograph shows the person."""
    occupancy: float = 1.5
    """Sheets clear outside that surface, and opaque just below it."""
    silhouette: float = 3.0
    """How far the displaced surface's outline lies from the person's, in half pictures."""
    taught: float = 1.0
    """All terms of pictures, against what the teacher's portraits look like."""
    taught_radius: float = 2.0
    """As `radius`, against the teacher's."""
    adversarial: float = 0.0
    """How untrue pictures look to the adversary."""


def view_losses(drawn: Tensor, targets: Targets, background: Tensor) -> dict[str, Tensor]:
    """Terms of drawn views [N, H, W, 5] (premultiplied linear RGB, opacity, weighted depth), means over them.

    Both pictures of a view are laid over its `background` [N, 3, 1, 1], linear.
    """
    accumulated = drawn.permute(0, 3, 1, 2)  # [N, 5, H, W]
    opacity = accumulated[:, 3:4]
    picture = composited(accumulated[:, :3], opacity, background)
    wanted = composited(srgb_to_linear(targets.rgb) * targets.opacity, targets.opacity, background)
    on_surface = targets.known * (targets.depth_m > 0) * (targets.opacity > 0.9) * (opacity > 0.3)
    error = (accumulated[:, 4:5] / opacity.clamp_min(0.3) - targets.depth_m).abs().clamp_max(MAX_DEPTH_ERROR_M)
    return {
        "colour": ((picture - wanted).abs() * targets.known).mean(),
        "edges": edge_difference(picture, wanted, targets.known),
        "opacity": ((opacity - targets.opacity).abs() * targets.known).mean(),
        "depth": (error * on_surface).mean(),
    }


def composited(colour: Tensor, opacity: Tensor, background: Tensor) -> Tensor:
    """Premultiplied linear colours [N, 3, H, W] under their opacity [N, 1, H, W], laid over a background
    [N, 3, 1, 1], linear; sRGB-encoded."""
    return linear_to_srgb((colour + (1.0 - opacity) * background).clamp(1e-5, 1.0))


def matte_loss(painting: Painting | Shape, batch: Batch) -> Tensor:
    """Cross entropy of the matte against the foreground's opacity, where that is known."""
    entropy = F.binary_cross_entropy(painting.matte, batch.opacity, reduction="none")
    return (entropy * batch.known).mean()


def occupancy_loss(painting: Painting, radius_m: Tensor) -> Tensor:
    """Cross entropy of the sheets' opacity just outside and just below the outermost surface [B, R, R].

    Pictures say little of what lies before a cheek that they show from the front; this does. Where no surface is known,
    as of a real photograph, it is the middle of the stack: a silhouette is to be filled by displacing the sheets, not
    by closing those before the face.
    """
    size, geometry = painting.opacity.shape[-1], painting.geometry
    known = resampled((radius_m > 0).float(), size) > 0.99
    middle, spread = resampled(painting.radius_m.detach(), size), resampled(geometry.spread, size)
    surface = torch.where(known, resampled(radius_m, size), middle)[:, None]
    outside_m = middle[:, None] + geometry.offsets_m[:, None, None] * spread - surface  # [B, S, T, T]
    air, skin = outside_m > AIR_M, (outside_m < 0.0) & (outside_m > -SKIN_M * spread)
    opacity = painting.opacity.clamp(1e-3, 1.0 - 1e-3)
    entropy = -torch.log1p(-opacity) * air - torch.log(opacity) * skin
    return entropy.sum() / (air | skin).sum().clamp_min(1)


def silhouette_loss(painting: Painting | Shape, batch: Batch) -> Tensor:
    """How far the displaced surface's outline lies from that of the foreground, in half pictures.

    Every pixel of the foreground's outline has a point of the surface on it, and no point lies outside the foreground.
    Below the jaw, where sheets are calm, neither counts.
    """
    middle = torch.zeros(1, device=painting.displacement_m.device)
    points = painting.geometry.points(painting.displacement_m, OUTLINE_POINTS, middle)
    projected, _ = CameraBatch.of(batch.cameras, points.device).project(points)
    outside = F.grid_sample(batch.outside, projected[:, 0], "bilinear", "border", False)[:, 0]  # [B, P, P]
    high = 1.0 - low_down(OUTLINE_POINTS, painting.geometry.half_extent).to(outside)
    total = (outside * high).mean()
    outlines = batch.outlines()
    for outline, one in zip(outlines, projected[:, 0].flatten(1, 2), strict=True):
        if len(outline):
            with torch.no_grad():
                nearest = torch.cdist(outline, one).argmin(1)
            distance = (outline - one[nearest]).norm(dim=-1)
            total = total + (distance * high.flatten()[nearest]).mean() / len(outlines)
    return total


def radius_difference(a_m: Tensor, b_m: Tensor, weight: Tensor, geometry: SheetGeometry) -> Tensor:
    """Mean absolute difference of the logarithms of radii that are displaced by [B, D, D], times `weight` [D, D]."""
    mean = geometry.mean_radius(a_m.shape[-1])
    return ((torch.log1p(a_m / mean) - torch.log1p(b_m / mean)).abs() * weight).mean()


def edge_difference(a: Tensor, b: Tensor, known: Tensor, scales: int = 3) -> Tensor:
    """Mean absolute difference of gradients at several scales, [N, 3, H, W] each."""
    total = torch.zeros_like(a[0, 0, 0, 0])
    difference, weight = a - b, known
    for _ in range(scales):
        masked = difference * weight
        total = total + masked.diff(dim=-1).abs().mean() + masked.diff(dim=-2).abs().mean()
        difference, weight = F.avg_pool2d(masked, 2), F.avg_pool2d(weight, 2)
    return total / scales


def shape_losses(painting: Painting | Shape, radius_m: Tensor) -> dict[str, Tensor]:
    """Radius against the outermost surface [B, R, R] where it is known; smoothness of the displacement everywhere."""
    size = radius_m.shape[-1]
    mean = painting.geometry.mean_radius(size)
    wanted = torch.log(radius_m.clamp_min(1e-3) / mean).clamp(-MAX_LOG_RADIUS, MAX_LOG_RADIUS)
    known = (radius_m > 0).float()
    radius, logs = torch.zeros_like(mean[0, 0]), []
    for displacement, weight in ((painting.displacement_m, 1.0), (painting.coarse_displacement_m, 0.3)):
        log = torch.log1p(resampled(displacement, size) / mean)
        radius = radius + weight * ((log - wanted).abs() * known).mean()
        logs.append(log)
    bend = sum(logs[0].diff(n=2, dim=dim).abs().mean() for dim in (1, 2))
    return {"radius": radius, "smooth": torch.as_tensor(bend)}
