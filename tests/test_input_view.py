"""The photograph's square: what lies outside its border."""

import numpy as np

from portrait_manifolds.backend.alignment import Alignment
from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.input_view import InputView, input_view
from portrait_manifolds.backend.matting import Foreground


def test_outside_the_photo_the_person_goes_on_and_fades() -> None:
    size = 96
    inside = np.zeros((size, size), bool)
    inside[:64] = True
    opacity = np.zeros((size, size), np.float32)
    opacity[:, 30:66] = 1.0
    rgb = np.zeros((size, size, 3), np.float32)
    rgb[..., 2] = 1.0  # a blue background
    rgb[:64, 30:66] = [1.0, 0.0, 0.0]
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=size, height_px=size)
    view = InputView(camera, (rgb * 255).astype(np.uint8), inside, Foreground(opacity, rgb))
    np.testing.assert_array_equal(view.rgb[:64], rgb[:64])
    assert np.abs(view.rgb[64:] - [1.0, 0.0, 0.0]).max() < 0.01
    assert (view.opacity[:64] == opacity[:64]).all()
    fading = view.opacity[64:, 48]
    assert fading[0] > 0.6 and (np.diff(fading) <= 0).all() and fading[-1] == 0.0


def test_outside_the_photo_its_mirror_image_is_matted() -> None:
    """Streaks of border pixels would be taken for neither person nor background, and fray the shoulders there."""
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=64, height_px=64)
    alignment = Alignment(np.array([[64.0, 0.0, 32.0], [0.0, 64.0, 32.0]]), camera, 0.0)

    class Detector:
        seen: np.ndarray

        def person(self, picture: np.ndarray) -> np.ndarray:
            self.seen = picture
            return np.ones(picture.shape[:2], np.float32)

    detector = Detector()
    view = input_view(photo, alignment, np.ones((32, 32), np.float32), 256, detector)
    left = int(view.inside.any(0).argmax())
    assert left > 60 and view.inside.shape[0] == 384
    for pictures in (view.picture, detector.seen):
        beside, within = (pictures[:, part].astype(int) for part in (slice(left - 40, left), slice(left, left + 40)))
        assert abs(beside - within[:, ::-1]).mean() < 3.0
