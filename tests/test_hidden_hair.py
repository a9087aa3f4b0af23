"""Strands where hair is hidden: those of the hair that is seen, as it falls, and only there."""

import numpy as np
import torch
from torch import Tensor

from portrait_manifolds.backend.conventions import WHORL, WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_grid, texel_directions
from portrait_manifolds.backend.networks.visibility import scalp_maps
from portrait_manifolds.backend.texture.hidden_hair import MAX_CONTRAST, SOFTER, hair_shade
from portrait_manifolds.backend.texture.hidden_scalp import Seen

SIZE = 256
GREY = torch.full((3, 128, 128), 0.3)


def around_whorl() -> Tensor:
    """Angle of the chart's texels around the whorl [SIZE, SIZE], radians."""
    axis = np.array(WHORL) / np.linalg.norm(WHORL)
    right = np.cross(axis, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    directions = texel_directions(SIZE, WIDE_HALF_EXTENT).double().numpy()
    return torch.tensor(np.arctan2(directions @ np.cross(right, axis), directions @ right), dtype=torch.float32)


def known() -> Tensor:
    """What a photograph from the front may show, [SIZE, SIZE]."""
    return (texel_directions(SIZE, WIDE_HALF_EXTENT)[..., 2] > 0.1).float()


def striped(contrast: float) -> Seen:
    """Grey, with strands that fall from the whorl; of so large a deviation of the logarithm of brightness."""
    brightness = 0.3 * torch.exp(contrast * 2.0**0.5 * torch.sin(40.0 * around_whorl()))
    return Seen(brightness.expand(3, SIZE, SIZE).contiguous(), known())


def hidden() -> Tensor:
    """Where nothing but hidden scalp is, above the ears and before the back's own border, [SIZE, SIZE]."""
    directions = texel_directions(SIZE, WIDE_HALF_EXTENT)
    return (scalp_maps(SIZE, WIDE_HALF_EXTENT)[0] > 0.99) & (directions[..., 1] > 0.0) & (directions[..., 2] > -0.7)


def shade_of(seen: Seen, colours: Tensor) -> Tensor:
    size = len(seen.known)
    return hair_shade(seen, seen.reduced(128), colours, scalp_maps(size, WIDE_HALF_EXTENT)[0], WIDE_HALF_EXTENT)


def shade(seen: Seen) -> Tensor:
    return shade_of(seen, GREY)


def test_hidden_hair_is_softer_than_what_is_seen_and_a_bald_head_stays_smooth() -> None:
    smooth, rough, wild = (shade(striped(contrast)).log() for contrast in (0.0, 0.08, 0.9))
    assert float(smooth.abs().max()) < 1e-4
    assert 0.4 * SOFTER < float(rough[hidden()].std()) / 0.08 < SOFTER  # slow changes are left out
    assert 0.5 * MAX_CONTRAST < float(wild[hidden()].std()) < 1.2 * MAX_CONTRAST
    assert float(rough[scalp_maps(SIZE, WIDE_HALF_EXTENT)[0] == 0].abs().max()) == 0.0


def test_hair_goes_on_falling_from_the_whorl() -> None:
    strands = shade(striped(0.08)).log()
    directions = texel_directions(SIZE, WIDE_HALF_EXTENT)
    across = torch.nn.functional.normalize(torch.linalg.cross(axis().expand_as(directions), directions), dim=-1)
    along = torch.linalg.cross(across, directions)
    beside = hidden() & (directions @ axis() < 0.7)  # at the whorl all meet

    def changes(way: Tensor) -> float:
        grid = chart_grid(directions + 0.02 * way, WIDE_HALF_EXTENT)[None]
        there = torch.nn.functional.grid_sample(strands[None, None], grid, "bilinear", "border", False)[0, 0]
        return float((there - strands)[beside].square().mean())

    assert changes(along) < 0.3 * changes(across)


def axis() -> Tensor:
    return torch.nn.functional.normalize(torch.tensor(WHORL), dim=0)


def test_no_hidden_place_is_left_without_strands() -> None:
    strands = shade(striped(0.08)).log()
    flat = torch.nn.functional.max_pool2d(strands.abs()[None, None], 9, 1, 4)[0, 0] < 1e-3
    assert float(flat[hidden()].float().mean()) < 0.01


def test_tiles_of_which_half_is_known_give_as_much_contrast() -> None:
    seen = striped(0.08)
    narrow = seen.known * (texel_directions(SIZE, WIDE_HALF_EXTENT)[..., 0].abs() < 0.06)
    wide, little = (shade(Seen(seen.colour, known)).log()[hidden()].std() for known in (seen.known, narrow))
    assert float(little) > 0.85 * float(wide)


def test_tiles_come_from_hair_of_the_same_colour() -> None:
    seen = striped(0.08)
    directions = texel_directions(SIZE, WIDE_HALF_EXTENT)
    plain = directions[..., 0] < 0.0  # dark hair without strands on the left, as coloured as what is hidden
    colour = torch.where(plain, 0.3, (seen.colour + 0.4).clamp_max(1.0))
    sure = seen.known * (directions[..., 0].abs() > 0.1)  # an edge is no strand
    dark, fair = (float(shade_of(Seen(colour, sure), wanted).log()[hidden()].std()) for wanted in (GREY, GREY + 0.4))
    assert dark < 0.5 * fair


def test_nothing_seen_gives_no_strands() -> None:
    seen = striped(0.1)
    assert bool((shade(Seen(seen.colour, torch.zeros_like(seen.known))) == 1.0).all())


def test_strands_are_the_same_again_and_alike_at_another_size() -> None:
    seen = striped(0.1)
    once, small = shade(seen), shade(seen.reduced(128))
    assert torch.equal(once, shade(seen))
    assert small.shape == (128, 128)
    sides = (hidden()[::2, ::2], hidden())
    rough = [float(x.log()[where].std()) for x, where in zip((small, once), sides, strict=True)]
    assert 0.5 < rough[0] / rough[1] < 1.5
