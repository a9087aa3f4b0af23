"""Meshes without texture, and where a camera sees them: for pictures of shape, depth and plain colours."""

import numpy as np

from ...cuda_ops.rasterise import Mesh


def plain_mesh(vertices_m: np.ndarray, triangles: np.ndarray, gain: np.ndarray | None = None) -> Mesh:
    """Triangles [T, 3] over vertices [V, 3] as a mesh, white unless colours `gain` [V, 4], linear, are given."""
    count = len(vertices_m)
    white = np.ones((count, 4), np.float32)
    return Mesh(
        vertices_m, np.zeros((count, 2), np.float32), white if gain is None else gain,
        np.zeros((count, 3), np.float32), triangles, np.full(len(triangles), -1, np.int32),
    )  # fmt: skip


def positions(pixels: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """What a camera's `project` gives, [V, 2] and [V], as `rasterise` takes it, [V, 3] float32."""
    return np.concatenate([pixels, depth_m[:, None]], axis=1).astype(np.float32)
