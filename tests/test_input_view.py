"""The photograph's square: what lies outside its border."""

import numpy as np
import pytest

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.photo import input_view as viewing
from portrait_manifolds.backend.photo.alignment import Alignment, sample_crop
from portrait_manifolds.backend.photo.input_view import WIDER, InputView, input_view
from portrait_manifolds.backend.photo.matting import Foreground


def _landmarks(x_px: float, y_px: float, radius_px: float) -> np.ndarray:
    """A round face's, [478, 2]."""
    around = np.linspace(0.0, 2.0 * np.pi, 478)
    return np.stack([x_px + radius_px * np.cos(around), y_px + radius_px * np.sin(around)], -1)


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


def test_outside_the_photo_its_border_goes_on_softly() -> None:
    """Streaks of border pixels would be taken for neither person nor background, and fray the shoulders there."""
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=64, height_px=64)
    alignment = Alignment(np.array([[64.0, 0.0, 32.0], [0.0, 64.0, 32.0]]), camera, 0.0, _landmarks(32.0, 32.0, 20.0))

    class Detector:
        seen: np.ndarray

        def person(self, picture: np.ndarray) -> np.ndarray:
            self.seen = picture
            return np.ones(picture.shape[:2], np.float32)

        mirrored_person = person

    detector, person = Detector(), np.ones((32, 32), np.float32)
    view = input_view(photo, alignment, person, person, 256, detector)
    size, left = view.inside.shape[0], int(view.inside.any(0).argmax())
    assert size == 384 and left > 60
    sampled = sample_crop(photo, alignment.crop_to_photo * ([WIDER, WIDER, 1.0],), size)
    assert np.array_equal(view.picture[view.inside], sampled[view.inside])
    rough = (slice(left, size - left), slice(0, left // 2))  # streaks, level ones
    for picture, streaky in ((sampled, True), (view.picture, False), (detector.seen, False)):
        assert (abs(np.diff(picture[rough].astype(int), axis=0)).mean() > 8.0) == streaky


def test_a_person_is_what_both_looks_and_the_crop_s_take_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands behind somebody is often taken for a part of them in one look only."""
    segmented: list[np.ndarray] = []

    def cut_out(picture: np.ndarray, person: np.ndarray, matte: np.ndarray, can_be: np.ndarray) -> Foreground:
        segmented.append(person)
        return Foreground(person, picture / 255.0)

    class Detector:
        def person(self, picture: np.ndarray) -> np.ndarray:
            return np.where(np.arange(len(picture)) < 0.9 * len(picture), 1.0, 0.2) * np.ones(picture.shape[:2])

        def mirrored_person(self, picture: np.ndarray) -> np.ndarray:
            return np.where(np.arange(len(picture)) > 0.1 * len(picture), 0.9, 0.1) * np.ones(picture.shape[:2])

    monkeypatch.setattr(viewing, "cut_out", cut_out)
    photo = np.zeros((600, 600, 3), np.uint8)
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=600, height_px=600)
    landmarks_px = _landmarks(300.0, 180.0, 60.0)
    alignment = Alignment(np.array([[200.0, 0.0, 300.0], [0.0, 200.0, 300.0]]), camera, 0.0, landmarks_px)
    crop = np.ones((32, 32), np.float32)
    crop[:, 16:] = 0.3
    input_view(photo, alignment, crop, np.ones((32, 32), np.float32), 256, Detector())
    row = segmented[0][len(segmented[0]) // 2]
    shares = [row[round(share * len(row))] for share in (0.05, 0.13, 0.3, 0.7, 0.87, 0.95)]
    assert shares == pytest.approx([0.1, 0.9, 0.9, 0.3, 0.9, 0.2])

    # What landmarks enclose is the person even where a look has doubts.
    row = segmented[0][round(len(segmented[0]) * 180 / 600)]
    shares = [row[round(len(row) * x_px / 600)] for x_px in (330, 345, 370)]
    assert shares == pytest.approx([0.9, 0.9, 0.3])

    # Beside the photo's border, which now is in the middle of the square, either look is enough.
    input_view(photo[:, :300], alignment, crop, np.ones((32, 32), np.float32), 256, Detector())
    row = segmented[1][len(segmented[1]) // 2]
    shares = [row[round(share * len(row))] for share in (0.05, 0.13, 0.3, 0.495, 0.7, 0.87, 0.95)]
    assert shares == pytest.approx([0.1, 0.9, 0.9, 0.9 + 0.1 * 0.9, 1.0, 1.0, 0.9], abs=0.02)


def test_the_persons_opacity_in_the_networks_crop() -> None:
    size = 96
    opacity = np.zeros((size, size), np.float32)
    opacity[16:80, 16:48] = 1.0  # the left half of the crop
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=size, height_px=size)
    blank = np.zeros((size, size, 3), np.float32)
    view = InputView(camera, blank.astype(np.uint8), np.ones((size, size), bool), Foreground(opacity, blank))
    crop = view.crop_opacity(32)
    assert crop.shape == (32, 32) and (crop[:, :16] == 1.0).all() and (crop[:, 16:] == 0.0).all()
