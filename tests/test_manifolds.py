"""The field, its chart, and how often a ray meets a sheet."""

import numpy as np
import pytest
from conftest import bumpy_manifolds
from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.manifolds import (
    Manifolds,
    chart_to_direction,
    default_offsets_m,
    direction_to_chart,
    map_grid,
    resample_map,
    sample_map,
)
from portrait_manifolds.backend.portrait import Portrait

coordinates = st.floats(-CHART_HALF_EXTENT, CHART_HALF_EXTENT)


@given(coordinates, coordinates)
def test_the_chart_is_equal_area_and_inverts(u: float, v: float) -> None:
    if u * u + v * v > 3.6:  # next to the antipode, beyond any sheet that is seen
        return
    uv = np.array([u, v])
    direction = chart_to_direction(uv)
    assert np.linalg.norm(direction) == pytest.approx(1)
    assert direction_to_chart(direction) == pytest.approx(uv, abs=1e-9)
    step = 1e-5
    along = [(chart_to_direction(uv + d) - chart_to_direction(uv - d)) / (2 * step) for d in step * np.eye(2)]
    assert np.linalg.norm(np.cross(*along)) == pytest.approx(1, rel=1e-5)


def test_the_chart_reaches_110_degrees() -> None:
    direction = chart_to_direction(np.array([CHART_HALF_EXTENT, 0.0]))
    assert np.degrees(np.arccos(direction[2])) == pytest.approx(110)


def test_maps_have_texel_centres_at_half_integers() -> None:
    grid = map_grid(8)
    assert grid[0, 0] == pytest.approx([-CHART_HALF_EXTENT * 7 / 8, CHART_HALF_EXTENT * 7 / 8])  # top left: v > 0
    values = np.arange(64.0).reshape(8, 8)
    assert sample_map(values, grid, CHART_HALF_EXTENT) == pytest.approx(values)
    assert resample_map(values, 16)[8, 8] == pytest.approx(sample_map(values, map_grid(16)[8, 8], CHART_HALF_EXTENT))


def test_offsets_ascend_around_the_skin() -> None:
    for sheets in (1, 2, 24, 64):
        offsets = default_offsets_m(sheets)
        assert len(offsets) == sheets
        assert (np.diff(offsets) > 0).all()
    spacing = np.diff(default_offsets_m(24))
    assert spacing.argmin() in (8, 9, 10)  # densest next to offset 0


def entries(manifolds: Manifolds, sheet: int, origin: np.ndarray, ray: np.ndarray) -> tuple[int, float]:
    """How often a densely sampled ray falls through a sheet, and tan(psi) at the first time."""
    t = np.linspace(0, 2 * np.linalg.norm(origin), 6001)[1:, None]
    points = origin + t * ray
    distance = np.linalg.norm(points, axis=1)
    uv = direction_to_chart(points / distance[:, None])
    maps = (manifolds.total_radius_m(), manifolds.spread)
    middle, spread = (sample_map(values, uv, CHART_HALF_EXTENT) for values in maps)
    radius = middle + manifolds.offsets_m[sheet] * spread
    inside = distance < radius
    falls = np.flatnonzero(inside[1:] & ~inside[:-1])
    falls = falls[(np.abs(uv[falls]) < CHART_HALF_EXTENT).all(1)]  # beyond the chart there is no sheet
    if not len(falls):
        return 0, np.inf
    inward = -points[falls[0]] / distance[falls[0]]
    cosine = inward @ ray / np.linalg.norm(ray)
    return len(falls), float(np.sqrt(max(1 - cosine**2, 0)) / cosine) if cosine > 0 else np.inf


def log_slope(manifolds: Manifolds) -> float:
    """The largest |grad radius| / radius of all sheets in the chart, radians per radian."""
    size = manifolds.radius_m.shape[0]
    grid = map_grid(size, manifolds.half_extent)
    distance = np.linalg.norm(grid, axis=-1)  # 2 sin(theta / 2)
    u, v = np.moveaxis(grid / np.maximum(distance, 1e-9)[..., None], -1, 0)
    cosine = np.sqrt(np.maximum(1.0 - 0.25 * distance**2, 0.03))  # of theta / 2; up to 160 degrees
    slope = 0.0
    for offset in (manifolds.offsets_m[0], manifolds.offsets_m[-1]):
        sheet = np.log(manifolds.total_radius_m() + offset * manifolds.spread)
        down, right = np.gradient(sheet, 2.0 * manifolds.half_extent / size)
        # The chart shrinks lengths away from +z by cos(theta / 2) and stretches them across by its inverse.
        away, across = (right * u - down * v) * cosine, (right * v + down * u) / cosine
        slope = max(slope, float(np.hypot(away, across)[distance < 1.97].max()))
    return slope


@given(st.floats(-45, 45), st.floats(-25, 25), st.floats(-0.3, 0.3), st.floats(-0.35, 0.3), st.integers(0, 23))
@settings(max_examples=60, deadline=None)
def test_within_the_stated_bound_a_ray_meets_a_sheet_at_most_once(
    small_head: Portrait, yaw: float, pitch: float, x: float, y: float, sheet: int
) -> None:
    manifolds = small_head.manifolds
    camera = look_at((0, 0, 1.2)).orbited(yaw, pitch)
    # Not through the origin itself, where there is no direction.
    ray = camera.camera_to_world[:3, :3] @ np.array([(x + 1e-4) / 1.2, y / 1.2, -1.0])
    count, tangent = entries(manifolds, sheet, camera.position_m, ray)
    if count and tangent < 1.0 / log_slope(manifolds):
        assert count == 1


def test_beyond_the_bound_a_ray_may_enter_twice() -> None:
    """The bound is no tautology: a waist is entered again at a grazing angle."""
    good = bumpy_manifolds(size=64)
    v = map_grid(64)[..., 1]
    waist = Manifolds(0.1 + 0.1 * v**2, good.spread, good.displacement_m, good.offsets_m, CHART_HALF_EXTENT)
    down = np.array([0.0, -0.25, -1.0])
    # Not straight behind the head, where the chart's rim meets.
    counts = [entries(waist, 1, np.array([0.02, y, 1.0]), down)[0] for y in np.arange(0.2, 0.5, 0.004)]
    assert max(counts) == 2


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("radius_m", np.full((8, 8), np.nan), "finite"),
        ("radius_m", np.full((8, 6), 0.1), "square"),
        ("radius_m", np.full((12, 12), -1.0), "between"),
        ("spread", np.zeros((12, 12)), "positive"),
        ("spread", np.ones((6, 6)), "same"),
        ("offsets_m", np.array([0.0, 0.0]), "ascending"),
        ("offsets_m", np.arange(65) * 1e-3, "64"),
    ],
)
def test_bad_geometry_is_refused(field: str, value: np.ndarray, word: str) -> None:
    good = bumpy_manifolds()
    parts = {name: getattr(good, name) for name in ("radius_m", "spread", "displacement_m", "offsets_m")}
    with pytest.raises(InputError, match=word):
        Manifolds(**parts | {field: value}, half_extent=CHART_HALF_EXTENT)
