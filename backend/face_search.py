"""All faces of a photograph, also those too small for the detector in the whole of it."""

import numpy as np
from PIL import Image

from . import progress
from .landmarks import LandmarkDetector

DETECTION_PX = 1280
"""Faces are looked for in pictures shrunk to this."""

WINDOW_SHARES = (0.5, 0.22)
"""Where the whole photograph shows none: sides of windows, of the photograph's shorter side."""

MIN_WINDOW_PX = 160
MAX_WINDOWS = 120
"""A panorama's windows are spread wider rather than more."""


def find_faces(photo: np.ndarray, detector: LandmarkDetector) -> np.ndarray:
    """Landmarks [faces, 478, 2] in pixels of `photo` [H, W, 3] uint8, largest first.

    Overlapping windows are searched, large ones first, only where the photograph as a whole shows no face.
    """
    faces = _in_window(photo, (0, 0), photo.shape[:2], detector)
    for share in WINDOW_SHARES:
        if faces:
            break
        side = max(MIN_WINDOW_PX, round(share * min(photo.shape[:2])))
        if side >= max(photo.shape[:2]):
            continue
        corners = _corners(photo.shape[:2], side)
        for done, corner in enumerate(corners):
            progress.report(0.05 + 0.1 * done / len(corners), "looking for a small face")
            faces += [
                points for points in _in_window(photo, corner, (side, side), detector) if not _known(points, faces)
            ]
    faces.sort(key=lambda points: -float(np.prod(np.ptp(points, axis=0))))
    return np.stack(faces) if faces else np.zeros((0, 478, 2))


def _in_window(
    photo: np.ndarray, corner: tuple[int, int], size: tuple[int, ...], detector: LandmarkDetector
) -> list[np.ndarray]:
    """Faces of a window whose top left pixel is `corner` (row, column), in pixels of the photograph."""
    top, left = corner
    window = photo[top : top + size[0], left : left + size[1]]
    height, width = window.shape[:2]
    shrink = min(1.0, DETECTION_PX / max(height, width))
    small = window
    if shrink < 1.0:
        shrunk = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = np.asarray(Image.fromarray(window).resize(shrunk, Image.Resampling.BOX))
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    return [points.astype(np.float64) * scale + [left, top] for points in detector.faces(small)]


def _corners(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """Top left pixels of windows that overlap by half, at most MAX_WINDOWS."""
    counts = [max(1, int(np.ceil(2.0 * max(extent - side, 0) / side)) + 1) for extent in shape]
    thin = max(1.0, np.sqrt(np.prod(counts) / MAX_WINDOWS))
    rows, columns = (
        np.linspace(0, max(extent - side, 0), max(1, int(count / thin))).astype(int)
        for extent, count in zip(shape, counts, strict=True)
    )
    return [(int(row), int(column)) for row in rows for column in columns]


def _known(points: np.ndarray, faces: list[np.ndarray]) -> bool:
    """Whether a face was found in a neighbouring window already."""
    reach = 0.5 * np.ptp(points, axis=0).max()
    return any(np.linalg.norm(points.mean(0) - other.mean(0)) < reach for other in faces)
