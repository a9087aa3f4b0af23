"""The back of a head, from above the ears down to the neck.

The networks see no more than its beginning, and end it above the ears in a ledge: seen from beside, short hair was a
cap with nothing of it behind the ears. Here what lies above goes on down along the meridians, and narrows to the neck.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..manifolds import direction_to_chart
from ..networks.chart_maps import chart_angles_deg, from_front_deg, region, texel_directions
from ..networks.kept import kept, lasting
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled
from ..networks.sheet_geometry import SheetGeometry
from ..ramps import ramp, smoothstep

BEGINS_DEG = (95.0, 103.0)
"""Azimuths behind the ears between which the back comes to hold."""

TOP_DEG = (34.0, 22.0)
"""Elevations above the ears between which it does, from the top down."""

BELOW_DEG = (-37.0, -30.0)
"""Elevations at the nape between which it does, from the neck up."""

INSIDE_M = 0.006
"""What the head's sides hide stays so far inside of the outline: what stood out would be cut by the photograph's matte,
sheet by sheet, to a comb."""

BESIDE_DEG = (92.0, 102.0)
"""Azimuths between which that comes to hold."""

SIDES_TOP_DEG = (50.0, 38.0)
"""Elevations between which it does, from the top down."""

CROWN_INSIDE_M = 0.002
"""What the crown hides stays so far inside of the outline, where hair hangs below, too. The photograph shows where that
begins."""

BEHIND_CROWN_DEG = (75.0, 90.0)
"""Azimuths between which that comes to hold."""

CROWN_DEG = ((25.0, 40.0), (85.0, 70.0))
"""Elevations between which it does, from below and from the top."""

STANDS_OUT_M = (-0.001, 0.002)
"""How much farther out than the back an ear has to be to stay."""

TAPER = 1.9
"""How much sooner than evenly the back narrows, as an exponent: as the mean of light-stage scans (ICT-FaceKit, MIT) and
one scanned head do."""

NAPE_SHARE = 0.79
"""The share of its radius above that a head has left at the nape, as they do: a thinner neck goes out to that."""

NAPE_DEG = (-56.0, -44.0)
"""Elevations below the nape between which a neck comes to do so."""

POLE_DEG = (155.0, 150.0)
"""Angles from the front between which sheets end: in the chart's corners, where one direction has many texels, what is
carried on from its border would hang behind the head in bits."""


def with_back(
    painting: PaintedSheets, neck_m: Tensor, outline_m: Tensor, ears: Tensor, hair: float
) -> tuple[PaintedSheets, Tensor]:
    """A portrait with a back; and how far that goes, [G, G] in metres, 0 where there is none.

    `neck_m` [G, G] is the radius of what it narrows to, and within `outline_m` [G, G] it stays; where `ears` [G, G]
    stand out of it, they stay. Heads stay as they were so far as `hair` hangs beside the neck, 0..1.
    """
    before, radius = painting.geometry, painting.radius_m
    size = len(radius)
    above = _looked_up(radius, before.kept(_above, size, radius))
    below = _looked_up(neck_m, before.kept(_below, size, radius))
    narrowed = torch.lerp(below, above, before.kept(_height, size, radius))
    stays = ears * ramp(radius - narrowed, STANDS_OUT_M)
    share = (1.0 - hair) * before.kept(_behind, size, radius) * (1.0 - stays)
    sides = (1.0 - hair) * before.kept(_behind_sides, size, radius) * (1.0 - ears)
    crown = before.kept(_behind_crown, size, radius) * (1.0 - ears)

    def within(radius_m: Tensor) -> Tensor:
        radius_m = torch.lerp(radius_m, torch.minimum(radius_m, outline_m - INSIDE_M), sides)
        return torch.lerp(radius_m, torch.minimum(radius_m, outline_m - CROWN_INSIDE_M), crown)

    painting = painting.moved_to(within(torch.lerp(radius, narrowed, share)))
    opacity = _carried(painting.opacity[:, None], share, before.half_extent)[:, 0]
    painting = replace(
        painting,
        opacity=opacity * before.kept(_before_pole, opacity.shape[-1], opacity),
        confidence=_carried(painting.confidence[:, None], share, before.half_extent)[:, 0],
        painted=_carried(painting.painted, share, before.half_extent),
    )
    return painting, within(narrowed) * (share > 0.0)


def with_nape(geometry: SheetGeometry, radius_m: Tensor, neck_m: Tensor, hair: float) -> Tensor:
    """The neck's radius [G, G] in metres, as far out where the head of `radius_m` [G, G] ends behind as heads are; as
    it was so far as `hair` hangs beside the neck, 0..1."""
    above = _looked_up(radius_m, geometry.kept(_above, len(radius_m), radius_m))
    share = (1.0 - hair) * geometry.kept(_nape, len(radius_m), radius_m)
    return torch.lerp(neck_m, torch.maximum(neck_m, NAPE_SHARE * above), share)


def _looked_up(values: Tensor, grid: Tensor) -> Tensor:
    """A map [G, G] at places [G, G, 2] in the chart, -1..1, right and down."""
    return F.grid_sample(values[None, None], grid[None], "bilinear", "border", False)[0, 0]


def _carried(stack: Tensor, share: Tensor, half_extent: float) -> Tensor:
    """A stack [S, C, T, T] with what lies above carried down where `share` [G, G] says."""
    size = stack.shape[-1]
    grid = kept(_above, size, stack, half_extent)
    above = F.grid_sample(stack.flatten(0, 1)[None], grid[None], "bilinear", "border", False).view(stack.shape)
    return torch.lerp(stack, above, resampled(share, size))


def _behind(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far directions are the back's."""
    return lasting(smoothstep(region(size, half_extent, (BEGINS_DEG,), (TOP_DEG, BELOW_DEG))))


