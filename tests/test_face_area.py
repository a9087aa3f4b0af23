"""What landmarks enclose is the person."""

import numpy as np
import pytest

from portrait_manifolds.backend.photo.face_area import with_face

SIZE = 64


def _landmarks() -> np.ndarray:
    """Landmarks [40, 2] of a face 40 pixels wide in the middle, and some within it."""
    around = np.linspace(0.0, 2.0 * np.pi, 20, endpoint=False)
    circle = np.stack([np.cos(around), np.sin(around)], -1)
    return np.concatenate([32.0 + 20.0 * circle, 32.0 + 9.0 * circle])


def _from_middle() -> np.ndarray:
    """Distances [SIZE, SIZE] from the face's middle in pixels."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    return np.hypot(rows - 32.0, columns - 32.0)


def test_a_face_half_in_the_dark_is_whole() -> None:
    lit = np.where(np.arange(SIZE) < 32, 1.0, 0.0) * np.ones((SIZE, SIZE))
    person, distance_px = with_face(lit, _landmarks()), _from_middle()
    assert (person[distance_px < 16.0] >= 0.9).all()
    assert (person[distance_px > 20.0] == lit[distance_px > 20.0]).all()
    assert (person[:, :32] == lit[:, :32]).all()


@pytest.mark.parametrize("certainty", [0.9, 0.97, 1.0])
def test_what_is_sure_stays_as_it_is(certainty: float) -> None:
    person = np.full((SIZE, SIZE), certainty)
    assert (with_face(person, _landmarks()) == person).all()


def test_where_next_to_nobody_is_seen_nobody_is() -> None:
    """As in a dog's face."""
    person = np.full((SIZE, SIZE), 0.05)
    assert (with_face(person, _landmarks()) == person).all()


def test_a_face_outside_the_picture_changes_nothing() -> None:
    person = np.full((SIZE, SIZE), 0.5)
    assert (with_face(person, _landmarks() + 200.0) == person).all()
