"""Crop and camera from landmarks, against pictures whose cameras are known."""

import numpy as np
import pytest

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CROP_SCALE
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.photo.alignment import (
    EYE_LEFT,
    EYE_RIGHT,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    LandmarkTemplate,
    align,
    apply_crop,
    crop_from_landmarks,
    crop_half_size_px,
    invert_crop,
    sample_crop,
)  # fmt: skip
from portrait_manifolds.backend.photo.photograph import Photograph
from portrait_manifolds.backend.photo.sitter import align_photograph
from portrait_manifolds.backend.reconstruct import reconstruct


@pytest.fixture(scope="module")
def template() -> LandmarkTemplate:
    """A curved mask with eyes and mouth where a face has them."""
    rng = np.random.default_rng(1)
    xy = rng.uniform([-0.06, -0.10], [0.06, 0.07], (478, 2))
    xy[list(EYE_RIGHT)] = [-0.032, 0.011] + 0.01 * rng.normal(size=(6, 2))
    xy[list(EYE_LEFT)] = [0.032, 0.011] + 0.01 * rng.normal(size=(6, 2))
    xy[MOUTH_RIGHT], xy[MOUTH_LEFT] = [-0.025, -0.06], [0.025, -0.06]
    z = 0.10 - 6.0 * xy[:, 0] ** 2 - 2.0 * xy[:, 1] ** 2
    return LandmarkTemplate(np.concatenate([xy, z[:, None]], 1), np.ones(478))


def picture_of(template: LandmarkTemplate, camera: Camera) -> np.ndarray:
    return camera.project(template.points_m)[0]


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (25, -10, 0), (-40, 15, 12), (5, 5, -35)])
def test_the_pose_of_a_known_camera_is_found(template: LandmarkTemplate, yaw: float, pitch: float, roll: float) -> None:
    camera = look_at((0.0, 0.0, 1.2), fov_deg=20.0, width_px=600, height_px=800).orbited(yaw, pitch)
    turn = np.eye(4)
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn[:2, :2] = [[c, -s], [s, c]]
    camera = Camera(camera.camera_to_world @ turn, camera.fx_px, camera.fy_px, 300, 400, 600, 800)
    found = align(picture_of(template, camera), (600, 800), template, fov_deg=20.0)
    np.testing.assert_allclose(found.camera.camera_to_world, camera.camera_to_world, atol=1e-5)
    assert found.residual_px < 1e-3


def test_outliers_hardly_move_the_pose(template: LandmarkTemplate) -> None:
    camera = look_at((0.1, 0.05, 1.2), fov_deg=20.0, width_px=600, height_px=600)
    points = picture_of(template, camera)
    points[100:150] += 40.0
    found = align(points, (600, 600), template, fov_deg=20.0)
    assert np.linalg.norm(found.camera.position_m - camera.position_m) < 0.01


def test_the_residual_is_that_of_the_camera(template: LandmarkTemplate) -> None:
    template = LandmarkTemplate(template.points_m, np.random.default_rng(3).uniform(0.1, 1.0, 478))
    camera = look_at((0.7, 0.3, 0.6), fov_deg=40.0, width_px=600, height_px=600)
    points = picture_of(template, camera) + np.random.default_rng(4).standard_cauchy((478, 2)) * 12.0
    found = align(points, (600, 600), template, fov_deg=40.0)
    distance = np.linalg.norm(picture_of(template, found.camera) - points, axis=1)
    weighted = np.sqrt(np.average(distance**2, weights=template.weights))
    assert found.residual_px == pytest.approx(weighted, rel=1e-12)


def test_the_crop_follows_the_face_over_the_photo(template: LandmarkTemplate) -> None:
    points = picture_of(template, look_at((0.0, 0.0, 1.2), fov_deg=20.0, width_px=600, height_px=600))
    angle = np.radians(30.0)
    turn = 2.5 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    first, second = crop_from_landmarks(points), crop_from_landmarks(points @ turn.T + [70.0, -20.0])
    np.testing.assert_allclose(second[:, :2], turn @ first[:, :2], atol=1e-9)
    np.testing.assert_allclose(second[:, 2], turn @ first[:, 2] + [70.0, -20.0], atol=1e-9)
    assert crop_half_size_px(first) == pytest.approx(CROP_SCALE * crop_half_size_px(crop_from_landmarks(points, 1.0)))