def _behind_sides(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far directions lie behind the sides of the head."""
    return lasting(smoothstep(region(size, half_extent, (BESIDE_DEG,), (SIDES_TOP_DEG, BELOW_DEG))))


def _behind_crown(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far directions lie behind the crown."""
    return lasting(smoothstep(region(size, half_extent, (BEHIND_CROWN_DEG,), CROWN_DEG)))


def _before_pole(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size], 0..1: 0 around the chart's pole, straight behind."""
    return lasting(ramp(from_front_deg(size, half_extent), POLE_DEG))


def _nape(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how far directions are the nape's, below the back."""
    azimuth_deg, elevation_deg = chart_angles_deg(size, half_extent)
    return lasting(smoothstep(ramp(elevation_deg, NAPE_DEG)) * ramp(azimuth_deg, BEGINS_DEG))


def _height(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: how much the radius is still that above, 1, and not yet that below, 0."""
    height = ramp(chart_angles_deg(size, half_extent)[1], (BELOW_DEG[0], TOP_DEG[0]))
    return lasting(height**TAPER)


def _above(size: int, half_extent: float) -> Tensor:
    """Where each direction's meridian is at the top, as `_looked_up` takes places, [size, size, 2]."""
    return _on_meridian(TOP_DEG[0], size, half_extent)


def _below(size: int, half_extent: float) -> Tensor:
    """Where it is at the nape, likewise."""
    return _on_meridian(BELOW_DEG[0], size, half_extent)


def _on_meridian(elevation_deg: float, size: int, half_extent: float) -> Tensor:
    """Where each direction's meridian is at an elevation, [size, size, 2]."""
    x, _, z = texel_directions(size, half_extent).double().numpy().transpose(2, 0, 1)
    level, up = np.cos(np.radians(elevation_deg)), np.sin(np.radians(elevation_deg))
    along = level / np.maximum(np.hypot(x, z), 1e-6)
    chart = direction_to_chart(np.stack([along * x, np.full_like(x, up), along * z], -1)) / half_extent
    return lasting(chart * (1.0, -1.0))
