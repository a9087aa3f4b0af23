"""What the photograph shows of each texel: occlusion by the portrait's own surface, and its clean foreground."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import CHART_HALF_EXTENT, SEEN_MARGIN_M, SEEN_SOFTNESS_M
from ..photo.masks import least_around
from ..ramps import ramp
from .cameras import CameraBatch
from .chart_maps import chart_angles_deg, low_down
from .kept import kept, lasting
from .push_pull import push_pull
from .sheet_geometry import SheetGeometry

GRAZING = (0.08, 0.3)
"""Cosines between a surface's normal and the ray to the camera from which the photograph begins to be believed."""

SURE_OPACITY = 0.95
"""What is drawn so opaque shows the portrait alone."""

OTHER_SHEETS = 0.002
"""How much the other sheets' colours count against those of the same sheet."""

OTHER_PARTS = 0.002
"""How much ears, face and neck count against the scalp where that goes on behind the ears."""

MIRRORED = 0.1
"""How much a place's mirror image counts against what is seen of itself."""

DARK = 0.05
"""The two sides of a face are compared by what is brighter than this, of 0..1."""

MAX_LIGHT_RATIO = 2.0
"""How much brighter than the other one of them is, is trusted up to this."""

NEVER = 1e-3
"""Where no place is seen on both sides with more than this weight they are taken to be alike."""

BEHIND_EARS_DEG, NAPE_DEG = (96.0, 104.0), (-40.0, -28.0)
"""The mean head's scalp begins between these azimuths behind the ears, and elevations above the nape."""

EAR_TOP_DEG = (14.0, 26.0)
"""Or between these elevations above the ears, beside the temples and above the forehead."""

TEMPLE_DEG, HAIRLINE_DEG = (60.0, 75.0), (38.0, 48.0)
"""Azimuths beside the temples, and elevations above the forehead, between which it does there."""


@dataclass(frozen=True)
class Shown:
    """The portrait's surface in the photograph's own view."""

    depth_m: Tensor  # [B, 1, H, W], farthest where nothing is
    sure: Tensor  # [B, 1, H, W], 1 well inside the silhouette, 0 where background may have bled in


def shown(opacity: Tensor, depth_m: Tensor) -> Shown:
    """From a rendered opacity and expected depth [B, 1, H, W]; the outline's own pixels do not count as sure."""
    sure = ramp(least_around(opacity, 1), (0.5, SURE_OPACITY))
    far = depth_m.amax((2, 3), keepdim=True)
    depth = torch.where(opacity > 0.5, depth_m, far)
    return Shown(depth, sure)


def visibility(seen: Shown, projected: Tensor, depth_m: Tensor, spread: Tensor) -> Tensor:
    """How much of each texel the photo shows, 0..1, [B, S, V, U]; projections in -1..1 and depths in metres.

    `spread` is broadcast to them: how much farther apart than in the face sheets lie there.
    """
    batch, sheets, height, width = depth_m.shape
    grid = projected.reshape(batch, sheets * height, width, 2)
    surface = F.grid_sample(seen.depth_m, grid, "bilinear", "border", False)[:, 0].reshape(depth_m.shape)
    sure = F.grid_sample(seen.sure, grid, "bilinear", "border", False)[:, 0].reshape(depth_m.shape)
    inside = (projected.abs() < 1.0).all(-1)
    return torch.sigmoid((surface + SEEN_MARGIN_M * spread - depth_m) / SEEN_SOFTNESS_M) * sure * inside


def turned_to(points_m: Tensor, camera_m: Tensor) -> Tensor:
    """How far a surface [B, V, U, 3] is turned to cameras at [B, 3], 0..1, [B, V, U].

    A surface seen along its side gets 0: what the photograph shows of it would be stretched over it.
    """
    down, right = torch.gradient(points_m, dim=(1, 2))
    normal = F.normalize(torch.linalg.cross(down, right), dim=-1)
    outward = torch.sign((normal * points_m).sum(-1, keepdim=True))
    towards = F.normalize(camera_m[:, None, None] - points_m, dim=-1)
    cosine = (normal * outward * towards).sum(-1)
    return ramp(cosine, GRAZING)


