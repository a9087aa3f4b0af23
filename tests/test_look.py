"""Exposure, tint and opacity as the backend draws them, and several portraits in one picture."""

import numpy as np
import pytest

from portrait_manifolds.backend.conventions import srgb_to_linear
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.picture.layered_picture import layered_picture, premultiplied
from portrait_manifolds.backend.picture.look import Look
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.cuda_ops.native import Light


def test_gain_multiplies_linear_light_and_opacity_every_sheet(small_head: Portrait) -> None:
    look = Look.from_dict({"gain": [4.0, 0.5, 0.0], "opacity": 0.5})
    view = small_head.input_camera.resized(48, 48)
    plain = small_head.render(view)[0]
    lit = look.lit(plain)
    np.testing.assert_allclose(srgb_to_linear(lit[..., :3]), srgb_to_linear(plain[..., :3]) * (4, 0.5, 0), atol=1e-4)
    np.testing.assert_array_equal(lit[..., 3], plain[..., 3])
    np.testing.assert_allclose(look.thinned(small_head).textures[..., 3], small_head.textures[..., 3] * 0.5, atol=0.5)
    thin = look.thinned(small_head).render(view)[0][..., 3]
    assert (thin <= plain[..., 3] + 1e-6).all() and 0.0 < thin[plain[..., 3] > 0.99].mean() < 0.999
    assert Look().thinned(small_head) is small_head and Look().lit(plain) is plain


@pytest.mark.parametrize("values", [{"gain": [1, 1]}, {"gain": [-1, 1, 1]}, {"gain": ["x"] * 3}, {"opacity": 1.5}, []])
def test_what_is_no_look_is_refused(values: dict) -> None:
    with pytest.raises(InputError, match="opacity from 0 to 1"):
        Look.from_dict(values)


def test_a_look_out_of_range_is_told_once() -> None:
    with pytest.raises(InputError, match=r"^Look.* cannot be drawn: [^:]*$"):
        Look.from_dict({"opacity": 2.0})


def test_the_nearer_is_in_front_pixel_by_pixel() -> None:
    half_red = Light(np.full((1, 2, 4), (0.5, 0.0, 0.0, 0.5), np.float32), np.array([[1.0, 3.0]], np.float32), 1, 1)
    green = Light(np.full((1, 3, 4), (0.0, 1.0, 0.0, 1.0), np.float32), np.full((1, 3), 2.0, np.float32), 1, 1)
    for lights in ([half_red, green], [green, half_red]):
        picture = layered_picture(lights)
        assert picture.depth.shape == (1, 3) and (picture.left_px, picture.bottom_px) == (1, 1)
        np.testing.assert_allclose(picture.rgba[0, 0], (0.5, 0.5, 0.0, 1.0))  # red before green
        np.testing.assert_allclose(picture.rgba[0, 1:], ((0.0, 1.0, 0.0, 1.0),) * 2)  # green before red, and alone
        np.testing.assert_allclose(picture.depth[0], (1.0, 2.0, 2.0))
    assert layered_picture([green]) is green


def test_linear_light_is_the_picture_upside_down_without_its_border(small_head: Portrait) -> None:
    camera = small_head.camera(120, 90).orbited(30, 10).resized(240, 90)
    rgba, depth = small_head.render(camera, 2)
    light = small_head.renderer.light(camera, 2)
    rows, columns = light.depth.shape
    window = slice(light.bottom_px, light.bottom_px + rows), slice(light.left_px, light.left_px + columns)
    expected, expected_depth = premultiplied(rgba)[::-1][window], depth[::-1][window]
    # Rays that graze a sheet are met at other steps in other blocks of pixels.
    assert (np.abs(light.rgba - expected) > 1e-4).mean() < 0.005 and np.abs(light.rgba - expected).mean() < 1e-4
    seen = np.isfinite(light.depth) & np.isfinite(expected_depth)
    assert (np.isfinite(light.depth) != np.isfinite(expected_depth)).mean() < 0.002
    assert np.median(np.abs(light.depth[seen] - expected_depth[seen])) < 1e-5
    assert columns < 160, "not all of the wide picture"
    assert rgba[..., 3].sum() == pytest.approx(light.rgba[..., 3].sum(), rel=1e-3), "nothing lies outside"
    look = Look((2.0, 1.0, 0.5))
    np.testing.assert_allclose(look.shone(light).rgba[..., 0], 2.0 * light.rgba[..., 0])
