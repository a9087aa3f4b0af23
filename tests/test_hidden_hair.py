"""Strands where hair is hidden: as strong as in the hair that is seen, and only there."""

from dataclasses import replace

import torch

from portrait_manifolds.backend.hidden_hair import MAX_CONTRAST, strand_shade, strands
from portrait_manifolds.backend.networks.inversion import Painting
from portrait_manifolds.backend.networks.visibility import scalp_maps

SIZE = 128


def painting(contrast: float) -> Painting:
    """One sheet, seen but for the sides, striped."""
    stripes = 0.3 * torch.exp(contrast * torch.tensor([-1.0, 1.0]).repeat(SIZE // 2))
    colour = stripes.expand(1, 1, 3, SIZE, SIZE).contiguous()
    seen = 1.0 - scalp_maps(SIZE)[0][None, None]
    still = torch.zeros(1, 64, 64)
    solid = torch.ones(1, 1, SIZE, SIZE)
    return Painting(solid, solid, seen, colour, colour, still, still, still, torch.ones(1, 1, 64, 64))


def test_strands_have_no_mean_and_are_the_same_again() -> None:
    texture = strands(SIZE)
    assert abs(float(texture.mean())) < 1e-5
    assert abs(float(texture.std()) - 1.0) < 1e-3
    again = strands.__wrapped__(SIZE)  # not from the cache
    assert torch.equal(texture, again)


def test_hidden_hair_is_as_rough_as_what_is_seen_and_a_bald_head_stays_smooth() -> None:
    smooth, rough, wild = (strand_shade(painting(contrast), 256).log() for contrast in (0.0, 0.05, 0.9))
    sides = scalp_maps(256)[0]
    assert float(smooth.abs().max()) < 1e-3
    assert 0.03 < float(rough[sides > 0.99].std()) < 0.15
    assert float(wild[sides > 0.99].std()) < 1.2 * MAX_CONTRAST
    assert float(rough[sides == 0].abs().max()) == 0.0


def test_nothing_seen_gives_no_strands() -> None:
    hidden = painting(0.1)
    hidden = replace(hidden, visible=torch.zeros_like(hidden.visible))
    assert float((strand_shade(hidden, 64) - 1.0).abs().max()) == 0.0
