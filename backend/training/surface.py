"""The outermost surface of a subject over the chart: what a portrait's displacement has to learn."""

from collections.abc import Sequence

import numpy as np

from ...cuda_ops.rasterise import Mesh, Texture, rasterise
from ..conventions import CHART_HALF_EXTENT
from ..manifolds import direction_to_chart


def outermost_radius_m(
    mesh: Mesh, textures: Sequence[Texture], size: int, *, threads: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the outermost surface from the origin in every direction of the chart.

    Returns radius [size, size] in metres (harmonic mean over translucent layers, 0 where there is no surface) and
    opacity [size, size]. The chart itself is drawn as a picture, with 1 / radius for depth: the farthest is in front.
    """
    radius = np.linalg.norm(mesh.vertices_m, axis=1)
    uv = direction_to_chart(mesh.vertices_m / np.maximum(radius, 1e-6)[:, None])
    pixels = np.stack(
        [
            (uv[:, 0] / CHART_HALF_EXTENT + 1.0) * 0.5 * size,
            (1.0 - uv[:, 1] / CHART_HALF_EXTENT) * 0.5 * size,
            1.0 / np.maximum(radius, 0.02),
        ],
        axis=1,
    ).astype(np.float32)
    a, b, c = (uv[mesh.triangles[:, k]] for k in range(3))
    extent = np.maximum(np.maximum(a, b), c) - np.minimum(np.minimum(a, b), c)
    near_antipode = (uv[:, 0] ** 2 + uv[:, 1] ** 2) > 3.9
    whole = (extent[:, 0] < 0.5) & (extent[:, 1] < 0.5) & ~near_antipode[mesh.triangles[:, 0]]  # not torn there
    kept = Mesh(mesh.vertices_m, mesh.uv, mesh.gain, mesh.add, mesh.triangles[whole], mesh.texture_of_triangle[whole])
    rgba, depth = rasterise(kept, pixels, textures, size, size, threads=threads)
    return np.where(np.isfinite(depth), 1.0 / depth, 0.0).astype(np.float32), rgba[..., 3]
