"""Sheets moved onto the surface: the same portrait, along the sheets."""

from functools import partial

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.manifolds import default_offsets_m
from portrait_manifolds.backend.networks.chart_maps import beside_face
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.mean_sheets import MeanSheets, sheets_about
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.networks.resampling import resampled
from portrait_manifolds.backend.networks.sheet_geometry import RADIUS_SIZE, SheetGeometry
from portrait_manifolds.backend.shape.surface_following import following_surface, offset_before

CONFIG = inversion_config("small")
SIZE = 4 * CONFIG.chart


@pytest.fixture(scope="module")
def geometry() -> SheetGeometry:
    return MeanSheets(CONFIG.sheets).sheets()


def about_ball(radius_m: float) -> SheetGeometry:
    """Sheets about a ball."""
    return sheets_about(np.full((RADIUS_SIZE, RADIUS_SIZE), radius_m), default_offsets_m(CONFIG.sheets))


def painting(geometry: SheetGeometry, surface: torch.Tensor) -> PaintedSheets:
    """Opaque up to the offsets `surface` [T, T], green."""
    offsets, chart = geometry.offsets_m, CONFIG.chart
    opacity = torch.sigmoid((surface - offsets[:, None, None]) / 1e-3)
    colour = torch.tensor([0.2, 0.8, 0.2])[:, None, None].expand(CONFIG.sheets, 3, SIZE, SIZE).contiguous()
    still = torch.zeros(chart, chart)
    one, radius = torch.ones_like(opacity), geometry.total_radius(still)
    return PaintedSheets(opacity, one, colour, still, radius, torch.ones(64, 64), geometry)


def drawn(portrait: PaintedSheets, yaw_deg: float) -> torch.Tensor:
    camera = look_at((0.0, 0.0, 1.0), fov_deg=25.0, width_px=96, height_px=96).orbited(yaw_deg)
    textures = torch.cat([portrait.painted, portrait.opacity[:, None]], 1).permute(0, 2, 3, 1).contiguous()
    return portrait.geometry.render(textures, portrait.radius_m, camera)


def test_a_surface_far_out_comes_to_lie_along_a_sheet(geometry: SheetGeometry) -> None:
    beside = beside_face(SIZE, CHART_HALF_EXTENT)
    before = painting(geometry, 0.03 * beside)
    after = following_surface(before)
    offsets = geometry.offsets_m
    moved = after.displacement_m / resampled(geometry.spread, CONFIG.chart)
    outside = beside_face(CONFIG.chart, CHART_HALF_EXTENT) == 1
    assert (moved[outside] - 0.03).abs().median() < 0.005
    assert moved[CONFIG.chart // 2, CONFIG.chart // 2].abs() < 1e-6  # the face stays
    outer = after.opacity[offsets > 0.012]
    assert outer[:, beside == 1].mean() < 0.05 < before.opacity[offsets > 0.012][:, beside == 1].mean()
    for yaw_deg in (0.0, 30.0):  # the outline moves by less than sheets lie apart; moved but not looked up it is 0.17
        assert (drawn(after, yaw_deg)[..., 3] - drawn(before, yaw_deg)[..., 3]).abs().mean() < 0.05


def test_steps_of_a_surface_across_sheets_close(geometry: SheetGeometry) -> None:
    """Rings, each on a sheet of its own, with air between them: what parts like a comb."""
    level = torch.linspace(0.0, 0.05, SIZE)[:, None].expand(SIZE, SIZE)
    offsets = geometry.offsets_m
    on = (level >= offsets[:, None, None]) & torch.cat([level < offsets[1:, None, None], level[None] >= 1.0])
    before = painting(geometry, level)
    before.opacity[:] = torch.where(on, 0.98, 0.0)
    before.opacity[offsets < 0.0] = 0.98
    after = following_surface(before)
    outer = after.opacity[offsets > 0.02]
    assert outer.mean() < 0.3 * before.opacity[offsets > 0.02].mean()


def test_the_innermost_sheet_stays_outside_the_centre(geometry: SheetGeometry) -> None:
    before = painting(geometry, torch.full((SIZE, SIZE), -10.0))
    before.opacity[0] = 1.0
    after = following_surface(before)
    inner = after.radius_m + geometry.offsets_m[0] * geometry.spread
    assert inner.min() > 0.01


def test_the_same_layout_has_the_same_offsets() -> None:
    offsets, layout = torch.linspace(-0.03, 0.06, 5), (torch.rand(16, 16) + 0.1, torch.rand(16, 16) + 0.5)
    for size in (16, 32):
        same = offset_before(layout, layout, offsets, size)
        torch.testing.assert_close(same, offsets[:, None, None].expand(5, size, size))


def test_sheets_are_found_among_those_of_another_layout_and_back() -> None:
    random = partial(torch.rand, generator=torch.Generator().manual_seed(1))
    offsets = torch.linspace(-0.03, 0.06, 5)
    now, before = ((random(16, 16) + 0.1, random(16, 16) + 0.5) for _ in range(2))
    found = offset_before(now, before, offsets, 16)
    torch.testing.assert_close(before[0] + found * before[1], now[0] + offsets[:, None, None] * now[1])
    one, other = ((torch.full((16, 16), r), torch.full((16, 16), s)) for r, s in ((0.1, 1.0), (0.13, 2.5)))
    there = offset_before(one, other, offsets, 32)[:, 7, 9]
    torch.testing.assert_close(offset_before(other, one, there, 32)[:, 7, 9], offsets)
    assert (there - offsets).abs().max() > 0.01
