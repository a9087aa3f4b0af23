"""Grain beside a face: the cheek's goes on there, its folds and its glasses do not, and nothing else changes."""

import pytest
import torch
from torch import Tensor

from portrait_manifolds.backend.conventions import WIDE_HALF_EXTENT
from portrait_manifolds.backend.hidden_scalp import Seen
from portrait_manifolds.backend.networks.geometry import chart_angles_deg
from portrait_manifolds.backend.skin_grain import INSET, MOST, STRIP, skin_shade

SIZE = 256
AZIMUTH_DEG, ELEVATION_DEG = (torch.tensor(x) for x in chart_angles_deg(SIZE, WIDE_HALF_EXTENT))
BELIEVED = (AZIMUTH_DEG < 60.0).float()
SIDE = (AZIMUTH_DEG > 64.0) & (AZIMUTH_DEG < 90.0) & (ELEVATION_DEG < -4.0) & (ELEVATION_DEG > -25.0)


def head(grain: Tensor) -> Seen:
    return Seen((0.5 * torch.exp(grain)).expand(3, SIZE, SIZE), BELIEVED)


def shade(grain: Tensor) -> Tensor:
    return torch.log(skin_shade(head(grain), BELIEVED, WIDE_HALF_EXTENT))


def test_pores_go_on_as_strong_as_they_are_and_the_face_has_its_own() -> None:
    pores = 0.02 * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    there = shade(pores)
    cheek = (AZIMUTH_DEG > 50.0) & (AZIMUTH_DEG < 58.0) & (ELEVATION_DEG < -4.0) & (ELEVATION_DEG > -25.0)
    assert float(there[SIDE].std()) == pytest.approx(float(pores[cheek].std()), rel=0.4)
    assert not there[BELIEVED == 1.0].any()
    assert not there[ELEVATION_DEG > 12.0].any()


def test_what_changes_slowly_is_no_grain() -> None:
    slow = 0.3 * torch.cos(torch.arange(SIZE) * 0.05).expand(SIZE, SIZE)
    assert shade(slow)[SIDE].abs().max() < 0.02


def test_folds_far_from_the_line_stay_where_they_are_and_near_ones_are_shallow() -> None:
    ends = int(BELIEVED[SIZE // 2 + 8].nonzero().max())
    column = torch.arange(SIZE).expand(SIZE, SIZE)
    far, near = (
        torch.where((column - ends + inside * SIZE).abs() < 1.0, -1.0, 0.0) for inside in (STRIP + 4 * INSET, STRIP / 2)
    )
    row = SIZE // 2 + 8
    assert not shade(far)[row, ends:].lt(-0.02).any()
    folds = shade(near)[row, ends:]
    assert float(folds.min()) == pytest.approx(-MOST, abs=0.01)


def test_where_all_is_believed_nothing_is_shaded() -> None:
    everywhere = torch.ones(SIZE, SIZE)
    seen = Seen(torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)), everywhere)
    assert torch.equal(skin_shade(seen, everywhere, WIDE_HALF_EXTENT), everywhere)
