"""Heads that the photograph's border cuts off."""

import numpy as np

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.photo.whole_head import OUTLINE_M, whole_head, with_whole_head

SIZE = 160


def _camera(turned_deg: float = 0.0) -> Camera:
    camera = look_at((0.0, 0.0, 2.0), fov_deg=14.0, width_px=SIZE, height_px=SIZE)
    angle = np.radians(turned_deg)
    roll = np.eye(4)
    roll[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return Camera(roll @ camera.camera_to_world, *(camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px), SIZE, SIZE)


def _disc(camera: Camera, radius_m: float) -> np.ndarray:
    """A head that is round in the picture [SIZE, SIZE]."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    away_px = np.hypot(columns - camera.cx_px, rows - camera.cy_px)
    return (away_px < radius_m * camera.fx_px / 2.0).astype(np.float32)


def _border(rows: int) -> np.ndarray:
    inside = np.ones((SIZE, SIZE), bool)
    inside[:rows] = False
    return inside


def test_a_head_that_is_all_there_stays() -> None:
    camera = _camera()
    head = _disc(camera, OUTLINE_M[0])
    assert with_whole_head(head, np.ones_like(head, bool), camera) is head
    assert with_whole_head(head, _border(8), camera) is head


def test_a_crown_that_is_cut_off_goes_on_round() -> None:
    camera = _camera()
    inside = _border(int(SIZE / 2 - 0.12 * camera.fx_px / 2.0))
    streaks = _disc(camera, OUTLINE_M[0])
    streaks = np.where(inside, streaks, streaks[np.argmax(inside[:, 0])])  # as a picture's border goes on
    whole = with_whole_head(streaks, inside, camera)
    np.testing.assert_array_equal(whole[inside], streaks[inside])
    tall_m = (camera.cy_px - np.argmax(whole[:, SIZE // 2] > 0.5)) / camera.fx_px * 2.0
    assert 0.13 < tall_m < 0.155
    widths = (whole > 0.5).sum(1)[~inside[:, 0]]
    assert (np.diff(widths) >= 0).all() and widths[0] == 0 < widths[-1]


def test_what_is_seen_beside_tells_how_large_the_crown_is() -> None:
    camera = _camera()
    inside = _border(int(SIZE / 2 - 0.115 * camera.fx_px / 2.0))
    small, large = (with_whole_head(_disc(camera, r) * inside, inside, camera) for r in (0.12, 0.135))
    assert large[~inside].sum() > 1.1 * small[~inside].sum() > 0.0


def test_a_head_lies_as_its_camera_does() -> None:
    """What is up is the head's, not the picture's: below it the photo cuts off a body, which is no head."""
    camera = _camera()
    inside = _border(int(SIZE / 2 - 0.12 * camera.fx_px / 2.0))
    head = _disc(camera, OUTLINE_M[0]) * inside
    assert with_whole_head(head, inside, camera)[~inside].sum() > 0.0
    assert with_whole_head(head, inside, _camera(180.0)) is head


def test_a_face_without_its_crown_stays_as_it_is() -> None:
    camera = _camera()
    inside = _border(int(SIZE / 2 - 0.08 * camera.fx_px / 2.0))
    head = _disc(camera, OUTLINE_M[0]) * inside
    assert with_whole_head(head, inside, camera) is head


def _picture(camera: Camera) -> np.ndarray:
    """Skin within 9 cm of the head's centre and striped hair around it [SIZE, SIZE, 3]."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    away_m = np.hypot(columns - camera.cx_px, rows - camera.cy_px) * 2.0 / camera.fx_px
    hair = 0.3 + 0.15 * np.sin(away_m / 0.002)[..., None] * [1.0, 0.8, 0.6]
    return np.where((away_m < 0.09)[..., None], SKIN, hair).astype(np.float32)


SKIN = np.array([0.9, 0.7, 0.6], np.float32)


def test_hair_goes_on_as_it_is_below_the_border() -> None:
    """Mirrored there, without a seam or streaks; and no more of it than there is above the face."""
    camera = _camera()
    first = int(SIZE / 2 - 0.105 * camera.fx_px / 2.0)
    inside = _border(first)
    head = whole_head(_disc(camera, OUTLINE_M[0]) * inside, inside, camera)
    assert head is not None
    photo = _picture(camera)
    streaks = np.where(inside[..., None], photo, photo[first])
    rgb = head.colours(streaks)
    np.testing.assert_array_equal(rgb[inside], photo[inside])
    made = (head.opacity(np.zeros_like(streaks[..., 0])) > 0.5) & ~inside
    assert made.sum() > 500 and (np.abs(rgb[made] - SKIN).max(-1) < 0.3).mean() < 0.05
    middle = rgb[:, SIZE // 2, 0]
    assert np.ptp(middle[: first - 1][made[: first - 1, SIZE // 2]]) > 0.15
    assert abs(middle[first - 1] - middle[first]) < 0.05
