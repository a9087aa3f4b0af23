"""Ears: heads go straight back to them, they stand off; hair and heads that are turned stay as they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_neck import NECK_M, PX, camera
from test_surface_following import SIZE, about_ball, painting

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, texel_directions
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.networks.resampling import resampled
from portrait_manifolds.backend.shape.ears import (
    BACK_M,
    NECK_MORE_M,
    RIM_M,
    SKIN_M,
    SLOPE,
    UNDER_M,
    Ears,
    _behind_face,
    _solid,
    with_ears,
)
from portrait_manifolds.backend.shape.face_end import (
    ABOVE_M,
    AWAY_M_PER_DEG,
    BEYOND_M,
    CORNER_M,
    EAR_TOP,
    INSET_M,
    JAW_ANGLE,
    LOBE,
    MIDDLE,
    OUTLINES,
    FaceEnd,
    on_plane,
)
from portrait_manifolds.backend.shape.neck_column import ROW_M, ROWS_M, Silhouette

HEAD_M, FACE_M, EAR_M, HAIR_M = 0.1, 0.08, 0.1, 0.14
PIXEL_M = 2.0 * 1.2 * np.tan(np.radians(12.0)) / PX
HEIGHTS_M = (0.04, 0.02, 0.0, -0.02, -0.04, -0.06, -0.075, -0.09)
Sides = tuple[PaintedSheets, PaintedSheets, Silhouette, Ears]
RED, GREEN, BLUE = ([0.9, 0.1, 0.1], [0.2, 0.8, 0.2], [0.1, 0.1, 0.9])


def landmarks_px(view: Camera) -> np.ndarray:
    """[478, 2], of which those count where the face ends."""
    pixels = np.zeros((478, 2))
    for side, outline in zip((-1.0, 1.0), OUTLINES, strict=True):
        points = [(side * FACE_M, height, CORNER_M) for height in HEIGHTS_M]
        pixels[list(outline)], _ = view.project(np.array(points))
    return pixels


def picture_of(view: Camera, beside_m: float, face_m: float = FACE_M) -> torch.Tensor:
    """[1, 4, H, W] as the networks take it: a red face, green beside it out to `beside_m`, before blue."""
    origin, directions = view.rays()
    beside, height, _ = np.moveaxis(origin + directions * np.linalg.norm(view.position_m), -1, 0)
    ends_m = np.interp(-height, (-HEIGHTS_M[LOBE], 0.045, 0.075, 0.08), (beside_m, FACE_M, FACE_M, NECK_M))
    person = torch.tensor(np.abs(beside) < ends_m)
    face = torch.tensor(np.abs(beside) < face_m)
    red, green, blue = (torch.tensor(colour)[:, None, None] for colour in (RED, GREEN, BLUE))
    colours = torch.where(person, torch.where(face, red, green), blue)
    return torch.cat([colours, person[None].float()])[None]


def sided(view: Camera, beside_m: float) -> Sides:
    """Before and after: a ball, and the person of `picture_of` before it."""
    person = picture_of(view, beside_m)[:, 3:]
    before = replace(painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE)), matte=person[0, 0])
    silhouette = Silhouette.of(person[0, 0].numpy(), view)
    return before, *with_ears(before, silhouette, FaceEnd.both(view, landmarks_px(view), silhouette))


@pytest.fixture(scope="module")
def eared() -> Sides:
    return sided(camera(), EAR_M)


def surface(portrait: PaintedSheets) -> torch.Tensor:
    """Points [G, G, 3] of the middle sheet."""
    radius = portrait.radius_m
    return radius[..., None] * texel_directions(len(radius), CHART_HALF_EXTENT)


def test_pixels_meet_a_plane_where_they_see_it() -> None:
    view = camera(20.0)
    points = on_plane(view, np.array([[10.0, 20.0], [70.0, 50.0]]), 0.03)
    np.testing.assert_allclose(view.project(points)[0], [[10.0, 20.0], [70.0, 50.0]], atol=1e-9)
    np.testing.assert_allclose(points[:, 2], 0.03)


def test_sides_go_straight_back_and_ears_stand_off_them(eared: Sides) -> None:
    before, after, *_ = eared
    x, y, z = surface(after).unbind(-1)
    x = x.abs()
    beside_ear = (y < HEIGHTS_M[EAR_TOP] - 0.005) & (y > HEIGHTS_M[LOBE] + 0.005)
    wall = FACE_M - INSET_M
    assert x[beside_ear & (z > CORNER_M + 0.004)].max() < wall + 0.002
    assert x[beside_ear & (z < min(BACK_M) - 0.003)].max() < wall + 0.002
    upper, lobe = beside_ear & (y > HEIGHTS_M[MIDDLE]), beside_ear & (y < HEIGHTS_M[LOBE] + 0.01)
    for there, slope, back_m in zip((upper, lobe), SLOPE, BACK_M, strict=True):
        ear = there & (x > wall + 0.004) & (x < wall + 0.018)
        front_m = CORNER_M - slope * (x[ear] - wall)
        near = z[ear] > front_m - 0.5 * RIM_M
        np.testing.assert_allclose(z[ear][near], front_m[near], atol=0.004)
        assert near.any() and z[ear].min() > back_m - 0.003 and (z[ear] < front_m - RIM_M + 0.004).any()
    torch.testing.assert_close(after.geometry.radius_m, after.radius_m - (before.radius_m - HEAD_M))


def test_ears_are_solid_and_as_wide_as_the_silhouette(eared: Sides) -> None:
    """Whatever the networks put there: nothing at all."""
    _, after, _, made = eared
    ears = made.solid
    x, y, z = surface(after).unbind(-1)
    beside_ear = (y < HEIGHTS_M[EAR_TOP] - 0.005) & (y > HEIGHTS_M[LOBE] + 0.005)
    assert float(x.abs()[beside_ear & (ears > 0.5)].max()) == pytest.approx(EAR_M + BEYOND_M, abs=PIXEL_M + 0.002)
    wall = FACE_M - INSET_M
    there = beside_ear & (x.abs() > wall + 0.006) & (z > min(BACK_M))
    assert ears[there].min() == 1.0 and not ears[x.abs() < wall - 0.005].any()
    inner = resampled(ears, SIZE) == 1.0
    offsets = after.geometry.offsets_m
    assert float(after.opacity[offsets < SKIN_M[1]][:, inner].min()) == 1.0
    bare = replace(after, opacity=torch.zeros_like(after.opacity), confidence=torch.zeros_like(after.confidence))
    bare = _solid(bare, ears)
    for maps in (bare.opacity, bare.confidence):
        assert float(maps[offsets < SKIN_M[1]][:, inner].min()) == 1.0 == float(maps.max())
        assert not maps[offsets > SKIN_M[0]].any() and not maps[:, resampled(ears, SIZE) == 0.0].any()


def test_a_temple_above_an_ear_is_none(eared: Sides) -> None:
    """Between an ear's top and the head that stays, the head's side goes over into one that is wider than the face."""
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    off = resampled(eared[-1].off, SIZE)
    assert float(off[(azimuth_deg > 85.0) & (azimuth_deg < 95.0) & (elevation_deg.abs() < 6.0)].min()) > 0.9
    assert float(off[azimuth_deg < 66.0].max()) < 0.01


def test_where_the_silhouette_is_the_faces_no_ear_stands_off() -> None:
    _, after, _, ears = sided(camera(), FACE_M - PIXEL_M)
    assert not ears.solid[surface(after)[..., 1] > HEIGHTS_M[LOBE] + 0.005].any()


def test_the_face_what_is_above_and_what_is_below_stay(eared: Sides) -> None:
    before, after, *_ = eared
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(128, CHART_HALF_EXTENT))
    y = surface(before)[..., 1]
    same = (azimuth_deg < 40.0) | (y > HEIGHTS_M[EAR_TOP] + ABOVE_M + 0.003) | (y < HEIGHTS_M[-1])
    torch.testing.assert_close(after.radius_m[same], before.radius_m[same])
    changed = (azimuth_deg > 60.0) & (azimuth_deg < 80.0) & (elevation_deg.abs() < 8.0)
    assert (after.radius_m < before.radius_m - 0.005)[changed].all()


@pytest.mark.parametrize("yaw_deg", [28.0, -28.0])
def test_heads_that_are_turned_stay(yaw_deg: float) -> None:
    before, after, *_ = sided(camera(yaw_deg), EAR_M)
    torch.testing.assert_close(after.radius_m, before.radius_m)
    torch.testing.assert_close(after.painted, before.painted)


def test_hair_stays_and_below_it_the_face_s_side_goes_straight_back() -> None:
    before, after, _, ears = sided(camera(), HAIR_M)  # as low as its lobes hang
    y = surface(before)[..., 1]
    hair, below = y > HEIGHTS_M[LOBE] + ROW_M, (y < HEIGHTS_M[LOBE] - ROW_M) & (y > HEIGHTS_M[LOBE] - 2.0 * ROW_M)
    torch.testing.assert_close(after.radius_m[hair], before.radius_m[hair])
    torch.testing.assert_close(after.painted, before.painted)
    azimuth_deg = torch.tensor(chart_angles_deg(128, CHART_HALF_EXTENT)[0])
    beside = below & (azimuth_deg > 60.0) & (azimuth_deg < 80.0)
    assert beside.sum() > 20 and (after.radius_m < before.radius_m - 0.002)[beside].all()
    assert float(ears.solid.max()) == 0.0 and float(ears.beside[beside].mean()) > 0.6


def test_of_a_head_that_is_turned_the_nearer_ear_stands_off_and_the_other_stays() -> None:
    ears = sided(camera(15.0), EAR_M)[-1].solid
    middle = len(ears) // 2
    assert float(ears[:, middle:].max()) > 0.9 and float(ears[:, :middle].max()) == 0.0


def test_of_a_face_that_is_turned_away_ears_begin_farther_in() -> None:
    """There landmarks lie on the ear: what is left of it on the cheek would be a second one."""
    view, sides = camera(5.0), {}
    silhouette = Silhouette.of(np.ones((PX, PX), np.float32), view)
    for side, outline in zip((-1.0, 1.0), OUTLINES, strict=True):
        sides[side] = FaceEnd.of(view, landmarks_px(view)[list(outline)], side, silhouette).beside_m
    beside_ear = abs(ROWS_M) < 0.02
    np.testing.assert_allclose((sides[1.0] - sides[-1.0])[beside_ear], 5.0 * AWAY_M_PER_DEG, atol=1e-4)


def test_what_is_seen_below_ears_stays() -> None:
    """A jaw that is as wide as the silhouette is not set back: clothes behind it would be seen."""
    before, after, *_ = sided(camera(), EAR_M)
    at, x = surface(before), surface(before)[..., 0].abs()
    jaw = (at[..., 1] < HEIGHTS_M[JAW_ANGLE]) & (x < FACE_M) & (at[..., 2] > 0.02)
    assert jaw.sum() > 100
    assert (after.radius_m - before.radius_m)[jaw].abs().max() < 0.002


def test_behind_ears_the_silhouette_is_the_heads_and_elsewhere_as_it_was() -> None:
    *_, narrowed, _ = sided(camera(), EAR_M)
    *_, turned, _ = sided(camera(28.0), EAR_M)
    beside_ear = abs(ROWS_M) < 0.02
    wall = FACE_M - INSET_M - UNDER_M
    np.testing.assert_allclose(narrowed.ends_m[beside_ear][1:-1], [[-wall, wall]] * 6, atol=0.002)
    assert abs(narrowed.ends_m[abs(ROWS_M - 0.08) < 0.03]).max() > EAR_M - 0.003
    assert abs(turned.ends_m[beside_ear]).max() > EAR_M - 0.02


def neck_end(neck_m: float, hair: float = 0.0, hidden: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """What `_behind_face` makes of a jaw's silhouette, 8 cm wide, and a neck below it; before and after, along x."""
    view, silhouette = camera(), Silhouette.of(np.ones((PX, PX), np.float32), camera())
    end = FaceEnd.of(view, landmarks_px(view)[list(OUTLINES[1])], 1.0, silhouette)
    end = replace(end, ear=np.zeros_like(end.ear), hair=hair, hidden=hidden)
    before = np.where(end.jaw_m < ROWS_M, FACE_M, neck_m)
    return before, _behind_face(end, before)


def test_behind_a_jaw_the_neck_is_as_wide_as_below_it() -> None:
    before, after = neck_end(0.055)
    jaw, lobe = HEIGHTS_M[-1], HEIGHTS_M[LOBE]
    just_above = (jaw < ROWS_M) & (jaw + 0.006 > ROWS_M)
    np.testing.assert_allclose(after[just_above], 0.055 + NECK_MORE_M, atol=0.004)
    np.testing.assert_array_equal(after[lobe < ROWS_M], before[lobe < ROWS_M])
    np.testing.assert_array_equal(after[jaw > ROWS_M], before[jaw > ROWS_M])
    between = after[(jaw < ROWS_M) & (lobe > ROWS_M)]
    assert len(between) > 5 and (np.diff(between) < 1e-9).all()


@pytest.mark.parametrize(
    ("neck_m", "hair", "hidden"), [(0.055, 1.0, 0.0), (0.055, 0.0, 1.0), (0.09, 0.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_it_stays_beside_hair_turned_away_as_wide_as_the_jaw_and_where_the_head_ends(
    neck_m: float, hair: float, hidden: float
) -> None:
    before, after = neck_end(neck_m, hair, hidden)
    np.testing.assert_array_equal(after, before)
