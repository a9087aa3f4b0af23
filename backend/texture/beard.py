"""Beards, which go on to the ears where a photograph from the front does not show it.

Beside a bearded chin the side of the face was a bare cheek (`side_of_face`). A beard is told by the lower face: darker
than the cheek without being redder, as shaded skin is, and rougher than skin ever is. It goes on in its own colours and
as mottled as it is, from where the photograph ends up to the sideburns (`sideburns`).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks.chart_maps import chart_angles_deg
from ..networks.kept import kept, lasting
from ..networks.resampling import resampled, smoothed
from ..ramps import ramp
from .jaw_shadow import JAW_DEG
from .seen_surface import BLACK, Seen

CHEEK = ((12.0, 32.0), (-17.0, -6.0))
"""Azimuths and elevations in degrees between which there is skin without a beard."""

CHIN, JAW = ((0.0, 11.0), (-37.0, -31.0)), ((14.0, 28.0), (-36.0, -28.0))
"""Those of what is bearded if anything is."""

SIDE = ((20.0, 33.0), (-38.0, -12.0))
"""Those of the beard's upper edge."""

LOOKED_AT = ((0.0, 38.0), (-44.0, 0.0))
"""Those of all these zones, and what lies around."""

EDGE_DEG = (-38.0, -8.0)
"""Elevations of the upper edge where none and all of the side is bearded: its sparse upper part hardly counts."""

SURE = 0.6
"""What is known less says nothing."""

GRAIN = 0.005
"""Changes of brightness within this share of the chart's side are rough."""

COLOUR, AROUND = 0.006, 0.012
"""Over such shares of it colours are averaged, and how rough they are."""

DARKER = (0.06, 0.16)
"""How much darker than the cheek, in logarithms of brightness, between skin and a beard."""

REDDENS = 2.0
"""For each of the logarithm of red to green that it is redder, it counts so much less as dark."""

ROUGHER = (2.5, 3.2)
"""How many times as rough as the cheek, between skin and a beard."""

ROUGH = (0.045, 0.065)
"""And how rough in itself, in logarithms of brightness."""

SMOOTHEST = 0.004
"""No cheek is taken to be smoother."""

BEARDED = (0.50, 0.65)
"""Shares of jaw and chin that are bearded, between a shaven face and a beard."""

CHIN_COUNTS = 1.3
"""The chin's counts so much more: it is bare below the lip."""

ON_SIDE = (0.20, 0.55)
"""Shares of one side's jaw that are bearded, between a beard that ends there and one that goes on."""

FULLER_COUNTS = 0.25
"""How much the jaw's fuller side counts against the other."""

OTHER_COUNTS = 0.05
"""How much one side counts where the other does not show."""

BEGINS_DEG = (22.0, 32.0)
"""Azimuths between which the beard begins beside what is seen."""

RISES_DEG = (30.0, 68.0)
"""Those between which its upper edge rises to the sideburns' end."""

SIDEBURN_DEG = (65.0, 73.0)
"""Those between which it goes over into them."""

EAR_DEG = (86.0, 78.0)
"""Those between which the ear covers it."""

BELOW_SIDEBURN_DEG, IN_SIDEBURN_DEG = -12.0, -4.0
"""Elevations of its upper edge where the sideburns end, and within them."""

SOFT_DEG = (-5.0, 5.0)
"""How soft that edge is."""

BELOW_JAW_DEG = (-6.0, 2.0)
"""How softly it ends below the jaw."""

MOST_CONTRAST = 0.2
"""Strands' brightness deviates in its logarithm as much as what is rough is away from its mean, and at most so much."""

STRAND = (0.0025, 0.0011)
"""Deviations of a strand along and across it, in shares of the chart's side."""

NO_STRAND = 0.006
"""And of what is none any more."""


