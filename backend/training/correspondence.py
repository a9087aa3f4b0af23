"""Which point of the head model each of MediaPipe's landmarks is: 68 by hand, the rest by dense_correspondence.py."""

from dataclasses import dataclass

import numpy as np

from ..photo.landmarks import POINTS
from .assets import HeadModel

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
"""MediaPipe's points in the irises' middles."""


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
