"""Face landmarks: MediaPipe's face mesh, face detector and person segmentation; their models are inside its wheel.

478 points a face: 468 of the mesh, then 10 of the irises. Lugaresi et al., arXiv 1906.08172; Kartynnik et al.,
arXiv 1907.06724. The detector: BlazeFace, Bazarevsky et al., arXiv 1907.05047.
"""

import os
from contextlib import ExitStack
from functools import cache, cached_property
from types import TracebackType
from typing import Any

import numpy as np

from ..errors import ProcessingError
from ..quiet import without_chatter

POINTS = 478
"""Landmarks a face."""

MAX_FACES = 4
"""Faces looked for in a photograph: enough to know that there are several."""

MIDDLE = 0.2
"""A face is in the middle of a square if its centre is nearer to the square's than this share of the side."""


class LandmarkDetector:
    """Finds the faces of a photograph; use it as a context manager, once for many photographs.

    Raises ProcessingError where MediaPipe is not installed, or was in use before this process was forked.
    """

    def __init__(self, max_faces: int = MAX_FACES) -> None:
        os.environ.setdefault("GLOG_minloglevel", "3")
        try:
            import mediapipe
        except ImportError as error:
            raise ProcessingError(f"MediaPipe is missing ({error}): pip install mediapipe==0.10.21.") from error
        if os.getpid() != _process():
            raise ProcessingError("MediaPipe does not survive a fork: start processes by multiprocessing's 'spawn'.")
        self._solutions: Any = mediapipe.solutions
        self._max_faces = max_faces
        self._open = ExitStack()

    def __enter__(self) -> "LandmarkDetector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    # Each model takes some 10 ms to set up, and few photographs need all.

    @cached_property
    def _mesh(self) -> Any:
        mesh = self._solutions.face_mesh.FaceMesh
        return self._open.enter_context(
            mesh(
                static_image_mode=True,
                max_num_faces=self._max_faces,
                refine_landmarks=True,
                min_detection_confidence=0.4,
            )
        )

    @cached_property
    def _detection(self) -> Any:
        detection = self._solutions.face_detection.FaceDetection
        return self._open.enter_context(detection(model_selection=0, min_detection_confidence=0.1))

    @cached_property
    def _segmentation(self) -> Any:
        segmentation = self._solutions.selfie_segmentation.SelfieSegmentation
        return self._open.enter_context(segmentation(model_selection=0))

    def faces(self, photo: np.ndarray) -> np.ndarray:
        """Landmarks of all faces, largest first: [faces, 478, 2] float32, pixels of `photo` ([H, W, 3] uint8, sRGB)."""
        return self.faces_3d(photo)[..., :2]

    def faces_3d(self, photo: np.ndarray) -> np.ndarray:
        """As `faces`, [faces, 478, 3]: z towards the viewer, in pixels of x, as the mesh network guesses it."""
        with without_chatter():
            found = self._mesh.process(np.ascontiguousarray(photo)).multi_face_landmarks or []
        size = np.array([photo.shape[1], photo.shape[0], -photo.shape[1]], np.float32)
        faces = [np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * size for face in found]
        faces.sort(key=lambda points: -float(np.prod(np.ptp(points[:, :2], axis=0))))
        return np.stack(faces) if faces else np.zeros((0, POINTS, 3), np.float32)

    def middle_score(self, square: np.ndarray) -> float:
        """How sure the detector is of an upright face in the middle of [S, S, 3] uint8: 0 (none there) to 1."""
        scores = [0.0]
        with without_chatter():
            detections = self._detection.process(np.ascontiguousarray(square)).detections or []
        for found in detections:
            box = found.location_data.relative_bounding_box
            centre = np.array([box.xmin + 0.5 * box.width, box.ymin + 0.5 * box.height])
            if np.abs(centre - 0.5).max() < MIDDLE:
                scores.append(float(found.score[0]))
        return max(scores)

    def person(self, photo: np.ndarray) -> np.ndarray:
        """Probability that a pixel shows a person, [H, W] float32 in 0..1; soft and coarse (computed at 256 px)."""
        with without_chatter():
            mask = self._segmentation.process(np.ascontiguousarray(photo)).segmentation_mask
        return np.asarray(mask, np.float32)

    def mirrored_person(self, photo: np.ndarray) -> np.ndarray:
        """As `person`, told by the photo's mirror image: what stands behind somebody is often taken for a part of them
        in one of the two only."""
        return self.person(photo[:, ::-1])[:, ::-1]


@cache
def _process() -> int:
    """The process that is first to look for faces: a fork of it would end without a word when it does."""
    return os.getpid()
