"""Where hair grows on the neutral head, and the head's radius, which hair must stay outside of."""

from dataclasses import dataclass

import numpy as np

from ...cuda_ops.rasterise import rasterise
from ..conventions import CHART_HALF_EXTENT
from ..manifolds import direction_to_chart, sample_map
from .assets import FACE, SKIN, Garment, HeadModel, Wardrobe, vertex_normals
from .meshes import plain_mesh
from .surface import outermost_radius_m
from .vectors import unit

HAIRLINE_AZIMUTH_DEG = np.array([0, 30, 48, 58, 66, 74, 80, 86, 96, 108, 118, 128, 145, 180], float)
HAIRLINE_ELEVATION_DEG = np.array([47, 47, 43, 36, 24, 4, 0, 22, 29, 24, 2, -18, -30, -36], float)
"""The mean hairline seen from the origin: forehead, temple, sideburn, over the ear, behind it, nape."""

RADIUS_MAP_SIZE = 96
"""Side of the chart map of the head's radius."""

GRID = 64
"""Side of the maps of the body's front and back."""

BODY_BOX = (-0.28, 0.28, -0.45, -0.13)
"""x and y (metres) over which the body's front and back are mapped, for hair to stay outside."""


@dataclass(frozen=True)
class Scalp:
    """The neutral head as hair sees it."""

    triangles: np.ndarray  # [T, 3], skin of head and face
    vertices_m: np.ndarray  # [V, 3]
    normals: np.ndarray  # [V, 3]
    azimuth_deg: np.ndarray  # [V], 0 in front, signed
    elevation_deg: np.ndarray  # [V]
    radius_map_m: np.ndarray  # chart of the head and neck's radius
    back_radius_m: float
    is_ear: np.ndarray  # [V] bool
    chest_m: np.ndarray  # [GRID, GRID], z of the body's front over x and y (BODY_BOX), -inf beside it
    back_m: np.ndarray  # [GRID, GRID], z of the body's back, +inf beside it

    def inside_hairline(self, recession_deg: float = 0.0, lift_deg: float = 0.0, crown_deg: float = 0.0) -> np.ndarray:
        """How far (degrees, > 0 inside) each vertex lies inside the hairline, [V].

        `recession_deg` opens the corners of the forehead, `lift_deg` raises the front, `crown_deg` clears a bald cap
        of that half-angle around the crown and the top of the forehead.
        """
        azimuth = np.abs(self.azimuth_deg)
        line = np.interp(azimuth, HAIRLINE_AZIMUTH_DEG, HAIRLINE_ELEVATION_DEG)
        line = line + recession_deg * np.exp(-(((azimuth - 38.0) / 16.0) ** 2)) + lift_deg * (azimuth < 60)
        depth = self.elevation_deg - line
        if crown_deg > 0:
            crown = _unit(np.array([0.0, 0.93, 0.2]))
            cosine = np.clip(unit(self.vertices_m) @ crown, -1, 1)
            depth = np.minimum(depth, np.degrees(np.arccos(cosine)) - crown_deg)
        return np.where(self.is_ear, -90.0, depth)

    def radius_m(self, points_m: np.ndarray) -> np.ndarray:
        """The head's radius in the directions of points [..., 3], [...]."""
        distance = np.maximum(np.linalg.norm(points_m, axis=-1, keepdims=True), 1e-6)
        directions = points_m / distance
        mapped = sample_map(self.radius_map_m, direction_to_chart(directions), CHART_HALF_EXTENT)
        behind = np.clip((-directions[..., 2] - 0.25) / 0.1, 0, 1)  # the chart ends at 110 degrees
        return mapped + (self.back_radius_m - mapped) * behind

    def off_body(self, points_m: np.ndarray, clearance_m: np.ndarray) -> np.ndarray:
        """Moves points [N, 3] that are inside the chest or the back out of it along z, by the shorter way."""
        x_low, x_high, y_low, y_high = BODY_BOX
        column = np.clip(((points_m[:, 0] - x_low) / (x_high - x_low) * GRID).astype(int), 0, GRID - 1)
        row = np.clip(((y_high - points_m[:, 1]) / (y_high - y_low) * GRID).astype(int), 0, GRID - 1)
        front, back = self.chest_m[row, column] + clearance_m, self.back_m[row, column] - clearance_m
        z = points_m[:, 2]
        within = (z < front) & (z > back) & (points_m[:, 1] < y_high)
        moved = points_m.copy()
        moved[:, 2] = np.where(within, np.where(front - z < z - back, front, back), z)
        return moved


def make_scalp(head: HeadModel, wardrobe: Wardrobe) -> Scalp:
    """Prepares the neutral head once."""
    triangles = head.skin_triangles
    triangles = triangles[(triangles < SKIN.stop).all(1)]
    vertices = head.neutral_m[SKIN]
    normals = vertex_normals(vertices, triangles)
    x, y, z = vertices.T
    radius, opacity = outermost_radius_m(plain_mesh(vertices, triangles), [], RADIUS_MAP_SIZE)
    radius = np.where(opacity > 0.5, np.minimum(radius, 0.2), 0.1)
    is_ear = (
        (np.abs(x) > 0.0775) & (np.abs(y) < 0.05) & (z > -0.045) & (z < 0.03) & (np.arange(len(vertices)) < FACE.stop)
    )
    back = vertices[(z < -0.05) & (y > 0.0)]
    return Scalp(
        triangles,
        vertices,
        normals,
        np.degrees(np.arctan2(x, z)),
        np.degrees(np.arctan2(y, np.hypot(x, z))),
        radius,
        float(np.median(np.linalg.norm(back, axis=1))),
        is_ear,
        _body_side(wardrobe.body, 1.0),
        _body_side(wardrobe.body, -1.0),
    )


def _body_side(body: Garment, sign: float) -> np.ndarray:
    """z of the body's front (`sign` 1) or back (-1) surface over BODY_BOX, [GRID, GRID]; -sign inf beside it."""
    x_low, x_high, y_low, y_high = BODY_BOX
    x, y, z = body.vertices_m.T
    far = 50.0  # metres: from here the picture is as good as orthographic
    pixels = np.stack(
        [(x - x_low) / (x_high - x_low) * GRID, (y_high - y) / (y_high - y_low) * GRID, far - sign * z], 1
    )
    shoulders = body.triangles[(body.vertices_m[body.triangles][..., 1] < -0.12).all(1)]
    _, depth = rasterise(plain_mesh(body.vertices_m, shoulders), pixels, [], GRID, GRID, samples=1)
    return np.where(np.isfinite(depth), sign * (far - depth.astype(np.float64)), -sign * np.inf)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
