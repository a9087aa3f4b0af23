"""The neck: a column as wide as the silhouette, opaque from beside, in the neck's colours; nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from neck_scene import BLUE, HEAD_M, NECK_M, PERSON, PX, RED, WIDE, camera, rows
from test_surface_following import SIZE, about_ball, painting

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.manifolds import Manifolds
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, texel_directions
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.networks.resampling import resampled
from portrait_manifolds.backend.photo.masks import eroded, greatest_around
from portrait_manifolds.backend.shape.back_of_head import with_nape
from portrait_manifolds.backend.shape.neck import (
    EAR_M,
    ENDING_M,
    OFFSET_M,
    TABS_M,
    UNDER_HAIR_M,
    with_neck,
    without_tabs,
)
from portrait_manifolds.backend.shape.neck_column import (
    BACK_M,
    FRONT_M,
    LOWEST_M,
    ROWS_M,
    WIDEST_M,
    Silhouette,
    at_heights,
    column_radius,
    outline_radius,
    without_walls,
)
from portrait_manifolds.backend.shape.surface_following import looked_up, offset_before, sheet_level
from portrait_manifolds.backend.texture.neck_colours import neck_colours

NO_EARS = torch.zeros(128, 128)


@pytest.fixture(scope="module")
def necked() -> tuple[PaintedSheets, PaintedSheets]:
    """Before and after: a green head with nothing under it, a red neck before a blue wall."""
    before = painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE))
    head = torch.tensor(chart_angles_deg(SIZE, CHART_HALF_EXTENT)[1] > -40.0)
    before = replace(before, opacity=before.opacity * head, matte=PERSON)
    picture = torch.where(PERSON > 0.5, torch.tensor(RED)[:, None, None], torch.tensor(BLUE)[:, None, None])
    picture = torch.cat([picture, PERSON[None]])
    silhouette = Silhouette.of(PERSON.numpy(), camera())
    after, _ = with_neck(before, silhouette, NO_EARS)
    after.painted[0] = neck_colours(after, silhouette, camera(), picture, SIZE)
    return before, after


def drawn(portrait: PaintedSheets, yaw_deg: float) -> torch.Tensor:
    textures = torch.cat([portrait.painted, portrait.opacity[:, None]], 1).permute(0, 2, 3, 1).contiguous()
    return portrait.geometry.render(textures, portrait.radius_m, camera(yaw_deg))


def napes(portrait: PaintedSheets, silhouette: Silhouette) -> torch.Tensor:
    """The column [128, 128] that goes over into the head."""
    return with_nape(portrait.geometry, portrait.radius_m, column_radius(silhouette, 128, CHART_HALF_EXTENT), 0.0)


def ends_at(silhouette: Silhouette, *heights_m: float) -> np.ndarray:
    """Both ends at heights, [2, N]."""
    return at_heights(silhouette.ends_m, torch.tensor(heights_m, dtype=torch.float64)).numpy().T


def test_the_silhouettes_ends_are_measured_at_the_neck() -> None:
    silhouette = Silhouette.of(PERSON.numpy(), camera())
    left, right = ends_at(silhouette, 0.0, -0.13)
    pixel_m = 2.0 * 1.2 * np.tan(np.radians(12.0)) / PX
    np.testing.assert_allclose(right, (HEAD_M, NECK_M), atol=1.5 * pixel_m)
    np.testing.assert_allclose(left, -right, atol=1.5 * pixel_m)
    left, right = ends_at(silhouette, -0.25)
    assert right[0] > 0.15 and left[0] < -0.15


def test_a_wall_that_the_matte_takes_for_the_person_is_no_neck() -> None:
    """The segmentation is coarse: hair a little beside it stays."""
    true, within = PERSON.numpy(), rows(-0.07, -0.16)
    wall, hair = true.copy(), true.copy()
    wall[within, PX // 2 :] = 1.0
    edge = int(true[within.start].nonzero()[0].max())
    hair[within, edge + 1 : edge + 3] = 1.0
    ends = [Silhouette.of(without_walls(matte, true), camera()).ends_m for matte in (true, hair, wall)]
    assert abs(ends[2] - ends[0]).max() < 0.015 < abs(Silhouette.of(wall, camera()).ends_m - ends[0]).max()
    assert (ends[1] - ends[0]).max() > 0.003


def test_behind_its_sides_a_head_is_held_within_the_outline_with_ears() -> None:
    """Not within the narrower ends of what is without them."""
    ears_m = 0.02
    before = replace(painting(about_ball(0.14), torch.zeros(SIZE, SIZE)), matte=PERSON)
    seen = Silhouette.of(PERSON.numpy(), camera())
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(128, CHART_HALF_EXTENT))
    sides = (azimuth_deg > 104.0) & (azimuth_deg < 109.0) & (elevation_deg > 2.0) & (elevation_deg < 20.0)
    beside_m = []
    for silhouette in (seen, replace(seen, outline_m=seen.outline_m + np.array((-ears_m, ears_m)))):
        after, _ = with_neck(before, silhouette, NO_EARS)
        points = after.radius_m[..., None] * texel_directions(128, CHART_HALF_EXTENT)
        outline_m = outline_radius(silhouette, 128, before.geometry.half_extent, "cpu")[sides]
        assert float((after.radius_m[sides] - outline_m).max()) < 0.0
        beside_m.append(float(points[sides][:, 0].abs().median()))
    assert beside_m[0] < HEAD_M and beside_m[1] - beside_m[0] > 0.4 * ears_m


@pytest.mark.parametrize("yaw_deg", [0.0, 30.0])
def test_the_column_is_as_wide_as_the_silhouette_and_as_deep_as_a_neck(yaw_deg: float) -> None:
    silhouette = Silhouette.of(PERSON.numpy(), camera(yaw_deg))
    points = (
        column_radius(silhouette, 128, CHART_HALF_EXTENT).numpy()[..., None]
        * texel_directions(128, CHART_HALF_EXTENT).numpy()
    )
    for height_m in (-0.11, -0.13, -0.15):
        neck = points[np.abs(points[..., 1] - height_m) < 0.005]
        front_m, back_m = (np.interp(height_m, ROWS_M[::-1], ends[::-1]) for ends in (FRONT_M, BACK_M))
        assert abs(neck @ silhouette.right).max() == pytest.approx(NECK_M, abs=0.008)
        assert (neck @ silhouette.forward).max() == pytest.approx(front_m, abs=0.006)
        assert (neck @ silhouette.forward).min() == pytest.approx(back_m, abs=0.012)
    assert points[..., 1].min() == pytest.approx(LOWEST_M, abs=0.003)
    assert points[chart_angles_deg(128, CHART_HALF_EXTENT)[1] > 87.0, 1].min() > 0.15  # no end above


def test_a_wide_silhouette_is_a_neck_no_wider_than_necks_or_hair_around_it() -> None:
    bare, hung = (Silhouette.of(matte.numpy(), camera()) for matte in (PERSON, WIDE))
    assert bare.hair() == 0.0 and hung.hair() == 1.0
    neck, hair = (column_radius(hung, 128, CHART_HALF_EXTENT, hair=hair).numpy()[..., None] for hair in (False, True))
    beside = np.abs(neck * texel_directions(128, CHART_HALF_EXTENT).numpy() + (0.0, 0.10, 0.0))[..., 1] < 0.005
    across = (neck * texel_directions(128, CHART_HALF_EXTENT).numpy())[beside][:, 0]
    assert across.max() == pytest.approx(np.interp(-0.10, ROWS_M[::-1], WIDEST_M[::-1]), abs=0.006)
    hanging = hair * texel_directions(128, CHART_HALF_EXTENT).numpy()
    level = np.abs(hanging[..., 1] + 0.05) < 0.005
    assert hanging[level][:, 0].max() == pytest.approx(0.14, abs=0.01) and hanging[level][:, 2].min() < -0.10


def test_a_neck_is_seen_from_beside_in_its_own_colours(
    necked: tuple[PaintedSheets, PaintedSheets],
) -> None:
    before, after = necked
    neck = (rows(-0.11, -0.14), slice(PX // 2 - 1, PX // 2 + 2))
    for yaw_deg in (-70.0, -60.0, 60.0, 70.0):
        assert float(drawn(before, yaw_deg)[neck][..., 3].max()) < 0.05
        seen = drawn(after, yaw_deg)[neck]
        assert float(seen[..., 3].min()) > 0.95
        assert float(seen[..., 0].min()) > 0.35 and float(seen[..., 1:3].max()) < 0.1


def test_what_lies_above_the_jaw_stays(necked: tuple[PaintedSheets, PaintedSheets]) -> None:
    before, after = necked
    for yaw_deg in (0.0, 40.0):
        one, other = (drawn(portrait, yaw_deg)[rows(0.2, 0.0)] for portrait in (before, after))
        assert float((one[..., :4] - other[..., :4]).abs().mean()) < 2e-3
    azimuth_deg, elevation_deg = chart_angles_deg(after.opacity.shape[-1], CHART_HALF_EXTENT)
    for lowest_deg, farthest_deg in ((-15.0, 84.0), (-4.0, 120.0)):  # behind the ears the head ends above the neck
        high = torch.tensor((elevation_deg > lowest_deg) & (azimuth_deg < farthest_deg))
        assert float((after.opacity - before.opacity)[1:, high].abs().max()) < 0.01


def test_the_sheets_are_a_portraits(necked: tuple[PaintedSheets, PaintedSheets]) -> None:
    before, after = necked
    geometry = after.geometry
    manifolds = Manifolds(
        geometry.radius_m.numpy(),
        geometry.spread.numpy(),
        after.displacement_m.numpy(),
        geometry.offsets_m.numpy(),
        CHART_HALF_EXTENT,
    )
    assert manifolds.sheets == before.geometry.offsets_m.numel()
    assert float(geometry.offsets_m[0]) == pytest.approx(OFFSET_M)
    np.testing.assert_allclose(manifolds.total_radius_m(), after.radius_m.numpy(), atol=1e-6)
    assert before.geometry is not geometry and float(before.geometry.offsets_m[0]) > OFFSET_M  # as it was


def test_what_is_known_of_heights_is_interpolated() -> None:
    height_m = np.array([[0.5, 0.12, 0.0213], [-0.1377, -0.4, -0.9]])
    found = at_heights(np.stack([BACK_M, ROWS_M], 1), torch.from_numpy(height_m)).numpy()
    np.testing.assert_allclose(found[..., 0], np.interp(height_m, ROWS_M[::-1], BACK_M[::-1]), atol=1e-4)
    np.testing.assert_allclose(found[..., 1], np.clip(height_m, ROWS_M[-1], ROWS_M[0]), atol=1e-5)


def test_the_innermost_sheet_is_opaque_before_the_head_ends(
    necked: tuple[PaintedSheets, PaintedSheets],
) -> None:
    """Between the two a slit would be half seen through."""
    *_, after = necked
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    low = (elevation_deg < -26.0) & (azimuth_deg > 50.0)
    assert low.any() and float(after.opacity[0, low].min()) == 1.0


def test_the_other_sheets_hold_in_every_row_what_was_where_they_lie(
    necked: tuple[PaintedSheets, PaintedSheets],
) -> None:
    before, after = necked
    now, was = ((portrait.radius_m, portrait.geometry.spread) for portrait in (after, before))
    level = sheet_level(offset_before(now, was, after.geometry.offsets_m, SIZE), before.geometry.offsets_m)
    azimuth_deg, _ = chart_angles_deg(SIZE, CHART_HALF_EXTENT)
    before_ears = torch.tensor(azimuth_deg < 60.0)  # behind them the head ends above the neck
    for name, where in (("opacity", before_ears), ("confidence", torch.ones_like(before_ears))):
        held = looked_up(getattr(before, name)[:, None], level)[1:, 0]
        torch.testing.assert_close(getattr(after, name)[1:, where], held[..., where], atol=1e-4, rtol=0.0)


def test_behind_the_ears_the_head_narrows_down_to_the_neck(
    necked: tuple[PaintedSheets, PaintedSheets],
) -> None:
    before, after = necked
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    column = resampled(napes(before, Silhouette.of(PERSON.numpy(), camera())), SIZE)
    beyond = after.geometry.points(after.displacement_m[None], SIZE).norm(dim=-1)[0] - column  # [S, T, T]
    seen = after.opacity > 0.5
    for least_deg, most_deg, most_m in ((-90.0, -36.0, 0.001), (-28.0, -26.0, 0.020), (-20.0, -18.0, 0.032)):
        behind = (azimuth_deg > 106.0) & (elevation_deg > least_deg) & (elevation_deg < most_deg)
        assert before.opacity[:, behind].any() or most_deg < -35.0
        assert float(beyond[1:, behind][seen[1:, behind]].amax() if seen[1:, behind].any() else 0.0) < most_m
    assert seen[1:, (azimuth_deg > 106.0) & (elevation_deg > -20.0) & (elevation_deg < -12.0)].any()
    before_ears = azimuth_deg < 60.0
    assert float(beyond[:, before_ears][seen[:, before_ears]].amax()) > 0.02


def test_the_back_of_a_head_goes_down_to_the_neck_and_no_farther() -> None:
    head_m = 0.14
    before = replace(painting(about_ball(head_m), torch.zeros(SIZE, SIZE)), matte=PERSON)
    silhouette = Silhouette.of(PERSON.numpy(), camera())
    after, farthest_m = with_neck(before, silhouette, NO_EARS)
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(128, CHART_HALF_EXTENT))
    behind = (azimuth_deg > 109.0) & (azimuth_deg < 115.0) & (elevation_deg > -15.0) & (elevation_deg < -5.0)
    assert behind.any() and float(after.radius_m[behind].max()) < head_m - 0.02
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    nape = (azimuth_deg > 109.0) & (azimuth_deg < 115.0) & (elevation_deg > -25.0) & (elevation_deg < -23.0)
    beyond_m = (farthest_m - resampled(napes(before, silhouette), SIZE))[nape]
    assert EAR_M < float(beyond_m.median()) < EAR_M + 0.005


def test_sheets_end_a_texel_before_they_go_farther_out() -> None:
    before = replace(painting(about_ball(0.14), torch.zeros(SIZE, SIZE)), matte=PERSON)
    before = replace(before, opacity=torch.ones_like(before.opacity))
    after, farthest_m = with_neck(before, Silhouette.of(PERSON.numpy(), camera()), NO_EARS)
    beyond_m = after.geometry.points(after.displacement_m[None], SIZE).norm(dim=-1)[0] - farthest_m
    beside = greatest_around((beyond_m > ENDING_M).float(), 1)[1:] > 0.0
    azimuth_deg = torch.tensor(chart_angles_deg(SIZE, CHART_HALF_EXTENT)[0])
    behind, before_ears = beside & (azimuth_deg > 102.0), beside & (azimuth_deg < 90.0)
    assert behind.any() and float(after.opacity[1:][behind].max()) == 0.0
    assert float(after.opacity[1:][before_ears].max()) == 1.0


def test_hair_beside_the_neck_stays_and_behind_it_ends_around_it() -> None:
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    low = (elevation_deg > -38.0) & (elevation_deg < -28.0)
    for matte, stays in ((PERSON, False), (WIDE, True)):
        before = replace(painting(about_ball(0.14), torch.zeros(SIZE, SIZE)), matte=matte[None, None])
        before = replace(before, opacity=torch.ones_like(before.opacity))
        silhouette = Silhouette.of(matte.numpy(), camera())
        after, farthest_m = with_neck(before, silhouette, NO_EARS)
        beside = after.opacity[1:, low & (azimuth_deg > 70.0) & (azimuth_deg < 84.0)]
        assert bool((beside > 0.99).all()) is stays
        under_the_head = low & (azimuth_deg > 100.0) & (elevation_deg < -34.0)
        column_m = resampled(napes(before, silhouette), SIZE)
        behind_neck_m = (farthest_m - column_m)[under_the_head]
        assert bool((behind_neck_m.abs() < 0.005).all()) is not stays
        ends_m = column_radius(silhouette, SIZE, CHART_HALF_EXTENT, hair=True) if stays else column_m + EAR_M
        beyond = after.geometry.points(after.displacement_m[None], SIZE).norm(dim=-1)[0, 1:] - ends_m
        assert float(after.opacity[1:][(beyond > 0.006) & low & (azimuth_deg > 104.0)].max()) == 0.0


def test_hair_that_hangs_down_goes_on_behind_the_neck() -> None:
    """The innermost sheet is as far behind as hair is, and before the ears the neck's as ever."""
    azimuth_deg = torch.tensor(chart_angles_deg(SIZE, CHART_HALF_EXTENT)[0])
    behind_m, before_m = [], []
    for matte in (PERSON, WIDE):
        before = replace(painting(about_ball(0.14), torch.zeros(SIZE, SIZE)), matte=matte[None, None])
        after, _ = with_neck(before, Silhouette.of(matte.numpy(), camera()), NO_EARS)
        points = after.geometry.points(after.displacement_m[None], SIZE, after.geometry.offsets_m[:1])[0, 0]
        level = (points[..., 1] < -0.09) & (points[..., 1] > -0.13)
        behind_m.append(float(points[level & (azimuth_deg > 100.0)][:, 2].min()))
        before_m.append(float(points[level & (azimuth_deg < 60.0)][:, 2].max()))
    assert behind_m[0] > -0.075 and behind_m[1] < -0.085
    hanging = column_radius(Silhouette.of(WIDE.numpy(), camera()), SIZE, CHART_HALF_EXTENT, hair=True)
    under = (hanging - points.norm(dim=-1))[level & (azimuth_deg > 100.0)]
    assert float(under.median()) == pytest.approx(UNDER_HAIR_M, abs=0.003)
    assert before_m[0] == pytest.approx(before_m[1], abs=0.006)


