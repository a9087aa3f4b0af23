"""Grain for the sides of a face, which have no more than the cheek's smooth colours (`side_of_face`).

What is fine on the cheek is reflected at the line where the photograph is no longer believed: pores and stubble go on.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .hidden_hair import DARK, LUMA
from .hidden_scalp import Seen
from .networks.geometry import constant, gaussian_matrix, kept, smoothed
from .side_of_face import below_glasses

FINE, MOST = 0.005, 0.06
"""Changes of brightness within such a share of the chart's side are grain; its logarithm changes by at most so much."""

ENDS, LINE, INSET, STRIP = 0.5, 0.012, 0.006, 0.05
"""The photograph ends where it is believed less than the first. In shares of the chart's side that line is as smooth as
the second, and what is reflected, to and fro, begins so far inside of it and is so wide: farther in there are folds."""


def skin_shade(seen: Seen, believed: Tensor, half_extent: float) -> Tensor:
    """Factors [T, T] on the brightness of what lies beside a face where the photograph is not `believed` [T, T]; 1
    elsewhere."""
    size = believed.shape[-1]
    grain, known = _grain(seen)
    maps = torch.stack([grain, known * kept(below_glasses, size, known, half_extent), believed])
    sides = torch.stack([maps[..., : size // 2].flip(-1), maps[..., size // 2 :]])  # from the middle outwards
    grain, known, believed = sides.unbind(1)  # [2, T, T / 2] each
    hidden = (believed < ENDS).to(grain)
    some = hidden.amax(-1, keepdim=True)  # of a row
    line = gaussian_matrix(size, LINE * size, grain) @ torch.cat([hidden.argmax(-1, keepdim=True) * some, some], -1)
    end = line[..., :1] / line[..., 1:].clamp_min(1e-4)
    row, column = (torch.arange(n, device=grain.device, dtype=grain.dtype) for n in grain.shape[1:])
    beyond = (column - end).clamp_min(0.0).remainder(2.0 * STRIP * size)
    source = end - INSET * size - torch.minimum(beyond, 2.0 * STRIP * size - beyond)
    across, down = (source + 0.5) * (4.0 / size) - 1.0, (row + 0.5) * (2.0 / size) - 1.0
    grid = torch.stack([across, down[:, None].expand_as(across)], -1)
    copied, there = F.grid_sample(torch.stack([grain, known], 1), grid, "bilinear", "zeros", False).unbind(1)
    left, right = torch.exp(copied * there * (1.0 - believed) * some)
    return torch.cat([left.flip(-1), right], -1)


def _grain(seen: Seen) -> tuple[Tensor, Tensor]:
    """Logarithms of brightness beside its slower changes [T, T], and how far they are known."""
    log = torch.log(torch.einsum("c,cvu->vu", constant(LUMA, seen.known.device), seen.colour) + DARK)
    slow, around = smoothed(torch.stack([log * seen.known, seen.known]), FINE * len(log))
    return (log - slow / around.clamp_min(1e-4)).clamp(-MOST, MOST), seen.known
