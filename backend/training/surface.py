"""The surface of a subject over the chart that a portrait's sheets are to follow."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...cuda_ops.rasterise import Mesh, Texture, rasterise
from ..conventions import CHART_HALF_EXTENT
from ..manifolds import direction_to_chart
from ..networks.geometry import NECK_DEG, chart_angles_deg

NOTHING_M = 10.0
"""Farther than any sheet."""

COLLAR_M = 0.025
"""A collar this far outside the neck counts as the neck's surface."""


def followed_radius_m(
    mesh: Mesh, body_from: int, textures: Sequence[Texture], size: int, *, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from the origin [size, size], metres, of what sheets are to follow in every direction; 0 where unknown.

    It is the outermost surface, but beside the neck, where a direction meets the shoulders beyond it, it is the neck or
    its collar. The second map says where the shoulders begin there: NOTHING_M where there are none, 0 elsewhere. The
    mesh's triangles from `body_from` on are body and clothes.
    """
    outermost, opacity = outermost_radius_m(mesh, textures, size, threads=threads)
    outermost = np.where(opacity > 0.5, outermost, 0.0)
    head, body = _part(mesh, slice(body_from)), _part(mesh, slice(body_from, None))
    neck, opacity = outermost_radius_m(head, textures, size, threads=threads)
    neck = np.where(opacity > 0.5, neck, 0.0)
    clothes, _ = outermost_radius_m(body, textures, size, threads=threads, farthest=False)
    is_collar = (neck > 0) & (clothes > neck) & (clothes < neck + COLLAR_M)
    elevation_deg = chart_angles_deg(size)[1]
    beside_neck = (elevation_deg > NECK_DEG[0]) & (elevation_deg < NECK_DEG[1])
    followed = np.where(beside_neck, np.where(is_collar, clothes, neck), outermost)
    shoulders = np.where(clothes > neck, clothes, NOTHING_M)
    return followed, np.where(beside_neck & (neck > 0) & ~is_collar, shoulders, 0.0)


def _part(mesh: Mesh, triangles: slice) -> Mesh:
    return replace(mesh, triangles=mesh.triangles[triangles], texture_of_triangle=mesh.texture_of_triangle[triangles])


def outermost_radius_m(
    mesh: Mesh,
    textures: Sequence[Texture],
    size: int,
    *,
    samples: int = 2,
    threads: int | None = None,
    farthest: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the outermost surface from the origin in every direction of the chart; the innermost if asked.

    Returns radius [size, size] in metres (harmonic mean over translucent layers, 0 where there is no surface) and
    opacity [size, size]. The chart itself is drawn as a picture, with 1 / radius for depth: the farthest is in front
    (the radius itself for the innermost).
    """
    radius = np.linalg.norm(mesh.vertices_m, axis=1)
    uv = direction_to_chart(mesh.vertices_m / np.maximum(radius, 1e-6)[:, None])
    pixels = np.stack(
        [
            (uv[:, 0] / CHART_HALF_EXTENT + 1.0) * 0.5 * size,
            (1.0 - uv[:, 1] / CHART_HALF_EXTENT) * 0.5 * size,
            1.0 / np.maximum(radius, 0.02) if farthest else radius,
        ],
        axis=1,
    ).astype(np.float32)
    a, b, c = (uv[mesh.triangles[:, k]] for k in range(3))
    extent = np.maximum(np.maximum(a, b), c) - np.minimum(np.minimum(a, b), c)
    near_antipode = (uv[:, 0] ** 2 + uv[:, 1] ** 2) > 3.9
    whole = (extent[:, 0] < 0.5) & (extent[:, 1] < 0.5) & ~near_antipode[mesh.triangles[:, 0]]  # not torn there
    kept = Mesh(mesh.vertices_m, mesh.uv, mesh.gain, mesh.add, mesh.triangles[whole], mesh.texture_of_triangle[whole])
    rgba, depth = rasterise(kept, pixels, textures, size, size, samples=samples, threads=threads)
    distance = 1.0 / depth if farthest else depth
    return np.where(np.isfinite(depth), distance, 0.0).astype(np.float32), rgba[..., 3]
