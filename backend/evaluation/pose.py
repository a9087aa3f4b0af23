"""How far a head is seen to turn between two pictures: MediaPipe's points, rigidly aligned."""

import numpy as np

from ..photo.alignment import LandmarkTemplate


def seen_turn_deg(before_px: np.ndarray, after_px: np.ndarray, template: LandmarkTemplate) -> tuple[float, float]:
    """Yaw and pitch in degrees by which the camera is seen to have moved, as `Camera.orbited` counts them.

    Takes landmarks [478, 3] of both pictures in pixels, z towards the viewer. They are brought onto each other by the
    rotation and scale of least squares (Umeyama, PAMI 1991) with the template's weights, seen from very far.
    """
    weights = template.weights[:, None] / template.weights.sum()
    before, after = (points * (1.0, -1.0, 1.0) for points in (before_px, after_px))
    before, after = (points - (weights * points).sum(0) for points in (before, after))
    left, _, right = np.linalg.svd(after.T @ (weights * before))
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    turn = left @ mirror @ right  # before to after, camera axes: the inverse of the camera's own turn
    flat = float(np.hypot(turn[0, 2], turn[2, 2]))
    return float(np.degrees(np.arctan2(-turn[0, 2], turn[2, 2]))), float(np.degrees(np.arctan2(-turn[1, 2], flat)))
