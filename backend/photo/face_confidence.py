"""Whether landmarks lie on an upright human face. A face mesh also fits cats and faces that stand on their heads.

Two witnesses, both asked about the face's own square: MediaPipe's detector, which was taught upright human faces, and
the mesh itself, which must find a true face's points again in the mirrored picture.
"""

import numpy as np

from .alignment import MOUTH_LEFT, MOUTH_RIGHT, crop_from_landmarks, invert_crop, sample_crop
from .landmarks import LandmarkDetector

SQUARE_PX = 192
"""Side of the face's square as both witnesses see it."""

ON_THE_RIGHT = (33, 160, 158, 133, 153, 144, MOUTH_RIGHT, 105, 234, 98)
ON_THE_LEFT = (263, 387, 385, 362, 380, 373, MOUTH_LEFT, 334, 454, 327)
"""Landmarks that a mirror swaps: the person's eye, mouth, brow, cheek and nostril."""

IN_THE_MIDDLE = (10, 4, 0, 17, 152)
"""Those that it leaves: forehead, tip of the nose, lips, chin."""

DISAGREEMENT_WEIGHT = 3.0
"""The detector's score is marked down by this times the disagreement, in halves of the square's side."""

LARGEST_DISAGREEMENT = 1.0 / DISAGREEMENT_WEIGHT
"""More is not told apart: it costs a whole score."""


def face_confidence(photo: np.ndarray, points_px: np.ndarray, detector: LandmarkDetector) -> float:
    """Confidence, -1..1, that landmarks [478, 2] lie on an upright human face of `photo` [H, W, 3] uint8.

    Of the 72 portraits of the test part 0.86 to 0.95, of most animals below 0.6. Raises InputError where the points
    make no face.
    """
    crop = crop_from_landmarks(points_px)
    square = sample_crop(photo, crop, SQUARE_PX)
    expected = _mirrored(invert_crop(crop, points_px))
    disagreement = LARGEST_DISAGREEMENT
    for found in detector.faces(square[:, ::-1]):
        seen = (2.0 / SQUARE_PX * found - 1.0)[list(ON_THE_RIGHT + ON_THE_LEFT + IN_THE_MIDDLE)]
        disagreement = min(disagreement, float(np.sqrt(((seen - expected) ** 2).sum(-1).mean())))
    return detector.middle_score(square) - DISAGREEMENT_WEIGHT * disagreement


def _mirrored(points: np.ndarray) -> np.ndarray:
    """Where a mirror takes the points [478, 2] of the square: right, left, middle, [25, 2]."""
    return points[list(ON_THE_LEFT + ON_THE_RIGHT + IN_THE_MIDDLE)] * (-1.0, 1.0)
