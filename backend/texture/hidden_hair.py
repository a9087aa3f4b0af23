"""Strands for hair that the photograph does not show, from the hair that it shows.

Colours alone look like felt. Tiles of the scalp that is seen are turned over the head to where it is hidden, so that
hair goes on falling from the whorl; where they overlap their differences from the mean are added up so that the
variance stays (Heitz and Neyret, High Performance Graphics 2018). Of a bald head they are as smooth as that.
"""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import WHORL
from ..networks.chart_maps import chart_grid, texel_directions
from ..networks.kept import constant, kept
from ..networks.resampling import resampled
from ..networks.visibility import scalp_maps
from .hidden_scalp import hidden_parts
from .seen_surface import Seen
from .sideburns import sideburns

TILES, SOURCES = 26, 1500
"""Tiles along a side of the chart, each two of its places wide; and places of the scalp that they may come from."""

SLOW = 64
"""Changes of brightness that maps so large can hold are the hair's shape, not its strands."""

SURE, AROUND = 0.9, 5
"""What is known less is no source; so many coarse texels to all sides count as a tile."""

COLOUR_COUNTS, UNKNOWN_COUNTS, AWAY_COUNTS, CHANCE = 6.0, 3.0, 0.15, 0.25
"""A tile comes from where colours are alike, most of it is known and the way is short, and not always from the best
place: by these, for colours in 0..1, shares of the tile, the chart's half side, and chance."""

SOFTER, MAX_CONTRAST = 0.55, 0.11
"""What is hidden has less contrast than what is seen, and at most this, as a deviation of brightness' logarithm."""

BEHIND = -0.2
"""Cosine of the angle from the front beyond which no photograph shows the scalp."""

LEAST_THERE = 0.3
"""Where less of the tiles is known, contrast fades."""


def hair_shade(seen: Seen, coarse: Seen, colours: Tensor, hidden: Tensor, half_extent: float) -> Tensor:
    """Factors [T, T] on the brightness of the scalp, of these colours [3, C, C], where it may be `hidden` [T, T]; 1
    elsewhere.

    `seen` is of T x T texels, and `coarse` the same of 128 x 128.
    """
    size = seen.known.shape[-1]
    strands, sure, contrast = _strands(seen, half_extent)
    places = kept(texel_directions, TILES, strands, half_extent).flatten(0, 1)  # [N, 3]
    sources = kept(_sources, SOURCES, strands, half_extent)  # [M, 3]
    tile = _best_source(coarse, colours, places, sources, half_extent)
    turns = _frames(sources)[tile].transpose(1, 2) @ _frames(places)  # [N, 3, 3]

    texels = kept(_texels, size, strands.new_empty(0, dtype=torch.long), half_extent)  # [H]
    tiles = kept(_tiles, size, texels, half_extent)  # [4, H]
    weight = kept(_weights, size, strands, half_extent)  # [4, H]
    directions = kept(texel_directions, size, strands, half_extent).flatten(0, 1)[texels]
    turned = (turns[tiles] * directions[:, None]).sum(-1)  # [4, H, 3]
    maps = torch.stack([strands, sure])[None]
    copied, there = F.grid_sample(maps, chart_grid(turned, half_extent)[None], "bilinear", "zeros", False)[0] * weight
    shade = strands.new_zeros(size * size)
    shade[texels] = contrast * copied.sum(0) / there.square().sum(0).sqrt().clamp_min(LEAST_THERE)
    return torch.exp(shade.view(size, size) * hidden)


def _strands(seen: Seen, half_extent: float) -> tuple[Tensor, Tensor, Tensor]:
    """Logarithms of brightness beside its slow changes [T, T]; where they are known, 0 or 1; and a factor for them."""
    size = seen.known.shape[-1]
    sure = (seen.known > SURE).float()
    log = seen.log_brightness()
    slow, known = resampled(F.adaptive_avg_pool2d(torch.stack([log * sure, sure]), SLOW), size)
    strands = (log - slow / known.clamp_min(1e-3)) * sure
    scalp = sure * kept(scalp_maps, size, sure, half_extent)[1]
    deviation = ((strands.square() * scalp).sum() / scalp.sum().clamp_min(1.0)).sqrt()
    return strands, sure, (MAX_CONTRAST / deviation.clamp_min(1e-4)).clamp_max(SOFTER)


