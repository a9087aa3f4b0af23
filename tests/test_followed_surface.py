"""The surface that sheets follow: what is outermost, but the neck where shoulders lie behind it."""

import numpy as np

from portrait_manifolds.backend.networks.geometry import chart_angles_deg
from portrait_manifolds.backend.training.surface import NOTHING_M, followed_radius_m
from portrait_manifolds.cuda_ops.rasterise import Mesh

SIZE = 64
NECK_M, COLLAR_M, SHOULDER_M = 0.055, 0.065, 0.2


def grid(points_m: np.ndarray) -> Mesh:
    """White triangles between points [R, C, 3]."""
    rows, columns = points_m.shape[:2]
    a = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + 1, a + columns], 1), np.stack([a + 1, a + columns + 1, a + columns], 1)]
    )
    count = rows * columns
    return Mesh(
        points_m.reshape(-1, 3).astype(np.float32), np.zeros((count, 2), np.float32), np.ones((count, 4), np.float32),
        np.zeros((count, 3), np.float32), triangles.astype(np.int32), np.full(len(triangles), -1, np.int32),
    )  # fmt: skip


def tube(radius_m: float, top_m: float, bottom_m: float) -> Mesh:
    """Around the vertical axis."""
    around, height = np.meshgrid(np.linspace(0, 2 * np.pi, 97), np.linspace(top_m, bottom_m, 60))
    return grid(np.stack([radius_m * np.sin(around), height, radius_m * np.cos(around)], -1))


def plane(height_m: float) -> Mesh:
    x, z = np.meshgrid(np.linspace(-0.3, 0.3, 61), np.linspace(-0.3, 0.3, 61))
    return grid(np.stack([x, np.full_like(x, height_m), z], -1))


def followed(*body: Mesh) -> tuple[np.ndarray, ...]:
    """Both maps, and their directions' azimuth and elevation, of a neck and what is worn."""
    neck = tube(NECK_M, 0.1, -0.25)
    mesh = Mesh.join([neck, *body])
    return *followed_radius_m(mesh, len(neck.triangles), [], SIZE), *chart_angles_deg(SIZE)


def test_beside_the_neck_it_is_the_neck_and_below_it_the_shoulders() -> None:
    radius_m, shoulders_m, azimuth_deg, elevation_deg = followed(plane(-SHOULDER_M))
    side = np.abs(azimuth_deg - 75.0) < 15.0
    above, neck, below = (side & (np.abs(elevation_deg - at) < 4.0) for at in (-20.0, -48.0, -70.0))
    along = np.cos(np.radians(elevation_deg))
    assert np.allclose(radius_m[above], NECK_M / along[above], atol=2e-3)
    assert np.allclose(radius_m[neck], NECK_M / along[neck], atol=2e-3)
    downward = np.sin(np.radians(-elevation_deg))
    assert np.allclose(shoulders_m[neck], SHOULDER_M / downward[neck], atol=2e-3)
    assert (shoulders_m[above] == 0.0).all() and (shoulders_m[below] == 0.0).all()
    assert np.allclose(radius_m[below], SHOULDER_M / np.sin(np.radians(-elevation_deg[below])), atol=5e-3)


def test_a_collar_counts_as_the_neck() -> None:
    radius_m, shoulders_m, azimuth_deg, elevation_deg = followed(plane(-SHOULDER_M), tube(COLLAR_M, -0.05, -0.2))
    collar = (np.abs(azimuth_deg - 75.0) < 15.0) & (np.abs(elevation_deg + 50.0) < 4.0)
    assert np.allclose(radius_m[collar], COLLAR_M / np.cos(np.radians(elevation_deg[collar])), atol=2e-3)
    assert (shoulders_m[collar] == 0.0).all()


def test_a_neck_without_shoulders_has_nothing_beyond_it() -> None:
    _, shoulders_m, azimuth_deg, elevation_deg = followed(plane(-5.0))
    neck = (np.abs(azimuth_deg - 75.0) < 15.0) & (np.abs(elevation_deg + 48.0) < 4.0)
    assert (shoulders_m[neck] == NOTHING_M).all()


def test_where_only_shoulders_are_met_beside_the_neck_nothing_is_known() -> None:
    radius_m, _ = followed_radius_m(plane(-SHOULDER_M), 0, [], SIZE)
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE)
    assert (radius_m[(np.abs(azimuth_deg - 75.0) < 15.0) & (np.abs(elevation_deg + 48.0) < 4.0)] == 0.0).all()
