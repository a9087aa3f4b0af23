"""A photograph turned by its own relief, as an example to learn from."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from training_stand_in import Everywhere

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.photo.alignment import Alignment
from portrait_manifolds.backend.training.examples import UNKNOWN_DEPTH, Example, pair_example, photo_example
from portrait_manifolds.backend.training.preview import pair_tile
from portrait_manifolds.backend.training.real import RealPortrait

SIZE_PX = 96
BALL_M = 0.1


@pytest.fixture(scope="module")
def portrait() -> RealPortrait:
    """A mottled ball before a wall, from nearer than the estimate has it; the photograph ends left of column 16."""
    camera = look_at((0.0, 0.05, 0.8), fov_deg=22.0, width_px=SIZE_PX, height_px=SIZE_PX)
    estimate = look_at((0.0, 0.02, 1.3), fov_deg=14.0, width_px=SIZE_PX, height_px=SIZE_PX)
    whole = np.array([[SIZE_PX / 2, 0.0, SIZE_PX / 2], [0.0, SIZE_PX / 2, SIZE_PX / 2]])
    origin, directions = camera.rays()
    a, b = (directions**2).sum(-1), directions @ origin
    root = b**2 - a * (origin @ origin - BALL_M**2)
    on_ball = root > 0
    depth_m = np.where(on_ball, (-b - np.sqrt(np.maximum(root, 0.0))) / a, np.inf).astype(np.float32)
    mottled = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(SIZE_PX, SIZE_PX, 3)), (3, 3, 0))
    picture = np.clip(128 + 600 * mottled, 0, 255).astype(np.uint8)
    inside = np.ones((SIZE_PX, SIZE_PX), np.float32)
    inside[:, :16] = 0.0
    opacity = on_ball.astype(np.float32)
    return RealPortrait(
        "ball",
        picture,
        inside,
        opacity,
        picture,
        depth_m,
        on_ball,
        camera,
        Alignment(whole, estimate, 0, np.zeros((478, 2))),
    )


@pytest.fixture(scope="module")
def pairs(portrait: RealPortrait) -> list[Example]:
    return [pair_example(np.random.default_rng(seed), portrait.as_estimated(), Everywhere()) for seed in range(4)]


def test_the_estimate_sees_the_same_pixels_as_deep_about_the_head_s_centre(portrait: RealPortrait) -> None:
    understood = portrait.as_estimated()
    assert understood.camera == portrait.estimate.camera
    nearest, nearest_there = (np.nanmin(one.depth_m) for one in (portrait, understood))
    assert float(nearest_there - nearest) == pytest.approx(np.hypot(0.02, 1.3) - np.hypot(0.05, 0.8), abs=1e-4)
    assert np.array_equal(np.isfinite(understood.depth_m), np.isfinite(portrait.depth_m))


def test_both_cameras_of_a_pair_see_the_same_place_in_the_same_colour(
    portrait: RealPortrait, pairs: list[Example]
) -> None:
    understood = portrait.as_estimated()
    origin, directions = understood.camera.rays()
    middle = slice(SIZE_PX // 2 - 12, SIZE_PX // 2 + 12)  # of the ball, seen by both
    places = (origin + directions * understood.depth_m[..., None])[middle, middle].reshape(-1, 3)

    def colours(camera: Camera, picture: np.ndarray) -> np.ndarray:
        pixels, _ = camera.project(places)
        at = (pixels - 0.5)[:, ::-1].T
        channels = [ndimage.map_coordinates(picture[..., c].astype(float), at, order=1) for c in range(3)]
        return np.stack(channels, -1)

    for pair in pairs:
        turned, own = pair.camera(0), pair.camera(1)
        assert own == understood.camera
        off_axis, _ = turned.project(places.mean(0))
        assert np.abs(off_axis - SIZE_PX / 2).max() < 4.0  # the face stays in the middle
        assert np.degrees(np.arccos(turned.camera_to_world[:3, 2] @ own.camera_to_world[:3, 2])) > 1.0
        truth = colours(own, pair.rgba[1])
        assert np.abs(colours(turned, pair.rgba[0]) - truth).mean() < 6.0
        assert np.abs(colours(turned, pair.photo) - truth).mean() < 6.0
    unrelated = [np.abs(colours(pair.camera(1), pair.rgba[0]) - truth).mean() for pair in pairs]
    assert max(unrelated) > 20.0


def test_a_pair_teaches_no_depth_and_nothing_that_was_filled_in(portrait: RealPortrait, pairs: list[Example]) -> None:
    for pair in pairs:
        assert set(np.unique(pair.depth)) == {0, UNKNOWN_DEPTH} and not pair.radius_m.any()
        unknown = pair.depth == UNKNOWN_DEPTH
        assert np.array_equal(unknown[1], portrait.inside == 0.0)
        assert not unknown[0][40:56, 40:56].any()
        assert unknown[0][:, :8].all()  # beside the ball, too
    hollow = replace(portrait, opacity=portrait.opacity.copy())
    hollow.opacity[44:47, 50:53] = 0.0
    example = pair_example(np.random.default_rng(0), hollow.as_estimated(), Everywhere())
    closed = (example.depth[0] == UNKNOWN_DEPTH)[36:60, 36:60]
    assert 3 <= closed.sum() <= 30 and (example.rgba[0, 36:60, 36:60, 3] > 128).all()


def test_a_pair_s_tile_is_dark_where_nothing_is_known(pairs: list[Example]) -> None:
    tile = pair_tile(pairs[0], SIZE_PX)
    assert tile.shape == (SIZE_PX, 4 * SIZE_PX, 3)
    np.testing.assert_array_equal(tile[:, :SIZE_PX], pairs[0].photo)
    target = tile[:, 3 * SIZE_PX :]
    assert target[:4, :16].max() < 128 < target[:4, 16:].min()  # paper, left and right of the photograph's border


def test_people_go_on_beyond_the_picture_s_border(portrait: RealPortrait) -> None:
    everywhere = np.ones_like(portrait.opacity)
    wall_m = np.full_like(portrait.depth_m, 0.8)
    wall_m[32:64, 32:64] = 0.79
    wall = replace(portrait, opacity=everywhere, inside=everywhere, depth_m=wall_m, measured=wall_m < 0.8)
    unknown = []
    for seed in range(4):
        example = pair_example(np.random.default_rng(seed), wall.as_estimated(), Everywhere())
        assert (example.rgba[0, ..., 3] > 250).all()
        unknown.append(float((example.depth[0] == UNKNOWN_DEPTH).mean()))
    assert 0.04 < max(unknown) < 0.3


def test_a_photograph_has_its_own_view_and_its_face_s_depth(portrait: RealPortrait) -> None:
    understood = portrait.as_estimated()
    example = photo_example(understood, Everywhere())
    assert len(example.rgba) == 1 and example.camera(0) == understood.camera
    on_ball = portrait.measured & (portrait.inside > 0)
    np.testing.assert_allclose(example.depth[0][on_ball] * 1e-4, understood.depth_m[on_ball], atol=1e-4)
    assert (example.depth[0][portrait.inside == 0.0] == UNKNOWN_DEPTH).all()
