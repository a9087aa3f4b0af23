"""The side of the face before an ear, which a photograph from the front hides or shows along its side.

What it shows of it is a pixel or two, drawn out over centimetres, and often the ear's, the hair's or an earring's
behind the contour. Here the cheek goes on to the ear, and those pixels stay out of it.
"""

from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .camera import Camera
from .ears import Ears
from .masks import greatest_around, least_around
from .networks.geometry import CameraBatch, chart_angles_deg, ramp, resampled, smoothed
from .networks.inversion import Inversion, Painting
from .networks.visibility import push_pull

CHEEK_BEGINS_DEG, BEFORE_EAR_DEG = (25.0, 35.0), (85.0, 75.0)
CHEEK_TOP_DEG, CHEEK_END_DEG = (8.0, 0.0), (-36.0, -29.0)
"""Azimuths and elevations between which is cheek: above are glasses and hair, below are collars."""

ISLAND_TEXELS, CONTOUR_TEXELS, BELIEVED = 2, 2, (0.45, 0.9)
"""Of 128 texels: what is seen and no wider than twice the first is no part of the cheek, so near to the contour it is
not believed, and the shares of what is seen around a texel between which it is."""

RIM_TEXELS = 2
"""What is farther from the contour does not count: the cheek goes on as light as it ends."""

ROWS_COUNT = ((4.0, 1.0), (12.0, 1e-3))
"""So smooth these colours are along the contour, in texels, and by how much that counts: where there are none near,
farther ones do."""

BLACK, MAX_LIGHT_RATIO = 0.05, 2.0
"""Two cheeks are compared by what is brighter than the first, and trusted up to the second."""

EDGE_TEXELS, REACH_TEXELS = 3, 2.0
"""How smooth maps of the side are."""


def with_sides(
    network: Inversion, painting: Painting, camera: Camera, picture: Tensor, ears: Ears
) -> tuple[Painting, Tensor]:
    """The first portrait of a batch with the cheeks' colours on the sides of its face; and where the photograph is
    believed, [C, C] in 0..1, 1 beside them.

    `picture` [1, 4, H, W] is what the networks saw, the camera's.
    """
    size = painting.painted.shape[-1]
    colour, seen = _seen(network, painting, camera, picture)
    maps = torch.stack([ears.beside, ears.off, ears.solid])
    maps = torch.lerp(maps, maps.flip(-1), ears.hidden)  # no photograph shows both sides: there they are alike
    beside, off, ear = resampled(smoothed(maps, REACH_TEXELS), size)
    there = 1.0 - resampled(ears.hidden, size)
    inner = least_around(_without_islands(seen), CONTOUR_TEXELS)
    clear = inner * (1.0 - greatest_around(off, 1))
    cheeks = _carried_outwards(colour, clear * network.geometry.kept(_cheeks, size, inner))
    believed = torch.maximum(ramp(smoothed(inner[None], REACH_TEXELS)[0], BELIEVED), ear * there)
    believed = 1.0 - beside * (1.0 - believed)
    edge = clear * greatest_around(1.0 - believed, EDGE_TEXELS) * network.geometry.kept(_below, size, inner)
    around = cheeks + smoothed(push_pull((colour - cheeks)[None], edge[None, None])[0], REACH_TEXELS)
    # An ear that is not seen is the other one's mirror image, in this side's light.
    mirrored = colour.flip(-1) * (cheeks / cheeks.flip(-1).clamp_min(BLACK)).clamp(1.0 / MAX_LIGHT_RATIO, MAX_LIGHT_RATIO)
    around = torch.lerp(around, mirrored, (seen * off * there).flip(-1) * ear)
    around = torch.lerp(around, colour, seen * off * there)
    painted = torch.lerp(painting.painted, around.clamp(0.0, 1.0), beside)
    return replace(painting, painted=painted), believed


def _seen(network: Inversion, painting: Painting, camera: Camera, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Of the painting's surface its colours in the picture [3, C, C], and how well they are seen [C, C]."""
    size = painting.painted.shape[-1]
    views, middle_m = CameraBatch.of([camera], picture.device), picture.new_zeros(1)
    turned = network.turned_to(views, painting.displacement_m, size)[0]
    projected, _ = views.project(network.geometry.points(painting.displacement_m, size, middle_m))
    person = (least_around(painting.matte[:1], 2) > 0.9).float()
    maps = torch.cat([picture[:1, :3], person], 1)
    sampled = F.grid_sample(maps, projected[:, 0], "bilinear", "border", False)[0]
    return sampled[:3], sampled[3] * turned


def _carried_outwards(colour: Tensor, cheek: Tensor) -> Tensor:
    """Colours [3, C, C] of where the cheek [C, C] ends to either side, on along its rows."""
    size = cheek.shape[-1]
    rim = cheek - cheek * -F.max_pool2d(-cheek[None], (1, 2 * RIM_TEXELS + 1), 1, (0, RIM_TEXELS))[0]
    sides = torch.cat([colour * rim, rim[None]]).unflatten(-1, (2, size // 2)).sum(-1)  # [4, C, 2]
    total = sum(share * _along_rows(sides, texels) for texels, share in ROWS_COUNT)
    ends = total[:3] / total[3:].clamp_min(1e-6)
    return ends.repeat_interleave(size // 2, -1)


def _along_rows(values: Tensor, texels: float) -> Tensor:
    """Values [N, C, K] smoothed over their C rows."""
    row = torch.arange(values.shape[1], device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * ((row[:, None] - row) / texels) ** 2)
    return kernel @ values


def _without_islands(seen: Tensor) -> Tensor:
    """A map without its narrow parts (morphological opening)."""
    return torch.minimum(seen, greatest_around(least_around(seen, ISLAND_TEXELS), ISLAND_TEXELS))


@cache
def _below(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: below glasses and hair."""
    with torch.inference_mode(False):
        return torch.tensor(ramp(chart_angles_deg(size, half_extent)[1], CHEEK_TOP_DEG)).float()


@cache
def _cheeks(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    beside = ramp(azimuth_deg, CHEEK_BEGINS_DEG) * ramp(azimuth_deg, BEFORE_EAR_DEG)
    with torch.inference_mode(False):
        return torch.tensor(beside * ramp(elevation_deg, CHEEK_TOP_DEG) * ramp(elevation_deg, CHEEK_END_DEG)).float()
