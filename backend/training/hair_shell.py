"""The wardrobe's hair meshes with what strand textures need: where strands run, and where they end."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from .. import conventions
from .assets import Garment, vertex_normals
from .vectors import unit

WHORL = np.array(conventions.WHORL)

AHEAD_M, ALONE_M = 0.012, 0.0075
"""An open edge is a hem where no vertex is nearer than the second to what lies so far along the strands."""

FARTHEST_M = 0.5
"""Distances to a hem are told up to this."""


@dataclass(frozen=True)
class HairShell:
    """A wardrobe style with what its strand textures need."""

    garment: Garment  # see `make_shell`

    @cached_property
    def normals(self) -> np.ndarray:
        """Outward normals, [N, 3]."""
        vertices = self.garment.vertices_m
        outward = unit(vertices)
        normals = vertex_normals(vertices, _welded(vertices, self.garment.triangles))[_twin(vertices)]
        normals = normals * np.where((normals * outward).sum(1, keepdims=True) < 0, -1.0, 1.0)
        return unit(normals + 0.5 * outward).astype(np.float32)

    @cached_property
    def hem_m(self) -> np.ndarray:
        """Distance along the mesh to the nearest open edge that hangs (lower than its strip's middle), [N]."""
        vertices = self.garment.vertices_m
        triangles = _welded(vertices, self.garment.triangles)
        edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
        unique, counts = np.unique(edges, axis=0, return_counts=True)
        rim = np.unique(unique[counts == 1])
        length = np.linalg.norm(vertices[unique[:, 0]] - vertices[unique[:, 1]], axis=1)
        graph = coo_matrix((length, tuple(unique.T)), shape=(len(vertices),) * 2).tocsr()
        # The hem is where strands point out of the mesh: few vertices farther along the flow are near.
        ahead = cKDTree(vertices).query(vertices[rim] + AHEAD_M * self.flow[rim], k=1)[0]
        hem = rim[ahead > ALONE_M]
        ends = hem if len(hem) else rim
        distance = dijkstra(graph, directed=False, indices=ends, min_only=True, limit=FARTHEST_M)
        return np.where(np.isfinite(distance), distance, FARTHEST_M)[_twin(vertices)]

    @cached_property
    def flow(self) -> np.ndarray:
        """Direction of the strands, away from the whorl and down, [N, 3]."""
        outward = unit(self.garment.vertices_m)
        away = -WHORL + np.array([0.0, -0.6, 0.0])
        return unit(away - outward * (outward @ away)[:, None])

    @cached_property
    def across(self) -> np.ndarray:
        """Texture coordinate across the strands: the azimuth around the whorl's axis, in turns, [N]."""
        turns = whorl_turns(self.garment.vertices_m)
        of_corners = turns[self.garment.triangles]
        wrapped = np.unique(self.garment.triangles[np.ptp(of_corners, axis=1) > 0.5])
        return turns + np.isin(np.arange(len(turns)), wrapped) * (turns < 0)


def whorl_turns(points_m: np.ndarray) -> np.ndarray:
    """Azimuth of points [N, 3] around the whorl's axis in turns, 0 in front, the jump behind, [N]."""
    right = np.cross(WHORL, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    front = np.cross(right, WHORL)
    return np.arctan2(points_m @ right, points_m @ front) / (2 * np.pi)


def make_shell(garment: Garment) -> HairShell:
    """A wardrobe style cut open where the azimuth jumps: triangles across the jump get vertices of their own."""
    turns = whorl_turns(garment.vertices_m)
    crossing = np.ptp(turns[garment.triangles], axis=1) > 0.5
    own, index = np.unique(garment.triangles[crossing], return_inverse=True)
    triangles = garment.triangles.copy()
    triangles[crossing] = len(turns) + index.reshape(-1, 3)
    faces = triangles[:, [0, 1, 2, 2]].astype(np.int32)
    return HairShell(Garment(garment.name, np.concatenate([garment.vertices_m, garment.vertices_m[own]]), faces))


def _twin(vertices: np.ndarray) -> np.ndarray:
    """Index of the first vertex in the same place, [N]."""
    _, first, inverse = np.unique(np.round(vertices, 7), axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()]


def _welded(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles that name each place only once, so that a cut for texture coordinates is no open edge."""
    return _twin(vertices)[triangles]
