"""Depth given back along the photograph's rays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_surface_following import CONFIG, about_ball, painting

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.manifolds import chart_to_direction, map_grid
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, low_down
from portrait_manifolds.backend.networks.mean_sheets import MeanSheets
from portrait_manifolds.backend.shape.relief import EYES_M, RELIEF, with_relief

RADIUS_M = 0.11


@pytest.mark.parametrize("yaw_deg", [0.0, 40.0])
def test_what_is_nearer_than_the_eyes_comes_nearer_and_sides_stay(yaw_deg: float) -> None:
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=64, height_px=64).orbited(yaw_deg)
    before = painting(about_ball(RADIUS_M), torch.zeros(4 * CONFIG.chart, 4 * CONFIG.chart))
    after = with_relief(before, camera)
    moved_m = after.displacement_m.numpy()
    directions, (_, elevation_deg) = (
        chart_to_direction(map_grid(CONFIG.chart)),
        chart_angles_deg(CONFIG.chart, CHART_HALF_EXTENT),
    )
    towards = directions @ (camera.position_m / np.linalg.norm(camera.position_m))  # 1 in the middle of the picture
    high = low_down(CONFIG.chart, CHART_HALF_EXTENT).numpy() == 0
    assert moved_m[high & (towards > 0.98)].mean() == pytest.approx(RELIEF * (RADIUS_M - EYES_M), rel=0.15)
    outline = high & (np.abs(towards - RADIUS_M / 1.4) < 0.03)  # where a ray grazes the ball
    assert np.abs(moved_m[outline]).max() < 5e-4
    cheeks = high & (towards > 0.4) & (towards < EYES_M / RADIUS_M - 0.1)
    assert moved_m[cheeks].max() < 0.0
    assert (moved_m[elevation_deg < -56.0] == 0.0).all()
    assert torch.equal(after.radius_m, before.geometry.total_radius(after.displacement_m))


def test_no_sheet_comes_to_the_heads_centre() -> None:
    geometry = MeanSheets(CONFIG.sheets).sheets()
    before = painting(geometry, torch.zeros(4 * CONFIG.chart, 4 * CONFIG.chart))
    least = geometry.smallest_radius(CONFIG.chart)
    small = least - geometry.mean_radius(CONFIG.chart)
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=64, height_px=64)
    after = with_relief(replace(before, displacement_m=small), camera)
    total = geometry.mean_radius(CONFIG.chart) + after.displacement_m
    assert (total >= least - 1e-7).all() and (total > least + 1e-4).any()
