"""The mean shape keeps the face's relief."""

import numpy as np

from portrait_manifolds.backend.manifolds import map_grid, resample_map
from portrait_manifolds.backend.training.mean_shape import mean_shape_m


def test_smoothing_takes_no_nose_away() -> None:
    heads = [np.full((64, 64), 0.11) * (1.0 + 0.2 * bump(64)) for _ in range(3)]
    face = 0.11 * (1.0 + 0.2 * bump(128))
    hollow = np.linalg.norm(map_grid(128) - [0.4, 0.3], axis=-1) < 0.05
    mean = mean_shape_m(heads, np.full((128, 128), 0.11), np.where(hollow, 0.0, face))
    without = mean_shape_m(heads, np.full((128, 128), 0.11), np.full((128, 128), 0.11))
    nose = np.unravel_index(face.argmax(), face.shape)
    assert face[nose] - mean[nose] < 0.5 * (face[nose] - without[nose])
    assert np.abs(mean[hollow] - 0.11).max() < 1e-3  # no hole between the lids
    np.testing.assert_allclose(mean[:20], resample_map(np.full((64, 64), 0.11), 128)[:20], rtol=1e-4)


def bump(size: int) -> np.ndarray:
    """A nose: one at the chart's middle, 0.08 wide, [size, size]."""
    return np.exp(-0.5 * (np.linalg.norm(map_grid(size), axis=-1) / 0.08) ** 2)
