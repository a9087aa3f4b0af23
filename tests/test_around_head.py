"""Colours go on round a head at the height at which they are seen."""

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.conventions import WIDE_HALF_EXTENT
from portrait_manifolds.backend.manifolds import chart_to_direction, map_grid
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, from_front_deg
from portrait_manifolds.backend.texture.around_head import around_head

SIZE = 128
AZIMUTH_DEG, ELEVATION_DEG = chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
LEFT: torch.Tensor = torch.tensor(chart_to_direction(map_grid(SIZE, WIDE_HALF_EXTENT))[..., 0] < 0.0)
NOTHING = torch.zeros(3, SIZE, SIZE)
SEEN = torch.tensor(from_front_deg(SIZE, WIDE_HALF_EXTENT) < 85.0).float()


def behind(azimuth_deg: float, elevation_deg: float, left: bool) -> torch.Tensor:
    """[T, T]: texels near this direction."""
    near = (abs(AZIMUTH_DEG - azimuth_deg) < 5.0) & (abs(ELEVATION_DEG - elevation_deg) < 4.0)
    return torch.tensor(near) & (left == LEFT)


def test_sides_stay_shaved_and_a_crown_bald() -> None:
    crown = torch.tensor(ELEVATION_DEG > 45.0).float()
    colours = around_head(torch.stack([crown, crown, crown]), SEEN, NOTHING, WIDE_HALF_EXTENT)
    for left in (False, True):
        for azimuth_deg in (95.0, 130.0):
            assert float(colours[:, behind(azimuth_deg, 30.0, left)].max()) < 0.05
            assert float(colours[:, behind(azimuth_deg, 58.0, left)].min()) > 0.95
            assert float(colours[:, behind(azimuth_deg, -20.0, left)].max()) < 0.15  # as above the ears


def test_each_side_has_its_own_light_and_both_meet_behind() -> None:
    light = LEFT.float()
    colours = around_head(torch.stack([light, light, light]), SEEN, NOTHING, WIDE_HALF_EXTENT)[0]
    there = [[behind(azimuth, 40.0, left) for azimuth in (100.0, 140.0, 174.0)] for left in (False, True)]
    sides = [[float(colours[texels].mean()) for texels in side] for side in there]
    np.testing.assert_allclose(sides[1], [0.95, 0.76, 0.54], atol=0.04)
    np.testing.assert_allclose(np.add(sides[0], sides[1]), 1.0, atol=0.02)


def test_ears_say_nothing() -> None:
    ears = torch.tensor((AZIMUTH_DEG > 60.0) & (ELEVATION_DEG < 12.0)).float()
    colours = around_head(torch.stack([ears, ears, ears]), SEEN, NOTHING, WIDE_HALF_EXTENT)
    assert float(colours.max()) < 1e-3


@pytest.mark.parametrize("left", [False, True])
def test_of_a_turned_head_the_side_that_is_seen_tells_the_other(left: bool) -> None:
    """What is seen of the farther rim, a hundredth as much, may be light on skin."""
    nearer = LEFT.float() if left else 1.0 - LEFT.float()
    colours = around_head(torch.stack(3 * [nearer]), SEEN * (0.01 + 0.99 * nearer), NOTHING, WIDE_HALF_EXTENT)
    assert float(colours[:, behind(110.0, 40.0, not left)].min()) > 0.75


def test_where_no_scalp_is_seen_colours_stay() -> None:
    colour = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(around_head(colour, 0.0 * SEEN, colour, WIDE_HALF_EXTENT), colour)
