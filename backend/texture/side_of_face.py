"""The side of the face before an ear, which a photograph from the front hides or shows along its side.

What it shows of it is a pixel or two, drawn out over centimetres, and often the ear's, the hair's or an earring's
behind the contour. Here the cheek goes on to the ear, and over the temple what is seen around it; those pixels stay
out of both.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..camera import Camera
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import chart_angles_deg, region
from ..networks.kept import lasting
from ..networks.painted_sheets import PaintedSheets
from ..networks.push_pull import push_pull
from ..networks.resampling import resampled, smoothed
from ..networks.visibility import DARK, MAX_LIGHT_RATIO, surface_turned_to
from ..photo.masks import greatest_around, least_around
from ..ramps import ramp
from ..shape.ears import Ears
from .sideburns import before_sideburns, sideburns

CHEEK_BEGINS_DEG, BEFORE_EAR_DEG = (25.0, 35.0), (85.0, 75.0)
"""Azimuths between which cheek begins, and ends."""

CHEEK_TOP_DEG, CHEEK_END_DEG = (8.0, 0.0), (-36.0, -29.0)
"""Elevations between which it does, from the top and from below: above are glasses and hair, below are collars."""

TEMPLE_BEGINS_DEG, TEMPLE_DEG = (36.0, 44.0), ((-8.0, -2.0), (24.0, 16.0))
"""Azimuths and elevations between which is temple, before sideburns."""

EAR_BEGINS_DEG = (76.0, 82.0)
"""Azimuths between which an ear can begin: what stands off farther in front is a cheek."""

ISLAND_TEXELS = 2
"""What is seen and no wider than twice this, of 128 texels, is no cheek."""

CONTOUR_TEXELS = 2
"""So near to the contour what is seen is not believed."""

BELIEVED = (0.45, 0.9)
"""Shares of what is believed around a texel between which that is."""

RIM_TEXELS = 2
"""The cheek goes on as it is so near to its end."""

ROWS_COUNT = ((4.0, 1.0), (12.0, 1e-3))
"""Along the contour it is averaged over so many texels, which count so much: where nothing near is seen, farther ones
do."""

LEAST_SEEN = 1e-6
"""Where less than this is seen of a cheek, in all, nothing is carried on."""

EDGE_TEXELS = 3
"""So far around what is not believed what is seen draws the colours towards it."""

SMOOTH_TEXELS = 2.0
"""How smooth maps of the side are."""


@dataclass(frozen=True)
class Sides:
    """The sides of a face, chart maps [T, T] in 0..1."""

    believed: Tensor  # how far the photograph is, 1 elsewhere
    sideburns: Tensor  # how far there are any

    def resampled(self, size: int) -> "Sides":
        """As maps [size, size]."""
        return Sides(resampled(self.believed, size), resampled(self.sideburns, size))


def with_sides(painting: PaintedSheets, camera: Camera, picture: Tensor, ears: Ears) -> tuple[PaintedSheets, Sides]:
    """A portrait with the cheeks' colours on the sides of its face, and what else they are.

    `picture` [1, 4, H, W] is what the networks saw, the camera's.
    """
    return _with_sides(painting, CameraBatch.of([camera], picture.device), picture, ears)


@recorded
def _with_sides(
    painting: PaintedSheets, camera: CameraBatch, picture: Tensor, ears: Ears
) -> tuple[PaintedSheets, Sides]:
    """The same, of a batch of one camera."""
    size, kept = painting.painted.shape[-1], painting.geometry.kept
    colour, seen = _seen(painting, camera, picture)
    maps = torch.stack([ears.beside, ears.off, ears.solid])
    maps = torch.lerp(maps, maps.flip(-1), ears.hidden)  # a side that is turned away is the other's mirror image
    maps[0] = torch.maximum(maps[0], ears.beside)  # and its own cheek
    beside, off, ear = resampled(smoothed(maps, SMOOTH_TEXELS), size)
    off, ear = torch.stack([off, ear]) * kept(_behind_face, size, off)
    shown = 1.0 - resampled(ears.hidden, size)

    inner = least_around(_without_islands(seen), CONTOUR_TEXELS)
    clear = inner * (1.0 - greatest_around(off, 1))
    cheeks, known = _carried_outwards(colour, clear * kept(_cheeks, size, inner))
    beside = beside * known

    firm = ramp(smoothed(inner[None], SMOOTH_TEXELS)[0], BELIEVED)
    believed = torch.maximum(firm, ear * shown)
    # Above the head's centre a side is continued only where no hair hangs before it.
    bare = beside[: size // 2].unflatten(-1, (2, size // 2)).amax((0, 2)).repeat_interleave(size // 2)
    hair, temple = kept(sideburns, size, beside) * bare, kept(_temples, size, beside) * bare
    believed = 1.0 - torch.stack([beside, hair, temple]).amax(0) * (1.0 - believed)

    edge = clear * greatest_around(1.0 - believed, EDGE_TEXELS) * kept(below_glasses, size, inner)
    around = cheeks + smoothed(push_pull((colour - cheeks)[None], edge[None, None])[0], SMOOTH_TEXELS)
    ear_seen = seen * off * shown
    light = (cheeks / cheeks.flip(-1).clamp_min(DARK)).clamp(1.0 / MAX_LIGHT_RATIO, MAX_LIGHT_RATIO)
    around = torch.lerp(around, colour.flip(-1) * light, ear_seen.flip(-1) * ear)
    around = torch.lerp(around, colour, ear_seen).clamp(0.0, 1.0)
    filled = smoothed(push_pull(colour[None], firm[None, None])[0], SMOOTH_TEXELS)
    painted = torch.lerp(torch.lerp(painting.painted, filled, temple), around, beside)
    return replace(painting, painted=painted), Sides(believed, hair)


def _seen(painting: PaintedSheets, camera: CameraBatch, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Of the painting's surface its colours in the picture [3, C, C], and how well they are seen [C, C]."""
    size, middle_m, displacement_m = painting.painted.shape[-1], picture.new_zeros(1), painting.displacement_m[None]
    turned = surface_turned_to(painting.geometry, displacement_m, camera, size)[0]
    projected, _ = camera.project(painting.geometry.points(displacement_m, size, middle_m))
    person = (least_around(painting.matte, 2) > 0.9).float()
    maps = torch.cat([picture[:1, :3], person[None, None]], 1)
    sampled = F.grid_sample(maps, projected[:, 0], "bilinear", "border", False)[0]
    return sampled[:3], sampled[3] * turned