class Beard(NamedTuple):
    """A beard over the chart, where the photograph hides it."""

    share: Tensor  # [C, C], 0..1
    colour: Tensor  # [3, C, C], sRGB-encoded
    contrast: Tensor  # [], of its strands, a deviation of brightness' logarithm

    def painted(self, painted: Tensor) -> Tensor:
        """What is painted [S, 3, C, C] with the beard on it."""
        return torch.lerp(painted, self.colour, self.share)

    def shade(self, known: Tensor, half_extent: float) -> Tensor:
        """Factors on the brightness of what is not `known`, [T, T] both, which make strands of it."""
        size = known.shape[-1]
        share = resampled(self.share, size) * (1.0 - known)
        return torch.exp(self.contrast * share * kept(_strands, size, known, half_extent))


def hidden_beard(seen: Seen, coarse: Seen, half_extent: float) -> Beard:
    """The beard of a face, of what a photograph shows of it; `coarse` is the same of C x C texels.

    Its share is zero where a face is shaven.
    """
    told = _told(seen, half_extent)
    size = coarse.known.shape[-1]
    height_deg, rising, within = kept(_upper_edge, size, coarse.known, half_extent)
    edge_deg = _to_sides(EDGE_DEG[0] + (EDGE_DEG[1] - EDGE_DEG[0]) * told.side, size)
    below_deg = edge_deg + (BELOW_SIDEBURN_DEG - edge_deg) * rising - height_deg
    share = _to_sides(told.strength, size) * within * ramp(below_deg, SOFT_DEG)
    return Beard(share * (1.0 - coarse.known), _to_sides(told.colour, size).expand(3, size, size), told.contrast)


class _Told(NamedTuple):
    """What the lower face tells of a beard, to either side."""

    strength: Tensor  # [2], 0..1: how surely there is one
    side: Tensor  # [2], 0..1: how far up it goes where the photograph ends
    colour: Tensor  # [3, 2]
    contrast: Tensor  # [], as of a `Beard`


def _told(seen: Seen, half_extent: float) -> _Told:
    """Of what a photograph shows of T x T texels."""
    size = seen.known.shape[-1]
    rows, columns = _window(size, half_extent)
    zones = kept(_zones, size, seen.known, half_extent)
    face = Seen(seen.colour[:, rows, columns], (seen.known[rows, columns] > SURE).to(seen.known))
    cheek, chin, jaw, side = zones * face.known
    brightness, red = face.log_brightness(), torch.log((face.colour[0] + BLACK) / (face.colour[1] + BLACK))
    rough = (brightness - _averaged(brightness, face.known, GRAIN * size)).abs()
    brightness, red = (_averaged(values, face.known, COLOUR * size) for values in (brightness, red))
    # Means of roots: a fold, a few lashes or a pair of glasses' rim are not rough all over.
    roughness = _averaged(rough.sqrt(), face.known, AROUND * size).square()

    darker = _mean(brightness, cheek) - brightness - REDDENS * (red - _mean(red, cheek))
    of_cheek = _mean(rough.sqrt(), cheek).square().clamp_min(SMOOTHEST)
    bearded = ramp(darker, DARKER) * ramp(roughness / of_cheek, ROUGHER) * ramp(roughness, ROUGH)

    counts = _by_side(torch.stack([chin, jaw, side])[:, None] * torch.stack([bearded, torch.ones_like(bearded)]))
    of_chin = _share(counts[0].sum(-1))
    of_jaw, of_side = _share(_with_other(counts[1:]).transpose(0, 1))
    of_face = torch.minimum(CHIN_COUNTS * of_chin, torch.lerp(of_jaw.amin(), of_jaw.amax(), FULLER_COUNTS))
    strength = ramp(of_face, BEARDED) * ramp(of_jaw, ON_SIDE) * cheek.sum().clamp_max(1.0)

    bearded = bearded * (chin + jaw)  # not its edge, which has some of the skin's colour
    *colour, count = _with_other(_by_side(torch.cat([face.colour, face.known[None]]) * bearded))
    contrast = _mean(rough, bearded).clamp_max(MOST_CONTRAST)
    return _Told(strength, of_side, torch.stack(colour) / count.clamp_min(1e-3), contrast)


