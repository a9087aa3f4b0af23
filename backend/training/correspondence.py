"""Which point of the head model each of MediaPipe's landmarks is.

68 of them are known by hand. The others are learned from photographs: fit with the known ones, look where on the
fitted surface every landmark falls, carry that back to the neutral head, and take the median over all photographs.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..landmarks import POINTS
from .assets import EYEBALL_LEFT, EYEBALL_RIGHT, FACE_INNER, HeadModel, vertex_normals

LANDMARKS_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107, 336, 296,
    334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61,
    39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip
"""MediaPipe's index of each of the usual 68 points."""

OUTLINE = (
    356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127,
)  # fmt: skip
"""MediaPipe's points on the face's outline from temple to temple below the brows; they slide over the skin."""

FOREHEAD_OUTLINE = (10, 338, 297, 332, 284, 251, 389, 162, 21, 54, 103, 67, 109)
"""The outline over the forehead: guessed by the detector where hair hides it, so of no weight in a fit."""

IRIS_RIGHT, IRIS_LEFT = 468, 473


@dataclass(frozen=True)
class LandmarkMap:
    """Every landmark as a mean of three vertices; weight 0 where a landmark is not used."""

    vertices: np.ndarray  # [478, 3] indices
    shares: np.ndarray  # [478, 3], rows sum to one
    weights: np.ndarray  # [478], 0..1

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Vertex values [V, C] at the landmarks, [478, C] float32."""
        return np.einsum("kj,kjc->kc", self.shares, values[self.vertices]).astype(np.float32)


def sparse_map(head: HeadModel) -> LandmarkMap:
    """The hand-made map: 68 landmarks, the rest unused."""
    vertices = np.zeros((POINTS, 3), np.int32)
    weights = np.zeros(POINTS, np.float32)
    vertices[list(LANDMARKS_68)] = head.landmarks68[:, None]
    weights[list(LANDMARKS_68)] = 1.0
    weights[list(OUTLINE)] = 0.5
    weights[list(FOREHEAD_OUTLINE)] = 0.0
    weights[[71, 63, 105, 66, 107, 336, 296, 334, 293, 301]] = 0.5  # hair of the brows is not their bone
    shares = np.tile(np.array([1.0, 0.0, 0.0], np.float32), (POINTS, 1))
    return LandmarkMap(vertices, shares, weights)


def dense_map(head: HeadModel, points_px: np.ndarray, rounds: int = 2) -> LandmarkMap:
    """The map of all 478, learned from the landmarks [N, 478, 2] of photographs (some hundred make it sharp)."""
    from .fitting import fit_faces

    landmark_map = sparse_map(head)
    for _ in range(rounds):
        fits = fit_faces(head, landmark_map, points_px)
        positions = np.stack([_landing(head, fits, i, points_px[i]) for i in range(len(points_px))])
        neutral = np.median(positions, axis=0)  # [478, 3]
        neutral = _symmetric(neutral)
        landmark_map = _snap(head, neutral)
    return landmark_map


def _landing(head: HeadModel, fits: object, index: int, points_px: np.ndarray) -> np.ndarray:
    """Where on the neutral head the landmarks [478, 2] of one fitted photograph fall, [478, 3]."""
    from .fitting import FaceFits

    assert isinstance(fits, FaceFits)
    vertices = head.shape_m(fits.identity[index], fits.expression[index])
    pixels, _ = fits.camera(index, 64, 64).project(vertices[FACE_INNER])
    facing = vertex_normals(vertices, head.skin_triangles)[FACE_INNER] @ fits.rotation[index][2]
    seen = np.flatnonzero((facing > 0.1) & ~_inner_lips_and_lids(head))
    distance, nearest = cKDTree(pixels[seen]).query(points_px, k=3)
    shares = 1.0 / (distance + 1e-3)
    shares /= shares.sum(1, keepdims=True)
    return np.einsum("kj,kjc->kc", shares, head.neutral_m[FACE_INNER][seen][nearest])


def _inner_lips_and_lids(head: HeadModel) -> np.ndarray:
    """Face vertices that the neutral head hides from the front (inside of nostrils, lips, lids), [6706] bool."""
    x, y, z = head.neutral_m[FACE_INNER].T
    tree = cKDTree(np.stack([x, y], 1))
    near = tree.query_ball_point(np.stack([x, y], 1), 0.0015)
    front = np.array([z[group].max() for group in near])
    return front - z > 0.006


def _symmetric(positions: np.ndarray) -> np.ndarray:
    """Averages each landmark with its mirrored twin; `positions` [478, 3]."""
    flipped = positions * np.array([-1.0, 1.0, 1.0])
    twin = cKDTree(flipped[:468]).query(positions[:468])[1]
    mutual = twin[twin] == np.arange(468)
    result = positions.copy()
    result[:468][mutual] = 0.5 * (positions[:468] + flipped[:468][twin])[mutual]
    return result


def _snap(head: HeadModel, neutral: np.ndarray) -> LandmarkMap:
    """The nearest points on the neutral face to positions [478, 3], as means of three vertices."""
    seen = np.flatnonzero(~_inner_lips_and_lids(head))
    tree = cKDTree(head.neutral_m[FACE_INNER][seen])
    _, near = tree.query(neutral, k=3)
    vertices = seen[near].astype(np.int32)
    corners = torch.from_numpy(head.neutral_m[vertices]).double()  # [478, 3, 3]
    target = torch.from_numpy(neutral).double()
    # Least squares for the shares that sum to one, drawn towards equal ones where the corners are nearly in line.
    basis = corners.transpose(1, 2)
    normal = basis.transpose(1, 2) @ basis + 1e-8 * torch.eye(3)
    right = (basis.transpose(1, 2) @ target[..., None])[..., 0] + 1e-8 / 3.0
    ones = torch.ones(3, dtype=torch.float64)
    inverse = torch.linalg.inv(normal)
    unconstrained = (inverse @ right[..., None])[..., 0]
    excess = (unconstrained.sum(1) - 1.0) / (inverse @ ones) .sum(1)
    shares = (unconstrained - excess[:, None] * (inverse @ ones)).clamp(0.0, 1.0)
    shares = (shares / shares.sum(1, keepdim=True)).float().numpy()
    weights = np.full(POINTS, 0.5, np.float32)
    weights[list(LANDMARKS_68)] = 1.0
    weights[list(OUTLINE)] = 0.5
    weights[list(FOREHEAD_OUTLINE)] = 0.0
    weights[POINTS - 10 :] = 0.0
    for landmark, eyeball in ((IRIS_RIGHT, EYEBALL_RIGHT), (IRIS_LEFT, EYEBALL_LEFT)):
        ball = head.neutral_m[eyeball]
        vertices[landmark] = eyeball.start + np.argsort(np.hypot(*(ball - ball[:, :].mean(0))[:, :2].T) - ball[:, 2])[:3]
        shares[landmark] = 1.0 / 3.0
        weights[landmark] = 0.5
    return LandmarkMap(vertices, shares, weights)
