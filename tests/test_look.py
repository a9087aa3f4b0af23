"""Exposure, tint and opacity as the backend draws them, and several portraits in one picture."""

import numpy as np
import pytest

from portrait_manifolds.backend.conventions import srgb_to_linear
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.layered_picture import layered_picture
from portrait_manifolds.backend.look import Look
from portrait_manifolds.backend.portrait import Portrait


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


def test_the_nearer_is_in_front_pixel_by_pixel() -> None:
    red, green = np.zeros((3, 4, 4), np.float32), np.zeros((3, 4, 4), np.float32)
    red[1, 1:3], green[1, 1:3] = (1.0, 0.0, 0.0, 0.5), (0.0, 1.0, 0.0, 1.0)
    near, far = np.full((3, 4), np.inf, np.float32), np.full((3, 4), np.inf, np.float32)
    near[1, 1:3], far[1, 1:3] = (1.0, 3.0), 2.0
    for layers in ([(red, near), (green, far)], [(green, far), (red, near)]):
        picture, top, left = layered_picture(layers)
        assert picture.shape == (1, 2, 5) and (top, left) == (1, 1)
        np.testing.assert_allclose(picture[0, 0], (0.5, 0.5, 0.0, 1.0, 1.0))  # red before green
        np.testing.assert_allclose(picture[0, 1], (0.0, 1.0, 0.0, 1.0, 2.0))  # green before red
    nothing, _, _ = layered_picture([(np.zeros((3, 4, 4), np.float32), np.full((3, 4), np.inf, np.float32))])
    assert nothing.size == 0
