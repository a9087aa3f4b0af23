"""How far a face is from the one in a photograph."""

import numpy as np
import pytest

from portrait_manifolds.backend.evaluation.identity import distances


class _Stub:
    """Finds a face wherever a picture is not black, and takes its mean colour for the person."""

    def faces(self, picture: np.ndarray) -> np.ndarray:
        return np.zeros((int(picture.any()), 478, 2))

    def embedding(self, picture: np.ndarray, points_px: np.ndarray) -> np.ndarray:
        return picture.mean((0, 1)) / 255.0


def test_identity_is_the_distance_to_the_photograph() -> None:
    stub, (red, green, black) = (
        _Stub(),
        (np.full((8, 8, 3), c, np.uint8) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 0))),
    )
    away = distances(red, {"same": red, "other": green, "nobody": black}, stub, stub)
    assert away == {"same": 0.0, "other": pytest.approx(2.0**0.5), "nobody": 1.0}
    assert distances(black, {"same": black}, stub, stub) == {} == distances(red, {"same": red}, stub, None)
