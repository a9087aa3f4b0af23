"""Faces that are small in a large photograph."""

import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend import progress
from portrait_manifolds.backend.photo import face_search
from portrait_manifolds.backend.photo.face_confidence import face_confidence
from portrait_manifolds.backend.photo.face_search import SURE, find_faces
from portrait_manifolds.backend.photo.landmarks import LandmarkDetector


def wide_photo(*places: tuple[int, int, int]) -> np.ndarray:
    """The astronaut at (left, top, side) each, in a wide grey picture with some texture."""
    data = pytest.importorskip("skimage.data", reason="has the astronaut's photograph")
    rng = np.random.default_rng(0)
    photo = (120 + 20 * rng.random((1400, 2400, 1))).repeat(3, 2).astype(np.uint8)
    for left, top, side in places:
        photo[top : top + side, left : left + side] = np.asarray(Image.fromarray(data.astronaut()).resize((side, side)))
    return photo


def test_small_faces_are_found_once_each_and_largest_first() -> None:
    places = [(300, 200, 220), (1700, 900, 280)]
    with LandmarkDetector() as detector:
        assert len(detector.faces(wide_photo(*places))) == 0, "no test of the windows"
        faces = find_faces(wide_photo(*places), detector)
    assert len(faces) == 2
    for face, (left, top, side) in zip(faces, reversed(places), strict=True):
        assert np.abs(face.points_px.mean(0) - [left + 0.44 * side, top + 0.22 * side]).max() < 0.08 * side


def test_no_face_is_none() -> None:
    with LandmarkDetector() as detector:
        assert find_faces(wide_photo(), detector) == []


def test_a_small_face_that_stands_on_its_head_is_found_upright() -> None:
    photo = np.rot90(wide_photo((1700, 900, 280)), 2)
    with LandmarkDetector() as detector:
        (face,) = find_faces(photo, detector)
    left, bottom = 2400 - 1700, 1400 - 900
    assert face.quarters == 2 and face.confidence > SURE
    assert np.abs(face.points_px.mean(0) - [left - 0.44 * 280, bottom - 0.22 * 280]).max() < 0.08 * 280


def test_a_face_upside_down_is_doubted_as_the_mesh_fits_it() -> None:
    astronaut = pytest.importorskip("skimage.data").astronaut()
    with LandmarkDetector() as detector:
        upright = detector.faces(astronaut)[0]
        fitted = detector.faces(np.rot90(astronaut, 2))[0]
        assert face_confidence(astronaut, upright, detector) > SURE
        assert face_confidence(np.rot90(astronaut, 2), fitted, detector) < SURE


def test_progress_of_a_search_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    monkeypatch.setattr(face_search, "_in_window", lambda *window: [])
    with progress.listening(lambda fraction, stage: heard.append(fraction)):
        assert face_search.find_faces(np.zeros((600, 800, 3), np.uint8), None) == []
    assert len(heard) > 10 and heard == sorted(heard) and heard[0] >= 0.05 and heard[-1] < 0.15