def _carried_outwards(colour: Tensor, cheek: Tensor) -> tuple[Tensor, Tensor]:
    """Colours [3, C, C] of where the cheek [C, C] ends to either side, on along its rows; and whether there are any,
    [C, C]."""
    size = cheek.shape[-1]
    rim = cheek - cheek * -F.max_pool2d(-cheek[None], (1, 2 * RIM_TEXELS + 1), 1, (0, RIM_TEXELS))[0]
    sides = torch.cat([colour * rim, rim[None]]).unflatten(-1, (2, size // 2)).sum(-1)  # [4, C, 2]
    row = torch.arange(size, device=cheek.device, dtype=cheek.dtype)
    apart = (row[:, None] - row).square()
    near, far = (share * torch.exp(-0.5 * apart / texels**2) for texels, share in ROWS_COUNT)
    *ends, known = ((near + far) @ sides).repeat_interleave(size // 2, -1)
    return torch.stack(ends) / known.clamp_min(LEAST_SEEN), (known > LEAST_SEEN).to(known)


def _without_islands(seen: Tensor) -> Tensor:
    """A map without its narrow parts (morphological opening)."""
    return torch.minimum(seen, greatest_around(least_around(seen, ISLAND_TEXELS), ISLAND_TEXELS))


def below_glasses(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: below glasses, and hair over them."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[1], CHEEK_TOP_DEG))


def _behind_face(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where ears can be."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[0], EAR_BEGINS_DEG))


def _temples(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: temples, before sideburns."""
    return lasting(region(size, half_extent, (TEMPLE_BEGINS_DEG,), TEMPLE_DEG) * before_sideburns(size, half_extent))


def _cheeks(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: cheeks, before the ears."""
    return lasting(region(size, half_extent, (CHEEK_BEGINS_DEG, BEFORE_EAR_DEG), (CHEEK_TOP_DEG, CHEEK_END_DEG)))