def test_heads_go_on_to_ears_that_stand_off_them() -> None:
    ear_m = 0.12
    before = replace(painting(about_ball(ear_m), torch.zeros(SIZE, SIZE)), matte=PERSON)
    before = replace(before, opacity=torch.ones_like(before.opacity))
    silhouette, inside = Silhouette.of(PERSON.numpy(), camera()), eroded(on_ears(SIZE), 2)
    for ears, least, most in ((on_ears(128).float(), 0.95, 1.0), (NO_EARS, 0.0, 0.0)):
        after, _ = with_neck(before, silhouette, ears)
        distance_m = after.geometry.points(after.displacement_m[None], SIZE).norm(dim=-1)[0]
        ear = after.opacity[inside & (distance_m > 0.105) & (distance_m < ear_m)]
        assert least <= float(ear.min()) and float(ear.max()) <= most
        assert float(after.opacity[inside & (distance_m > ear_m + EAR_M + ENDING_M)].max()) == 0.0


def on_ears(size: int) -> torch.Tensor:
    """Where lobes hang, [size, size] bool."""
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(size, CHART_HALF_EXTENT))
    return (azimuth_deg > 90.0) & (azimuth_deg < 104.0) & (elevation_deg > -44.0) & (elevation_deg < -32.0)


def test_tabs_behind_lobes_and_on_ears_go_and_nothing_else(
    necked: tuple[PaintedSheets, PaintedSheets],
) -> None:
    _, portrait = necked
    geometry = portrait.geometry
    opacity, farthest_m = torch.ones(len(geometry.offsets_m), SIZE, SIZE), torch.full((SIZE, SIZE), 0.06)
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    ears = torch.tensor(chart_angles_deg(128, CHART_HALF_EXTENT)[0] < 60.0).float()
    left = without_tabs(geometry, portrait.radius_m, opacity, ears, farthest_m)
    distance_m = geometry.points(portrait.displacement_m[None], SIZE).norm(dim=-1)[0]
    low = (elevation_deg > -46.0) & (elevation_deg < -16.0)
    behind, ear = (azimuth_deg > 84.0) & low, (azimuth_deg < 58.0) & (elevation_deg < -18.0)
    tabs = (distance_m > 0.068) & (distance_m < 0.06 + TABS_M)
    tabs[0] = False  # the neck
    for there in (behind, ear):
        assert float(left[there & tabs].max()) == 0.0 < float((there & tabs).sum())
    shoulders = distance_m > 0.06 + TABS_M
    assert (behind & shoulders).any()
    elsewhere = ~(((azimuth_deg > 84.0) & low) | (azimuth_deg < 62.0))
    assert float(left[elsewhere | shoulders | (distance_m < 0.06)].min()) == 1.0 == float(left[0].min())
