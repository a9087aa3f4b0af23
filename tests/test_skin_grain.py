"""Grain beside a face: as strong as the cheek's, wrinkles or not, and nothing else changes."""

import pytest
import torch
from torch import Tensor

from portrait_manifolds.backend.conventions import WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.texture.seen_surface import Seen
from portrait_manifolds.backend.texture.skin_grain import MOST, skin_shade

SIZE = 256
AZIMUTH_DEG, ELEVATION_DEG = (torch.tensor(x) for x in chart_angles_deg(SIZE, WIDE_HALF_EXTENT))
BELIEVED = (AZIMUTH_DEG < 60.0).float()
SIDE = (AZIMUTH_DEG > 64.0) & (AZIMUTH_DEG < 90.0) & (ELEVATION_DEG < -4.0) & (ELEVATION_DEG > -25.0)
LEFT = torch.arange(SIZE) >= SIZE // 2  # columns of the person's left
NOISE = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def shade(log_brightness: Tensor) -> Tensor:
    """Logarithms of what is laid over a head that is grey but for that."""
    seen = Seen((0.4 * torch.exp(log_brightness)).expand(3, SIZE, SIZE), BELIEVED)
    return torch.log(skin_shade(seen, BELIEVED, WIDE_HALF_EXTENT))


def test_grain_is_about_half_as_strong_as_it_is_on_the_cheek_of_its_side() -> None:
    there = shade(torch.where(LEFT, 0.016, 0.004) * NOISE)
    for side, deviation in ((LEFT, 0.016), (~LEFT, 0.004)):
        assert 0.3 * deviation < float(there[SIDE & side].std()) < 0.7 * deviation
    assert not there[BELIEVED == 1.0].any()
    assert not there[ELEVATION_DEG > 12.0].any()


def test_wrinkles_make_no_more_than_fine_grain() -> None:
    assert float(shade(0.3 * NOISE)[SIDE].std()) == pytest.approx(MOST, rel=0.2)


def test_what_changes_slowly_is_no_grain() -> None:
    slow = 0.3 * torch.cos(torch.arange(SIZE) * 0.05).expand(SIZE, SIZE)
    assert float(shade(slow)[SIDE].std()) < 0.001


def test_where_all_is_believed_nothing_is_shaded() -> None:
    everywhere = torch.ones(SIZE, SIZE)
    assert torch.equal(skin_shade(Seen(0.1 * NOISE.expand(3, -1, -1) + 0.5, everywhere), everywhere, 1.8), everywhere)