def _best_source(coarse: Seen, colours: Tensor, places: Tensor, sources: Tensor, half_extent: float) -> Tensor:
    """Which of the sources [M, 3] each of the places [N, 3] takes its tile from, [N]."""
    around = F.avg_pool2d((coarse.known > SURE).float()[None], 2 * AROUND + 1, 1, AROUND)
    there, here = (chart_grid(directions, half_extent) for directions in (sources, places))
    maps = torch.cat([coarse.colour, around])
    at_sources, at_places = (
        F.grid_sample(x[None], grid[None, None], "bilinear", "border", False)[0, :, 0].T
        for x, grid in ((maps, there), (colours, here))
    )
    chance = kept(_chance, SOURCES, around, half_extent)
    unlike, away = (_distances(*pair) for pair in ((at_places, at_sources[:, :3]), (here, there)))
    unknown = 1.0 - at_sources[:, 3]
    return (COLOUR_COUNTS * unlike + AWAY_COUNTS * away + CHANCE * chance + UNKNOWN_COUNTS * unknown).argmin(1)


def _distances(these: Tensor, those: Tensor) -> Tensor:
    """From points [N, C] to points [M, C], [N, M]; the same on any device, or other tiles would be chosen there."""
    squares = [(a[:, None] - b).square() for a, b in zip(these.unbind(-1), those.unbind(-1), strict=True)]
    return sum(squares[1:], squares[0]).sqrt()


def _frames(directions: Tensor) -> Tensor:
    """Directions [N, 3], away from the whorl, and across, as rows [N, 3, 3]."""
    whorl = F.normalize(constant(WHORL, directions.device), dim=0).expand_as(directions)
    across = F.normalize(torch.linalg.cross(whorl, directions), dim=-1)
    return torch.stack([directions, torch.linalg.cross(across, directions), across], 1)


@cache
def _sources(count: int, half_extent: float) -> Tensor:
    """Directions [count, 3] of the scalp that photographs show, or may."""
    size = 256
    directions = texel_directions(size, half_extent).flatten(0, 1)
    scalp = (scalp_maps(size, half_extent)[1].flatten() > 0.5) & (directions[:, 2] > BEHIND)
    chosen = torch.randint(int(scalp.sum()), (count,), generator=torch.Generator().manual_seed(0))
    return directions[scalp][chosen]


@cache
def _chance(count: int, half_extent: float) -> Tensor:
    """Numbers [N, count] in 0..1."""
    return torch.rand(TILES * TILES, count, generator=torch.Generator().manual_seed(1))


@cache
def _texels(size: int, half_extent: float) -> Tensor:
    """Which of a chart map's texels may show hidden scalp, [H]."""
    return hidden_parts(sideburns(size, half_extent), half_extent).flatten().nonzero()[:, 0]


@cache
def _tiles(size: int, half_extent: float) -> Tensor:
    """Which four tiles lie over each of those texels, [4, H]."""
    x, y = _in_tiles(size, half_extent)
    corners = [
        (y.floor() + down).clamp(0, TILES - 1) * TILES + (x.floor() + right).clamp(0, TILES - 1)
        for down in (0, 1)
        for right in (0, 1)
    ]
    return torch.stack(corners).long()


@cache
def _weights(size: int, half_extent: float) -> Tensor:
    """How much each of the four counts, [4, H]; their squares add up to one."""
    x, y = (values - values.floor() for values in _in_tiles(size, half_extent))
    weights = torch.stack([(1.0 - y) * (1.0 - x), (1.0 - y) * x, y * (1.0 - x), y * x])
    return F.normalize(weights, dim=0)


def _in_tiles(size: int, half_extent: float) -> tuple[Tensor, Tensor]:
    """Columns and rows of those texels, in tiles from the first one's middle."""
    texels = _texels(size, half_extent)
    places = torch.stack([texels % size, texels // size])
    x, y = (places + 0.5) * (TILES / size) - 0.5
    return x, y
