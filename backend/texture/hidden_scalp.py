"""The scalp that the photograph does not show, in the colours of what it shows of it.

The networks continue the sides of a head by a colour of their own, between hair and skin: seen from beside, a strip of
another colour ran behind the hair. Here hair goes on as hair, and a bald head as skin.
"""

import numpy as np
import torch
from torch import Tensor

from ..networks.chart_maps import chart_angles_deg, from_front_deg, region
from ..networks.kept import kept, lasting
from ..networks.push_pull import push_pull
from ..networks.resampling import resampled, smoothed
from ..networks.visibility import OTHER_PARTS, scalp_maps
from ..ramps import ramp
from .around_head import around_head
from .seen_surface import BLACK, Seen

FACE_DEG = (40.0, 30.0)
"""Azimuths between which a face is skin, but for eyes, mouth and beard, which are left out as rare."""

FACE_TOP_DEG, FACE_END_DEG = (16.0, 10.0), (-32.0, -26.0)
"""Elevations between which it is, from the top and from below."""

ROUNDS = 3
"""How often the skin's colours are told anew."""

RARE = 3.0
"""What lies so many deviations from them counts little."""

LEAST_DEVIATION = 0.03
"""They deviate by at least this much, in logarithms."""

HAIR = (1.5, 3.5)
"""Deviations from the skin between which a colour comes to be hair's."""

SKIN_COUNTS = 0.002
"""How much skin counts where there is hair."""

NEAR_SKIN_COUNTS = 0.4
"""How much it does where sideburns take their colours from."""

ABOVE_SIDEBURNS_DEG, BEHIND_TEMPLE_DEG = (6.0, 12.0), (38.0, 50.0)
"""Elevations and azimuths from which that is."""

BORDER_DEG, ABOVE_EARS_DEG = (64.0, 80.0), (20.0, 32.0)
"""Angles from the front, and elevations, from which what borders on the hidden scalp is scalp, whatever its colour."""

NECK_HAIR_ENDS_DEG = ((88.0, -14.0), (100.0, -24.0), (120.0, -31.0), (180.0, -40.0))
"""Azimuths, and the elevations down to which a neck is hairy there."""

NECK_HAIR_FADES_DEG = 9.0
"""How softly that ends."""

NECK_HAIR_BEGINS_DEG = (86.0, 96.0)
"""Azimuths between which a neck comes to be hairy."""

BEHIND_RIM_DEG = (78.0, 92.0)
"""Angles from the front between which what is near hands over to what is seen at the same height."""

RIM_TEXELS = 5.0
"""Colours are averaged over so many of 128 texels before they are continued: else the light at the rim would be."""

SOFT_TEXELS = 1.5
"""What is continued is so smooth."""

STRAND_TEXELS = 2.0
"""Hair is told from skin by colours averaged over so many of 128 texels, or only its darkest strands would be hair."""

MEET_TEXELS = (6.0, 3.0, 1.5)
"""What is continued goes over into what is seen beside it within some of so many of 128 texels, what is left then
within fewer."""

LEAST_NEAR = 0.05
"""Each does so by half where so much is seen, averaged over them."""


def scalp_colours(seen: Seen, sideburns: Tensor, half_extent: float) -> Tensor:
    """The scalp's colours over the chart [3, T, T], smooth where they are not known; of `sideburns` [T, T] those of
    what is near them."""
    size = seen.known.shape[-1]
    scalp = _least(kept(scalp_maps, size, seen.known, half_extent)[1], OTHER_PARTS)
    hairness = _hairness(seen.averaged(STRAND_TEXELS), half_extent)
    hair = torch.maximum(hairness, kept(_border, size, seen.known, half_extent))
    scalp = scalp * _least(hair, SKIN_COUNTS)
    behind = kept(_behind_rim, size, seen.known, half_extent)
    near = _continued(seen, scalp)
    around = smoothed(around_head(seen.colour, scalp * seen.known.sqrt(), near, half_extent), SOFT_TEXELS)
    colours = _meeting(seen, scalp, torch.lerp(near, around, behind))
    above = kept(_above_sideburns, size, seen.known, half_extent)
    return torch.lerp(colours, _continued(seen, above * _least(hairness, NEAR_SKIN_COUNTS)), sideburns)