def test_the_crops_camera_sees_what_the_crop_shows(template: LandmarkTemplate) -> None:
    camera = look_at((0.3, 0.1, 1.0), fov_deg=25.0, width_px=640, height_px=480)
    points = picture_of(template, camera)
    crop = crop_from_landmarks(points)
    crop[:, :2] = crop[:, :2] @ np.array([[0.9, -0.4], [0.4, 0.9]]) / np.hypot(0.9, 0.4)  # a roll
    zoomed = camera.cropped(crop, 256, 256)
    expected = (invert_crop(crop, points) + 1.0) * 128.0
    np.testing.assert_allclose(zoomed.project(template.points_m)[0], expected, atol=1e-6)
    np.testing.assert_allclose(apply_crop(crop, invert_crop(crop, points)), points, atol=1e-9)


@pytest.mark.parametrize("size", [20, 64, 333])
def test_the_crop_is_sampled_at_pixel_centres(size: int) -> None:
    y, x = np.mgrid[0:200, 0:300]
    ramp = np.stack([x * 0.8, y * 1.2, 0 * x + 7], -1).round().astype(np.uint8)
    half, cos, sin = 60.0, np.cos(0.3), np.sin(0.3)
    crop = np.array([[half * cos, -half * sin, 150.0], [half * sin, half * cos, 100.0]])
    sampled = sample_crop(ramp, crop, size).astype(float)
    coordinates = (np.arange(size) + 0.5) * 2.0 / size - 1.0
    grid = np.stack(np.meshgrid(coordinates, coordinates), -1)
    pixels = apply_crop(crop, grid) - 0.5
    assert np.abs(sampled[..., 0] - pixels[..., 0] * 0.8).max() < 1.2
    assert np.abs(sampled[..., 1] - pixels[..., 1] * 1.2).max() < 1.5
    assert (sampled[..., 2] == 7).all()


def test_a_crop_that_overhangs_repeats_the_border_or_is_empty() -> None:
    photo = np.full((40, 40, 3), 200, np.uint8)
    crop = np.array([[40.0, 0.0, 10.0], [0.0, 40.0, 10.0]])
    assert (sample_crop(photo, crop, 32) == 200).all()
    assert (sample_crop(photo, crop, 32, border="zero")[0, 0] == 0).all()


def test_points_that_are_no_face_are_refused(template: LandmarkTemplate) -> None:
    with pytest.raises(InputError, match="face"):
        align(np.zeros((478, 2)), (100, 100), template)
    with pytest.raises(InputError, match="face"):
        align(np.full((478, 2), np.nan), (100, 100), template)
    points = picture_of(template, look_at((0.0, 0.0, 1.2), fov_deg=20.0, width_px=600, height_px=600))
    with pytest.raises(InputError, match="field of view"):
        align(points, (600, 600), template, fov_deg=200.0)


@pytest.mark.parametrize(("fov", "said"), [(0.1, True), (20.0, False), (120.0, True)])
def test_a_lens_that_hardly_takes_portraits_is_warned_of(
    template: LandmarkTemplate, caplog: pytest.LogCaptureFixture, fov: float, said: bool
) -> None:
    points = picture_of(template, look_at((0.0, 0.0, 1.2), fov_deg=20.0, width_px=600, height_px=600))
    photograph = Photograph(np.full((600, 600, 3), 128, np.uint8), "", None)
    align_photograph(photograph, points, template, fov)
    assert ("field of view" in caplog.text) == said


@pytest.mark.parametrize("fov", [float("nan"), 0.0, 179.0])
def test_an_impossible_field_of_view_is_refused_before_the_photo_is_read(fov: float) -> None:
    with pytest.raises(InputError, match="field of view"):
        reconstruct("no such photo.jpg", fov_deg=fov)
