"""A painting over a wider chart: the same head where it was, carried on round the back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import tensors
from plyfile import PlyData
from scipy import ndimage
from test_surface_following import CONFIG, SIZE, drawn, painting

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, WIDE_HALF_EXTENT
from portrait_manifolds.backend.made.made_portrait import made_portrait
from portrait_manifolds.backend.manifolds import default_offsets_m, direction_to_chart, map_grid, sample_map
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.networks.mean_sheets import sheets_about
from portrait_manifolds.backend.outputs.ply import export_ply
from portrait_manifolds.backend.outputs.sheets import sheet_mesh
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.shape.wide_chart import over_wide_chart
from portrait_manifolds.backend.texture.backprojection import Matching, match_colours
from portrait_manifolds.cuda_ops.render_manifolds import Implementation, finish_picture, render_manifolds

BALL_M = 0.1


def ball(half_extent: float) -> Portrait:
    """An opaque sphere over a chart."""
    portrait = made_portrait(texture_size=64, sheets=1)
    radius, displacement = np.full((128, 128), BALL_M), np.zeros((64, 64))
    manifolds = replace(
        portrait.manifolds,
        radius_m=radius,
        spread=np.ones_like(radius),
        displacement_m=displacement,
        half_extent=half_extent,
    )
    return replace(portrait, manifolds=manifolds, textures=np.full((1, 64, 64, 4), 255, np.uint8))


def from_the_side(yaw_deg: float = 0.0) -> Camera:
    return look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=128, height_px=128).orbited(yaw_deg)


def farthest_back_deg(alpha: np.ndarray, camera: Camera) -> float:
    """How far from the front the ball is seen, along the picture's middle row."""
    origin, directions = camera.rays()
    row = directions[64][alpha[64] > 0.5]
    row = row / np.linalg.norm(row, axis=-1, keepdims=True)
    along = -(row @ origin) - np.sqrt(np.maximum((row @ origin) ** 2 - origin @ origin + BALL_M**2, 0.0))
    return float(np.degrees(np.arccos(np.clip((origin + along[:, None] * row)[:, 2] / BALL_M, -1.0, 1.0))).max())


@pytest.mark.parametrize("implementation", ["native", "reference"])
@pytest.mark.parametrize(("half_extent", "reach_deg"), [(CHART_HALF_EXTENT, 110.0), (WIDE_HALF_EXTENT, 140.0)])
def test_a_sheet_ends_where_its_chart_does(
    half_extent: float, reach_deg: float, implementation: Implementation
) -> None:
    portrait, camera = ball(half_extent), from_the_side(90.0)
    drawn = render_manifolds(*tensors(portrait), camera, half_extent=half_extent, implementation=implementation)
    alpha = finish_picture(drawn)[0][..., 3].numpy()
    assert farthest_back_deg(alpha, camera) == pytest.approx(reach_deg, abs=2.0)
    np.testing.assert_allclose(portrait.render(camera)[0][..., 3], alpha, atol=0.02)


def test_meshes_go_as_far_as_the_chart() -> None:
    for half_extent, reach_deg in ((CHART_HALF_EXTENT, 110.0), (WIDE_HALF_EXTENT, 140.0)):
        vertices, _, _ = sheet_mesh(ball(half_extent), 0)
        level = vertices[(abs(vertices[:, 1]) < 1e-4) & (abs(vertices[:, 0]) > 0.01)]  # corners reach the antipode
        assert np.degrees(np.arccos(level[:, 2].min() / BALL_M)) == pytest.approx(reach_deg, abs=1.0)


def test_splats_go_as_far_as_the_chart(tmp_path: Path) -> None:
    export_ply(ball(WIDE_HALF_EXTENT), tmp_path / "ball.ply")
    vertices = PlyData.read(str(tmp_path / "ball.ply"))["vertex"]
    points = np.stack([vertices[axis] for axis in "xyz"], -1)
    level = points[(abs(points[:, 1]) < 0.004) & (abs(points[:, 0]) > 0.01)]
    assert np.degrees(np.arccos(level[:, 2].min() / BALL_M)) == pytest.approx(140.0, abs=5.0)


def test_colours_are_carried_to_where_the_chart_has_them() -> None:
    portrait, camera = ball(WIDE_HALF_EXTENT), from_the_side(60.0)
    wanted = np.full((128, 128, 3), 0.2)
    wanted[:, 70:] = 0.8
    matched = match_colours(portrait, camera, wanted, np.ones((128, 128)), Matching(3, "matching"))
    rgba, _ = matched.render(camera)
    inside = ndimage.binary_erosion(rgba[..., 3] > 0.99, iterations=4) & (np.abs(np.arange(128) - 70) > 5)
    np.testing.assert_allclose(rgba[inside][:, :3], wanted[inside], atol=0.05)