def surface_turned_to(geometry: SheetGeometry, displacement_m: Tensor, cameras: CameraBatch, size: int) -> Tensor:
    """How far the surface of a displacement [B, D, D] is turned to cameras, see `turned_to`, [B, size, size].

    Below the jaw it counts as turned to them: there the sheets do not follow the surface.
    """
    middle = torch.zeros(1, device=displacement_m.device)
    turned = turned_to(geometry.points(displacement_m, size, middle)[:, 0], cameras.position())
    return torch.maximum(turned, geometry.kept(low_down, size, turned))


def hull(matte: Tensor, projected: Tensor) -> Tensor:
    """The visual hull: matte [B, 1, H, W] at projections [B, S, V, U, 2], one outside the picture; [B, S, V, U].

    Whatever stands before the background in the photograph is clear, however deep it lies (Laurentini, PAMI 1994).
    """
    grid = projected.flatten(1, 2)
    sampled = F.grid_sample(matte, grid, "bilinear", "border", False)[:, 0].reshape(projected.shape[:-1])
    return torch.where((projected.abs() < 1.0).all(-1), sampled, 1.0)


def clean_foreground(photo: Tensor, sure: Tensor) -> Tensor:
    """The photo [B, 3, H, W] with what is not surely foreground filled from what is.

    Colours flow outward over the outline, so that no background is mixed into hair and cheeks. `sure` [B, 1, h, w] is
    resampled to the photo.
    """
    return push_pull(photo, F.interpolate(sure, photo.shape[-2:], mode="bilinear", align_corners=False))


def surroundings(photographed: Tensor, weight: Tensor) -> Tensor:
    """What the photo shows around each texel, [B, S, 3, V, U]: skin goes on as skin, hair as hair, where it is hidden.

    photographed [B, S, 3, V, U] counts as `weight` [B, S, V, U] says. A hidden texel takes the colour of its mirror
    image on the other side of the head, if that is seen, in its own side's light. Else each sheet is filled from what
    is seen of itself, and where that is far off, from what is seen of all sheets together; the sides of the head from
    what is seen of the scalp. All over the networks' own chart.
    """
    weight = weight[:, :, None]
    mirrored, other = photographed.flip(-1) * other_light(photographed, weight), MIRRORED * weight.flip(-1)
    photographed = (photographed * weight + mirrored * other) / (weight + other).clamp_min(1e-4)
    weight = torch.maximum(weight, other)
    total = weight.sum(1, keepdim=True).clamp_min(1e-4)
    together = (photographed * weight).sum(1, keepdim=True) / total
    share = OTHER_SHEETS * total.clamp_max(1.0)
    colour = (photographed * weight + together * share) / (weight + share)
    filled = push_pull(colour.flatten(0, 1), (weight + share).clamp_max(1.0).flatten(0, 1))
    sides, scalp = kept(scalp_maps, filled.shape[-1], filled, CHART_HALF_EXTENT)
    hair = push_pull(together[:, 0], total[:, 0].clamp_max(1.0) * (OTHER_PARTS + (1.0 - OTHER_PARTS) * scalp))
    unseen = 1.0 - (total[:, 0] / MIRRORED).clamp_max(1.0)
    return torch.lerp(filled.unflatten(0, weight.shape[:2]), hair[:, None], (sides * unseen)[:, None])


def other_light(photographed: Tensor, weight: Tensor) -> Tensor:
    """How much brighter each side is than the other, [B, 1, 3, V, U]: what both show, smoothly continued."""
    total = weight.sum(1)
    together = (photographed * weight).sum(1) / total.clamp_min(1e-4)
    ratio = ((together + DARK) / (together.flip(-1) + DARK)).clamp(1.0 / MAX_LIGHT_RATIO, MAX_LIGHT_RATIO)
    both = (total * total.flip(-1)).clamp_max(1.0)
    return push_pull((ratio * both + NEVER) / (both + NEVER), both + NEVER)[:, None]


@cache
def scalp_maps(size: int, half_extent: float) -> Tensor:
    """Two chart maps [2, size, size], 0..1: what lies behind and above the ears, and where what is seen is likely the
    scalp, hairy or bald."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    above_ears, beside_temples = ramp(elevation_deg, EAR_TOP_DEG), ramp(azimuth_deg, TEMPLE_DEG)
    behind = ramp(azimuth_deg, BEHIND_EARS_DEG) * ramp(elevation_deg, NAPE_DEG)
    sides = np.maximum(behind, above_ears * beside_temples)
    scalp = np.maximum(sides, above_ears * ramp(elevation_deg, HAIRLINE_DEG))
    return lasting(np.stack([sides, scalp]))