def _continued(seen: Seen, weight: Tensor) -> Tensor:
    """Colours [3, T, T] of what is seen, counting as `weight` [T, T] says, smoothly continued to where it is not.

    What is hardly turned to the camera counts as well: it is what borders on the hidden.
    """
    weight = weight * seen.known.sqrt()
    colour = Seen(seen.colour, weight).averaged(RIM_TEXELS).colour
    return smoothed(push_pull(colour[None], weight[None, None])[0], SOFT_TEXELS)


def _meeting(seen: Seen, weight: Tensor, colours: Tensor) -> Tensor:
    """Colours [3, T, T] that are near to what is seen as that is: light or shadow at the head's rim ends softly, not
    where the photograph does."""
    weight = weight * seen.known.square()
    for texels in MEET_TEXELS:
        apart, near = smoothed(torch.cat([(seen.colour - colours) * weight, weight[None]]), texels).split((3, 1))
        colours = colours + apart / (near + LEAST_NEAR)
    return colours.clamp(0.0, 1.0)


def hidden_parts(sideburns: Tensor, half_extent: float) -> Tensor:
    """Chart map [T, T], 0..1: where the scalp may be hidden, and `sideburns` [T, T]."""
    return torch.maximum(kept(scalp_maps, sideburns.shape[-1], sideburns, half_extent)[0], sideburns)


def with_scalp(painted: Tensor, colours: Tensor, known: Tensor, hidden: Tensor) -> Tensor:
    """What is painted [S, 3, T, T] with these colours [3, T, T] where the scalp may be `hidden` and is not `known`,
    [T, T] each."""
    return torch.lerp(painted, colours, hidden * (1.0 - known))


def with_hairline(innermost: Tensor, colours: Tensor, half_extent: float) -> Tensor:
    """A neck's colours [3, T, T] with the scalp's [3, C, C] where hair grows on it."""
    size = innermost.shape[-1]
    return torch.lerp(innermost, resampled(colours, size), kept(_hairy_neck, size, innermost, half_extent))


def _least(share: Tensor, least: float) -> Tensor:
    """A share 0..1 that is `least` at least, and still 1 at the most."""
    return least + (1.0 - least) * share


def _hairness(seen: Seen, half_extent: float) -> Tensor:
    """How far colours are other than the face's skin [T, T], 0..1."""
    red, green, blue = torch.log(seen.colour.clamp(0.0, 1.0) + BLACK)
    features = torch.stack([red - green, blue - green, (red + green + blue) / 6.0])
    skin = weight = seen.known * kept(_face, seen.known.shape[-1], seen.known, half_extent)
    for _ in range(ROUNDS):
        total = weight.sum().clamp_min(1e-3)
        mean = (features * weight).sum((1, 2), keepdim=True) / total
        variance = ((features - mean).square() * weight).sum((1, 2), keepdim=True) / total
        squared = (features - mean).square() / variance.clamp_min(LEAST_DEVIATION**2)
        weight = skin * torch.exp(-0.5 * squared.sum(0) / RARE**2)
    return ramp(squared.mean(0).sqrt(), HAIR).square()


def _face(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where a face is mostly skin."""
    return lasting(region(size, half_extent, (FACE_DEG,), (FACE_TOP_DEG, FACE_END_DEG)))


def _above_sideburns(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: hair, if there is any, that sideburns go on from."""
    return lasting(OTHER_PARTS**2 + region(size, half_extent, (BEHIND_TEMPLE_DEG,), (ABOVE_SIDEBURNS_DEG,)))


def _hairy_neck(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where hair grows on a neck."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    above_deg = elevation_deg - np.interp(azimuth_deg, *np.transpose(NECK_HAIR_ENDS_DEG))
    return lasting(
        ramp(above_deg, (-NECK_HAIR_FADES_DEG / 2.0, NECK_HAIR_FADES_DEG / 2.0))
        * ramp(azimuth_deg, NECK_HAIR_BEGINS_DEG)
    )


def _behind_rim(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: where colours are those of the rim at the same height."""
    return lasting(ramp(from_front_deg(size, half_extent), BEHIND_RIM_DEG))


def _border(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: what borders on the scalp that a photograph hides."""
    above_ears = region(size, half_extent, elevation_deg=(ABOVE_EARS_DEG,))
    return lasting(above_ears * ramp(from_front_deg(size, half_extent), BORDER_DEG))