def test_a_head_stays_as_it_was_and_goes_on_behind_the_ears() -> None:
    grid, offsets_m = map_grid(128), default_offsets_m(CONFIG.sheets)
    geometry = sheets_about(0.1 + 0.01 * np.sin(3.0 * grid[..., 0]) * np.cos(2.0 * grid[..., 1]), offsets_m)
    before = painting(geometry, torch.zeros(SIZE, SIZE))
    bump = 0.004 * torch.exp(-((torch.arange(CONFIG.chart) - 0.5 * CONFIG.chart) ** 2) / 8.0)
    before = replace(before, displacement_m=bump[:, None] * bump / 0.004)
    before = replace(before, radius_m=geometry.total_radius(before.displacement_m))
    after = over_wide_chart(before)
    assert after.geometry.half_extent == WIDE_HALF_EXTENT and geometry.half_extent == CHART_HALF_EXTENT
    assert after.opacity.shape == before.opacity.shape and after.displacement_m.shape == before.displacement_m.shape

    torch.testing.assert_close(after.geometry.total_radius(after.displacement_m), after.radius_m)
    inside = grid[
        (np.abs(grid).max(-1) < CHART_HALF_EXTENT - 0.05) & (chart_angles_deg(128, CHART_HALF_EXTENT)[0] < 90.0)
    ]
    old, new = (
        sample_map(p.radius_m.numpy(), inside, extent)
        for p, extent in ((before, CHART_HALF_EXTENT), (after, WIDE_HALF_EXTENT))
    )
    assert np.abs(old - new).max() < 2e-4
    front, other = (drawn(portrait, 0.0) for portrait in (before, after))
    assert float((front[..., :4] - other[..., :4]).abs().mean()) < 2e-3
    side, other = (drawn(portrait, 60.0)[..., 3] for portrait in (before, after))
    assert float(other.sum()) > 1.03 * float(side.sum())  # what was cut behind the ear is there
    assert float((side - other).clamp_min(0.0).mean()) < 2e-3


def test_steps_behind_the_ears_are_smoothed_and_none_elsewhere() -> None:
    elevation_deg = chart_angles_deg(128, CHART_HALF_EXTENT)[1]
    geometry = sheets_about(np.where(elevation_deg > 10.0, 0.11, 0.09), default_offsets_m(CONFIG.sheets))
    after = over_wide_chart(painting(geometry, torch.zeros(SIZE, SIZE)))
    azimuth_deg, elevation_deg = chart_angles_deg(128, WIDE_HALF_EXTENT)

    def steepest(least_deg: float, most_deg: float) -> float:
        """Between neighbours in a column, in metres."""
        there = (azimuth_deg > least_deg) & (azimuth_deg < most_deg) & (np.abs(elevation_deg - 10.0) < 15.0)
        steps = np.abs(np.diff(after.radius_m.numpy(), axis=0))
        return float(steps[there[1:] & there[:-1]].max())

    assert steepest(0.0, 90.0) > 0.008 and steepest(118.0, 135.0) < 0.003


@pytest.mark.parametrize("implementation", ["native", "reference"])
@pytest.mark.parametrize(("yaw_deg", "away"), [(45.0, 1.8), (60.0, 1.5), (60.0, 1.8)])
def test_nothing_is_drawn_straight_behind_a_head(yaw_deg: float, away: float, implementation: Implementation) -> None:
    """There the chart's rim meets in one direction, which must not be taken for the chart's middle, the face."""
    head, size = ball(WIDE_HALF_EXTENT), 257
    face = np.linalg.norm(map_grid(len(head.manifolds.radius_m), WIDE_HALF_EXTENT), axis=-1) < 1.0
    manifolds = replace(head.manifolds, radius_m=np.where(face, 2.0 * BALL_M, BALL_M))
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=size, height_px=size).orbited(yaw_deg)
    (behind,), _ = camera.project(np.array([[0.0, 0.0, -away * BALL_M]]))
    focal_px = 2e4  # pixels of a twentieth of a millimetre; the middle one's ray passes straight behind
    cx_px, cy_px = 0.5 * size + focal_px / camera.fx_px * (np.array([camera.cx_px, camera.cy_px]) - behind)
    camera = replace(camera, fx_px=focal_px, fy_px=focal_px, cx_px=float(cx_px), cy_px=float(cy_px))
    maps = tensors(replace(head, manifolds=manifolds))
    drawn = render_manifolds(*maps, camera, half_extent=WIDE_HALF_EXTENT, implementation=implementation)
    assert float(drawn[..., 3].max()) == 0.0


def test_the_antipode_lies_on_the_rim_of_the_chart() -> None:
    beside = np.array([[1e-3, 0.0], [0.0, -1e-7], [1e-9, 1e-9]])
    directions = np.concatenate([beside, -np.sqrt(1.0 - (beside**2).sum(-1, keepdims=True))], -1)
    np.testing.assert_allclose(np.linalg.norm(direction_to_chart(directions), axis=-1), 2.0, atol=1e-6)
