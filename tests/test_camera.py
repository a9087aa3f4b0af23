"""Cameras: conventions, JSON, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portrait_manifolds.backend.camera import Camera, load_cameras, look_at, save_cameras
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.portrait import Crop, Portrait

angles = st.floats(-80, 80)
positions = st.tuples(st.floats(-2, 2), st.floats(-0.4, 0.4), st.floats(0.5, 3))


def test_yaw_moves_the_camera_to_its_right_and_pitch_up() -> None:
    camera = look_at((0, 0, 1))
    assert camera.orbited(30).position_m == pytest.approx([0.5, 0, 3**0.5 / 2])
    assert camera.orbited(0, 30).position_m == pytest.approx([0, 0.5, 3**0.5 / 2])


def test_x_goes_right_y_down_and_pixels_have_their_centres_at_halves() -> None:
    camera = Camera(np.eye(4), 10.0, 20.0, 1.5, 0.5, 3, 1)
    pixels, depth = camera.project(np.array([[0.0, 0, -2], [0.2, 0, -2], [0, 0.2, -2]]))
    assert depth == pytest.approx([2, 2, 2])
    assert pixels == pytest.approx(np.array([[1.5, 0.5], [2.5, 0.5], [1.5, -1.5]]))
    _, rays = camera.rays()
    assert rays[0, 1] == pytest.approx([0, 0, -1])  # the middle pixel's centre is the principal point


@given(positions, angles, angles)
def test_orbiting_keeps_distance_and_the_heads_place(position: tuple, yaw: float, pitch: float) -> None:
    camera = look_at(position, (0.02, -0.03, 0.01))
    turned = camera.orbited(yaw, pitch)
    assert np.linalg.norm(turned.position_m) == pytest.approx(np.linalg.norm(camera.position_m))
    before, after = camera.project(np.zeros(3)), turned.project(np.zeros(3))
    assert after[0] == pytest.approx(before[0], abs=1e-6)
    assert after[1] == pytest.approx(before[1])


@given(positions, st.integers(1, 400), st.integers(1, 400), st.floats(1, 150))
def test_rays_project_back_to_their_pixels(position: tuple, width: int, height: int, fov: float) -> None:
    camera = look_at(position, fov_deg=fov, width_px=width, height_px=height)
    origin, directions = camera.rays()
    pixels, depth = camera.project(origin + 1.7 * directions)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    assert np.abs(pixels - np.stack([x, y], -1)).max() < 1e-6
    assert np.abs(depth - 1.7).max() < 1e-9


@given(positions, angles, st.floats(5, 100))
@settings(max_examples=30)
def test_a_camera_comes_back_from_json_as_it_was(position: tuple, yaw: float, fov: float) -> None:
    camera = look_at(position, fov_deg=fov).orbited(yaw)
    assert Camera.from_dict(json.loads(json.dumps(camera.to_dict()))) == camera


def test_files_hold_one_camera_or_an_animation(tmp_path: Path) -> None:
    cameras = [look_at((0, 0, 1)), look_at((0.3, 0, 1))]
    save_cameras(tmp_path / "ä b.json", cameras)
    assert load_cameras(tmp_path / "ä b.json") == cameras
    save_cameras(tmp_path / "one.json", cameras[:1])
    assert load_cameras(tmp_path / "one.json") == cameras[:1]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"fx_px": float("nan")}, "finite"),
        ({"fx_px": 0}, "focal"),
        ({"width_px": 0}, "0 x"),
        ({"width_px": 1e9}, "x"),
        ({"height_px": 2.5}, "whole"),
        ({"height_px": float("inf")}, "finite"),
        ({"cy_px": "left"}, "number"),
        ({"camera_to_world": [[1, 0], [0, 1]]}, "4 rows"),
        ({"camera_to_world": [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}, "rotation"),
        ({"camera_to_world": [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}, "rotation"),
    ],
)
def test_a_bad_camera_is_refused_with_its_fix(tmp_path: Path, change: dict, word: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(look_at((0, 0, 1)).to_dict() | change))
    with pytest.raises(InputError, match=word):
        load_cameras(path)


@pytest.mark.parametrize("size_px", [(0, 64), (64, 0), (-8, 64), (64, -8), (0, 0)])
def test_a_picture_of_no_size_is_what_is_refused(size_px: tuple[int, int], small_head: Portrait) -> None:
    made = (
        lambda: look_at((0, 0, 1), width_px=size_px[0], height_px=size_px[1]),
        lambda: look_at((0, 0, 1)).resized(*size_px),
        lambda: small_head.camera(*size_px),
    )
    for camera in made:
        with pytest.raises(InputError, match=f"A picture of {size_px[0]} x {size_px[1]} pixels cannot be made"):
            camera()


def test_a_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="not a finite number"):
        replace(look_at((0, 0, 1)), width_px=float("nan"))


@pytest.mark.parametrize("text", ["", "[", "[]", "3", '{"fx_px": 1}', "[[]]", "[" * 100_000])
def test_a_bad_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(text)
    with pytest.raises(InputError):
        load_cameras(path)


@given(positions, st.floats(-1.0, 1.0))
def test_unproject_undoes_project(position: tuple[float, float, float], shift: float) -> None:
    camera = replace(look_at(position, width_px=64, height_px=48), cx_px=32.0 + 20.0 * shift, fx_px=70.0)
    points_m = np.random.default_rng(0).normal(0.0, 0.1, (5, 3, 3))
    np.testing.assert_allclose(camera.unproject(*camera.project(points_m)), points_m, atol=1e-9)
    origin_m, directions = camera.rays()
    np.testing.assert_allclose(camera.unproject([10.5, 7.5], 2.0), origin_m + 2.0 * directions[7, 10], atol=1e-12)


@given(st.floats(-60, 60), st.floats(40, 300), st.floats(-1, 1), st.floats(-1, 1))
def test_a_crops_camera_sees_the_crop(roll_deg: float, half_px: float, x: float, y: float) -> None:
    camera = look_at((0.05, 0.1, 1.1), width_px=900, height_px=700)
    roll = np.radians(roll_deg)
    cosine, sine = half_px * np.cos(roll), half_px * np.sin(roll)
    crop = Crop(np.array([[cosine, -sine, 400.0], [sine, cosine, 300.0]]))
    upright = camera.cropped(crop.to_photo, 256, 256)
    on_crop = np.array([x, y])
    photo = crop.to_photo[:, :2] @ on_crop + crop.to_photo[:, 2]
    pixel, _ = upright.project(camera.unproject(photo, 1.3))
    assert pixel == pytest.approx((on_crop + 1) * 128, abs=1e-6)


def test_half_a_size_is_no_size(small_head: Portrait) -> None:
    assert small_head.camera() == small_head.input_camera
    for half in ((512, None), (None, 512)):
        with pytest.raises(InputError, match="give both, or neither"):
            small_head.camera(*half)


@given(st.integers(-20, 40), st.integers(-20, 40))
def test_a_parts_pixels_are_the_pictures(left_px: int, top_px: int) -> None:
    camera = look_at((0.05, 0.1, 1.1), width_px=90, height_px=70)
    part = camera.part(left_px, top_px, 30, 20)
    assert (part.width_px, part.height_px) == (30, 20)
    pixels = np.array([[0.5, 0.5], [29.5, 19.5]])
    np.testing.assert_allclose(
        part.directions(pixels), camera.directions(np.add(pixels, (left_px, top_px))), atol=1e-12
    )
