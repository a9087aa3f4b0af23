"""The surface point of every landmark, learned from photographs.

Fit the head model with the landmarks that are known, look where on the fitted surface every landmark falls, carry that
back to the neutral head, take the median over all photographs, and fit again with all of them.
"""

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..photo.landmarks import POINTS
from .assets import EYEBALL_LEFT, EYEBALL_RIGHT, FACE_INNER, HeadModel, vertex_normals
from .correspondence import FOREHEAD_OUTLINE, IRIS_LEFT, IRIS_RIGHT, LANDMARKS_68, OUTLINE, LandmarkMap, sparse_map
from .fitting import FaceFits, fit_faces

ENOUGH_PHOTOS = 240
"""More photographs than this do not move the medians."""


def dense_map(head: HeadModel, points_px: np.ndarray, rounds: int = 2) -> LandmarkMap:
    """The map of all 478, learned from the landmarks [N, 478, 2] of photographs (some hundred make it sharp)."""
    points_px = points_px[:: max(1, len(points_px) // ENOUGH_PHOTOS)]
    landmark_map = sparse_map(head)
    hidden = _inner_lips_and_lids(head)
    for _ in range(rounds):
        fits = fit_faces(head, landmark_map, points_px)
        positions = np.stack([_landing(head, fits, i, points_px[i], hidden) for i in range(len(points_px))])
        neutral = np.median(positions, axis=0)  # [478, 3]
        neutral = _symmetric(neutral)
        landmark_map = _snap(head, neutral, hidden)
    return landmark_map


def _landing(head: HeadModel, fits: FaceFits, index: int, points_px: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Where on the neutral head the landmarks [478, 2] of one fitted photograph fall, [478, 3]."""
    vertices = head.shape_m(fits.identity[index], fits.expression[index])
    pixels, _ = fits.camera(index, 64, 64).project(vertices[FACE_INNER])
    facing = vertex_normals(vertices, head.skin_triangles)[FACE_INNER] @ fits.rotation[index][2]
    seen = np.flatnonzero((facing > 0.1) & ~hidden)
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


def _snap(head: HeadModel, neutral: np.ndarray, hidden: np.ndarray) -> LandmarkMap:
    """The nearest points on the neutral face to positions [478, 3], as means of three vertices."""
    seen = np.flatnonzero(~hidden)
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
    excess = (unconstrained.sum(1) - 1.0) / (inverse @ ones).sum(1)
    shares = (unconstrained - excess[:, None] * (inverse @ ones)).clamp(0.0, 1.0)
    shares = (shares / shares.sum(1, keepdim=True)).float().numpy()
    weights = np.full(POINTS, 0.5, np.float32)
    weights[list(LANDMARKS_68)] = 1.0
    weights[list(OUTLINE)] = 0.5
    weights[list(FOREHEAD_OUTLINE)] = 0.0
    weights[POINTS - 10 :] = 0.0
    for landmark, eyeball in ((IRIS_RIGHT, EYEBALL_RIGHT), (IRIS_LEFT, EYEBALL_LEFT)):
        ball = head.neutral_m[eyeball]
        vertices[landmark] = eyeball.start + np.argsort(np.hypot(*(ball - ball.mean(0))[:, :2].T) - ball[:, 2])[:3]
        shares[landmark] = 1.0 / 3.0
        weights[landmark] = 0.5
    return LandmarkMap(vertices, shares, weights)
