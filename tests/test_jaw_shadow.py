"""The shadow under a jaw is as dark as the neck's front, and lies beside the neck alone."""

import pytest
import torch
from torch import Tensor

from portrait_manifolds.backend.conventions import WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.texture.jaw_shadow import DARKER, jaw_shadow
from portrait_manifolds.backend.texture.seen_surface import Seen

SIZE = 128
SKIN, SHIRT = (0.8, 0.6, 0.5), (0.9, 0.9, 0.95)
AZIMUTH_DEG, ELEVATION_DEG = (torch.tensor(x) for x in chart_angles_deg(SIZE, WIDE_HALF_EXTENT))


def darkest(neck: tuple[float, ...], within_deg: float = 180.0) -> float:
    """Of a face and a neck of these colours, that seen so far to either side, how much of its light is taken."""
    below = ELEVATION_DEG < -50.0
    colour = torch.where(below, torch.tensor(neck)[:, None, None], torch.tensor(SKIN)[:, None, None])
    return 1.0 - float(shadow(Seen(colour, (~below | (within_deg > AZIMUTH_DEG)).float())).min())


def shadow(seen: Seen) -> Tensor:
    return jaw_shadow(seen, 2 * SIZE, WIDE_HALF_EXTENT)[::2, ::2]


@pytest.mark.parametrize("light", [0.8, 0.7])
def test_it_is_as_dark_as_the_neck_s_front(light: float) -> None:
    assert darkest(tuple(light * x for x in SKIN)) == pytest.approx(1.0 - light, abs=0.03)


def test_clothes_and_what_is_not_seen_tell_nothing() -> None:
    dark = tuple(0.7 * x for x in SKIN)
    assert darkest(SHIRT) == darkest((0.05, 0.05, 0.1)) == pytest.approx(DARKER[0], abs=1e-3)
    assert darkest(dark, within_deg=0.0) == pytest.approx(DARKER[0], abs=1e-3)
    assert darkest(dark, within_deg=2.0) < 0.25 < darkest(dark)  # no more than a few texels
    assert darkest((0.2, 0.15, 0.125)) == pytest.approx(DARKER[1], abs=1e-3)


def test_it_lies_below_the_jaw_beside_the_neck() -> None:
    map_ = shadow(Seen(torch.full((3, SIZE, SIZE), 0.5), torch.ones(SIZE, SIZE)))
    elsewhere = (ELEVATION_DEG > -32.0) | (AZIMUTH_DEG < 34.0) | (AZIMUTH_DEG > 127.0)
    assert bool((map_[elsewhere] == 1.0).all())
    beside = (AZIMUTH_DEG > 58.0) & (AZIMUTH_DEG < 68.0) & (ELEVATION_DEG < -57.0) & (ELEVATION_DEG > -60.0)
    assert beside.sum() > 5 and float((map_[beside] - 1.0 + DARKER[0]).abs().max()) < 0.02
