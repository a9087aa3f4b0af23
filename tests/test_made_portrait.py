"""The made portrait is what its docstring says, and its ray tracer finds its surfaces."""

import numpy as np
import pytest
from made_portrait_truth import entries_m, field, trace

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, srgb_to_linear
from portrait_manifolds.backend.made.made_portrait import (
    PICTURE_WIDTH_M,
    displacement_m,
    made_camera,
    made_offsets_m,
    made_portrait,
    paint,
    painted_sheets,
    radius_m,
    spread,
)
from portrait_manifolds.backend.manifolds import chart_to_direction
from portrait_manifolds.backend.portrait import Portrait


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return made_portrait(512)


def test_camera_shows_the_picture_it_promises() -> None:
    camera = made_camera()
    pixels, depth = camera.project(np.array([[-0.5 * PICTURE_WIDTH_M, 0.0, 0.0], [0.0, 0.5 * PICTURE_WIDTH_M, 0.0]]))
    np.testing.assert_allclose(pixels, [[0.0, 256.0], [256.0, 0.0]], atol=1e-9)
    np.testing.assert_allclose(depth, 1.2)


@pytest.mark.parametrize("sheets", [1, 2, 7, 24, 64])
def test_any_number_of_sheets_has_one_skin(sheets: int) -> None:
    offsets = made_offsets_m(sheets)
    assert offsets.shape == (sheets,) and (np.diff(offsets) > 0).all() and (offsets == 0.0).sum() == 1
    made = made_portrait(32, sheets)
    assert made.manifolds.sheets == sheets
    painted = np.flatnonzero(made.textures[..., 3].any(axis=(1, 2)))
    assert set(painted) <= set(painted_sheets(offsets)) and int(np.flatnonzero(offsets == 0.0)[0]) in painted


def test_maps_are_the_analytic_surfaces(portrait: Portrait) -> None:
    """The sampled maps differ from the functions by their bilinear error only: below a quarter of a millimetre."""
    uv = np.random.default_rng(0).uniform(-1.4, 1.4, (20000, 2))
    directions = chart_to_direction(uv)
    offsets = made_offsets_m(24)
    for sheet in (0, int(np.flatnonzero(offsets == 0.0)[0]), 12, 23):
        exact = radius_m(directions) + displacement_m(directions) + offsets[sheet] * spread(directions)
        sampled = np.linalg.norm(portrait.manifolds.points(sheet, uv), axis=-1)
        face = directions[:, 2] > 0.4
        assert np.abs(sampled - exact).max() < 1e-3 and np.abs(sampled - exact)[face].max() < 2.5e-4


def test_surfaces_are_gently_sloped() -> None:
    """No painted sheet has a log-slope over 1.5 (its meaning: manifolds.py), measured on the sphere."""
    uv = np.random.default_rng(1).uniform(-1.4, 1.4, (20000, 2))
    directions = chart_to_direction(uv)
    offsets = made_offsets_m(24)

    def sheet_m(points: np.ndarray, offset: float) -> np.ndarray:
        d = points / np.linalg.norm(points, axis=-1, keepdims=True)
        return radius_m(d) + displacement_m(d) + offset * spread(d)

    for offset in offsets[painted_sheets(offsets)]:
        gradient = np.stack(
            [
                sheet_m(directions + 1e-5 * axis, offset) - sheet_m(directions - 1e-5 * axis, offset)
                for axis in np.eye(3)
            ],
            axis=-1,
        )
        slope = np.linalg.norm(gradient / 2e-5, axis=-1) / sheet_m(directions, offset)
        assert slope.max() < 1.5


def test_textures_hold_the_paint(portrait: Portrait) -> None:
    """The centre of texel (x, y) has the paint of its direction, and the chart's border is empty."""
    texel = 2.0 * CHART_HALF_EXTENT / 512
    offsets = made_offsets_m(24)
    skin = int(np.flatnonzero(offsets == 0.0)[0])
    for x, y in ((256, 256), (300, 210), (207, 245)):
        uv = np.array([(x + 0.5) * texel - 256 * texel, 256 * texel - (y + 0.5) * texel])
        expected = 255.0 * paint(offsets, skin, chart_to_direction(uv))
        np.testing.assert_allclose(portrait.textures[skin, y, x], expected, atol=0.51)
    alpha = portrait.textures[..., 3]
    assert not (alpha[:, 0].any() or alpha[:, -1].any() or alpha[:, :, 0].any() or alpha[:, :, -1].any())


@pytest.mark.parametrize(
    "camera", [made_camera(), made_camera().orbited(-40, 20), look_at((0.5, 0.1, 0.5), fov_deg=40)]
)
def test_entries_lie_on_their_sheets_in_order(camera: Camera) -> None:
    camera = camera.resized(24, 24)
    entries = entries_m(camera)  # innermost sheet first
    offsets = made_offsets_m(24)[painted_sheets(made_offsets_m(24))]
    origin, directions = camera.rays()
    directions = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    hit = np.isfinite(entries)
    points = origin + np.where(hit, entries, 0.0)[..., None] * directions
    error = np.abs(field(points) - offsets[:, None, None])
    assert hit[0].any() and error[hit].max() < 1e-7
    outer_first = entries[1:] <= entries[:-1]
    assert outer_first[hit[:-1]].all(), "a ray entered a sheet without the one around it"


def test_trace_agrees_with_a_direct_look_at_the_skin() -> None:
    """Where no hair or clothes are, a pixel is the skin's paint at the point its depth says."""
    camera = made_camera().resized(64, 64)
    rgba, depth = trace(camera)
    assert np.isinf(depth[0, 0]) and rgba[0, 0, 3] == 0.0
    origin, directions = camera.rays()
    offsets = made_offsets_m(24)
    skin = int(np.flatnonzero(offsets == 0.0)[0])
    for row, column in ((32, 32), (42, 28), (36, 38)):
        point = origin + depth[row, column] * directions[row, column]
        assert abs(field(point)) < 1e-6
        expected = paint(offsets, skin, point / np.linalg.norm(point))
        np.testing.assert_allclose(rgba[row, column], expected, atol=1e-6)


def test_features_are_where_they_are_painted() -> None:
    """Dark pupils 64 mm apart, red lips below, brown hair above: the picture is the right way round and up."""
    camera = made_camera()
    crop = camera.resized(128, 128)
    rgba, depth = trace(crop)
    eye = np.array([[-0.032, 0.0088, 0.085], [0.032, 0.0088, 0.085]])
    pixels, _ = crop.project(eye)
    for column, row in pixels:
        assert srgb_to_linear(rgba[int(row) - 1 : int(row) + 2, int(column) - 1 : int(column) + 2, :3]).min() < 0.02
    column, row = crop.project(np.array([[0.0, -0.068, 0.1]]))[0][0]
    red, green, _, _ = rgba[int(row), int(column)]
    assert red > green + 0.2
    column, row = crop.project(np.array([[0.0, 0.105, 0.05]]))[0][0]
    assert rgba[int(row), int(column), :3].max() < 0.6 and rgba[int(row), int(column), 3] > 0.98
    assert 1.05 < depth[64, 64] < 1.15