def _averaged(values: Tensor, known: Tensor, texels: float) -> Tensor:
    """Values [h, w] under a Gaussian of that deviation, of what is known."""
    total, count = smoothed(torch.stack([values * known, known]), texels)
    return total / count.clamp_min(1e-3)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Of values [h, w], counting as `weight` [h, w] says."""
    return (values * weight).sum() / weight.sum().clamp_min(1e-3)


def _by_side(maps: Tensor) -> Tensor:
    """Sums of maps [..., h, w] to either side, [..., 2]."""
    return maps.unflatten(-1, (2, -1)).sum((-3, -1))


def _with_other(sums: Tensor) -> Tensor:
    """Sums to either side [..., 2], with a little of the other's, for where one side does not show."""
    return sums + OTHER_COUNTS * sums.flip(-1)


def _share(counts: Tensor) -> Tensor:
    """Of counts [2, ...] of what is bearded and what is known the share [...]."""
    bearded, known = counts
    return bearded / known.clamp_min(1e-3)


def _to_sides(values: Tensor, size: int) -> Tensor:
    """Values of either side [..., 2] as maps [..., 1, size]."""
    return values.repeat_interleave(size // 2, -1)[..., None, :]


@cache
def _window(size: int, half_extent: float) -> tuple[slice, slice]:
    """Rows and columns of the chart that are looked at; as many columns to either side."""
    rows, columns = np.nonzero(_inside(size, half_extent, LOOKED_AT))
    left = int(columns.min())
    return slice(int(rows.min()), int(rows.max()) + 1), slice(left, size - left)


def _zones(size: int, half_extent: float) -> Tensor:
    """Maps [4, h, w] of the window: cheek, chin, jaw and side, 0 or 1."""
    window = _window(size, half_extent)
    return lasting(np.stack([_inside(size, half_extent, zone)[window] for zone in (CHEEK, CHIN, JAW, SIDE)]))


def _inside(size: int, half_extent: float, zone: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """Which texels [size, size] of the chart lie between these azimuths and elevations."""
    angles = zip(chart_angles_deg(size, half_extent), zone, strict=True)
    return np.logical_and.reduce([(low <= deg) & (deg < high) for deg, (low, high) in angles])


def _upper_edge(size: int, half_extent: float) -> Tensor:
    """Chart maps [3, size, size]: elevation in degrees, less what sideburns reach higher than they end; how far a
    beard's upper edge has risen to that end, and where there can be a beard at all, 0..1."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    above_jaw_deg = elevation_deg - np.interp(azimuth_deg, *np.transpose(JAW_DEG))
    within = ramp(azimuth_deg, BEGINS_DEG) * ramp(azimuth_deg, EAR_DEG) * ramp(above_jaw_deg, BELOW_JAW_DEG)
    higher_deg = (IN_SIDEBURN_DEG - BELOW_SIDEBURN_DEG) * ramp(azimuth_deg, SIDEBURN_DEG)
    return lasting(np.stack([elevation_deg - higher_deg, ramp(azimuth_deg, RISES_DEG) ** 2, within]))


def _strands(size: int, half_extent: float) -> Tensor:
    """Noise [size, size] of deviation one, in strands that hang down."""
    noise = torch.randn(1, size, size, generator=torch.Generator().manual_seed(2))
    along, across = (_gaussian(share * size) for share in STRAND)
    strands = F.conv2d(F.conv2d(noise[None], along[..., None], padding="same"), across[:, :, None], padding="same")[0]
    strands = (strands - smoothed(strands, NO_STRAND * size))[0]
    return lasting((strands / strands.std().clamp_min(1e-6)).numpy())


def _gaussian(texels: float) -> Tensor:
    """A kernel [1, 1, N] of that deviation."""
    x = torch.arange(-int(3.0 * texels) - 1, int(3.0 * texels) + 2)
    kernel = torch.exp(-0.5 * (x / texels) ** 2)
    return (kernel / kernel.sum())[None, None]
