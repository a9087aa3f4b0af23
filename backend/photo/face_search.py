"""All human faces of a photograph: also those too small for the detector in the whole of it, and those not upright."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .. import progress
from ..errors import InputError
from .alignment import apply_crop, crop_from_landmarks, sample_crop
from .face_confidence import face_confidence
from .landmarks import LandmarkDetector

DETECTION_PX = 1280
"""Faces are looked for in pictures shrunk to this."""

WINDOW_SHARES = (0.5, 0.22)
"""Where the whole photograph shows none: sides of windows, of the photograph's shorter side."""

MIN_WINDOW_PX = 160
"""Least side of a window."""

MAX_WINDOWS = 120
"""A panorama's windows are spread wider rather than more."""

SURE = 0.8
"""A face of less confidence is also looked for turned."""

DOUBTFUL = 0.78
"""One of less than this is warned of."""

NO_FACE = 0.65
"""What has less than this is no human face."""

TURNING_GAIN = 0.09
"""A face is believed to lie otherwise than it was found only for so much more confidence: a hand before an upright
mouth costs some, a face that stands on its head gains more."""

TURNED_SCALE, TURNED_PX = 2.0, 384
"""Side of the square in which a face is looked for turned, in FFHQ crops, and in pixels."""


@dataclass(frozen=True)
class Face:
    """A face of a photograph."""

    points_px: np.ndarray  # [478, 2], photo pixels
    confidence: float  # that it is a human face; see face_confidence

    @property
    def quarters(self) -> int:
        """Quarters of a circle by which the photograph is to be turned clockwise for the face to be upright, 0 to 3."""
        (x, _, _), (y, _, _) = crop_from_landmarks(self.points_px)
        return round(-2.0 * np.arctan2(y, x) / np.pi) % 4

    @property
    def extent_px(self) -> float:
        """The larger side of the landmarks' box."""
        return float(np.ptp(self.points_px, axis=0).max())


def find_faces(photo: np.ndarray, detector: LandmarkDetector) -> list[Face]:
    """The human faces of `photo` [H, W, 3] uint8, upright or not, largest first.

    Overlapping windows are searched, large ones first, only where the photograph as a whole shows no face.
    """
    for found in _searches(photo, detector):
        judged = [_judged(photo, points_px, detector) for points_px in found]
        faces = _apart([face for face in judged if face.confidence >= NO_FACE])
        if faces:
            return sorted(faces, key=lambda face: -face.extent_px)
    return []


def _searches(photo: np.ndarray, detector: LandmarkDetector) -> Iterator[list[np.ndarray]]:
    """Landmarks [478, 2] of what looks like faces: in the photograph, in it turned, in windows; each only if asked."""
    whole = (0, 0), photo.shape[:2]
    yield _in_window(photo, *whole, detector)
    yield [points_px for quarters in (1, 2, 3) for points_px in _in_window(photo, *whole, detector, quarters)]
    for searched, share in enumerate(WINDOW_SHARES):
        side = max(MIN_WINDOW_PX, round(share * min(photo.shape[:2])))
        if side >= max(photo.shape[:2]):
            continue
        corners = _corners(photo.shape[:2], side)
        faces = []
        for done, corner in enumerate(corners):
            fraction = (searched + done / len(corners)) / len(WINDOW_SHARES)
            progress.report(0.05 + 0.1 * fraction, "looking for a small face")
            faces += _in_window(photo, corner, (side, side), detector)
        yield faces


def _judged(photo: np.ndarray, points_px: np.ndarray, detector: LandmarkDetector) -> Face:
    """The face as it was found or, where that is doubtful, as it is found in its own square turned by quarters.

    A face on its side is looked for again in any case: the mesh is most exact where it is upright.
    """
    face = _face(photo, points_px, detector)
    if face.confidence >= SURE and face.quarters == 0:
        return face
    for points in _in_turned_square(photo, points_px, detector):
        turned = _face(photo, points, detector)
        gain = 0.0 if turned.quarters == face.quarters else TURNING_GAIN
        if turned.confidence > face.confidence + gain:
            face = turned
    return face


def _face(photo: np.ndarray, points_px: np.ndarray, detector: LandmarkDetector) -> Face:
    """The face of landmarks [478, 2], as surely as it is one."""
    try:
        return Face(points_px, face_confidence(photo, points_px, detector))
    except InputError:  # the points fall together
        return Face(points_px, -1.0)


def _in_turned_square(photo: np.ndarray, points_px: np.ndarray, detector: LandmarkDetector) -> Iterator[np.ndarray]:
    """Landmarks [478, 2] of the square around a face, turned by each quarter, in pixels of the photograph."""
    try:
        crop = crop_from_landmarks(points_px, TURNED_SCALE)
    except InputError:
        return
    for quarters in (1, 2, 3):
        turn = np.linalg.matrix_power([[0.0, 1.0], [-1.0, 0.0]], quarters)
        turned = np.concatenate([crop[:, :2] @ turn, crop[:, 2:]], 1)
        for found in detector.faces(sample_crop(photo, turned, TURNED_PX)):
            yield apply_crop(turned, 2.0 / TURNED_PX * found.astype(np.float64) - 1.0)


def _in_window(
    photo: np.ndarray, corner: tuple[int, int], size: tuple[int, ...], detector: LandmarkDetector, quarters: int = 0
) -> list[np.ndarray]:
    """Faces of a window whose top left pixel is `corner` (row, column), in pixels of the photograph.

    The detector is shown the window turned by `quarters` of a circle against the clock.
    """
    top, left = corner
    window = photo[top : top + size[0], left : left + size[1]]
    height, width = window.shape[:2]
    shrink = min(1.0, DETECTION_PX / max(height, width))
    small = window
    if shrink < 1.0:
        shrunk = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = np.asarray(Image.fromarray(window).resize(shrunk, Image.Resampling.BOX))
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    found = [points.astype(np.float64) for points in detector.faces(np.rot90(small, quarters))]
    return [_turned_back(points, small.shape, quarters) * scale + [left, top] for points in found]


def _turned_back(points: np.ndarray, shape: tuple[int, ...], quarters: int) -> np.ndarray:
    """Points [N, 2] of a picture that was turned by `quarters` against the clock, in the picture [H, W] before."""
    height, width = shape[:2]
    x, y = points.T
    return np.stack([(x, y), (width - y, x), (width - x, height - y), (y, height - x)][quarters], -1)


def _corners(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """Top left pixels of windows that overlap by half, at most MAX_WINDOWS."""
    counts = [max(1, int(np.ceil(2.0 * max(extent - side, 0) / side)) + 1) for extent in shape]
    thin = max(1.0, np.sqrt(np.prod(counts) / MAX_WINDOWS))
    rows, columns = (
        np.linspace(0, max(extent - side, 0), max(1, int(count / thin))).astype(int)
        for extent, count in zip(shape, counts, strict=True)
    )
    return [(int(row), int(column)) for row in rows for column in columns]


def _apart(faces: list[Face]) -> list[Face]:
    """Each face once, as it is surest: it may have been found in several windows or turns."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        centre, reach = face.points_px.mean(0), 0.5 * face.extent_px
        if all(np.linalg.norm(centre - other.points_px.mean(0)) >= reach for other in kept):
            kept.append(face)
    return kept
