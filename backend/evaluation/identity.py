"""Whether it is still the same person: dlib's face embedding (King, http://dlib.net; a ResNet of 29 layers).

The embedding's usual scale: photographs of one person lie less than 0.6 apart. Needs the `evaluation` extra.
"""

import importlib.util
import logging
from pathlib import Path

import numpy as np

from ..errors import ProcessingError
from ..photo.landmarks import LandmarkDetector

log = logging.getLogger(__name__)

MODEL = "models/dlib_face_recognition_resnet_model_v1.dat"
CHIP_POINTS = (263, 362, 33, 133, 2)
"""The five points by which dlib cuts out a face: corners of the left and right eye, outer first; under the nose."""

CHIP_PX, CHIP_PADDING = 150, 0.25
MISSING = "The face embedding is missing: pip install 'portrait-manifolds[evaluation]'"


class FaceEmbedder:
    """Faces to points on a sphere of identities; raises ProcessingError where dlib or its model is not installed."""

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise ProcessingError(f"{MISSING} ({error}).") from error
        # Found, not imported: the package needs pkg_resources only to tell where its files lie.
        spec = importlib.util.find_spec("face_recognition_models")
        places = [Path(place) / MODEL for place in (spec.submodule_search_locations or [])] if spec else []
        if not places or not places[0].is_file():
            raise ProcessingError(f"{MISSING} (no face_recognition_models).")
        self._dlib = dlib
        self._network = dlib.face_recognition_model_v1(str(places[0]))

    def embedding(self, picture: np.ndarray, points_px: np.ndarray) -> np.ndarray:
        """[128] of the face with landmarks [478, 2] in a picture [H, W, 3] uint8."""
        dlib = self._dlib
        corners = np.rint([points_px.min(0), points_px.max(0)]).astype(int).ravel().tolist()
        parts = dlib.points([dlib.point(*np.rint(points_px[index]).astype(int).tolist()) for index in CHIP_POINTS])
        shape = dlib.full_object_detection(dlib.rectangle(*corners), parts)
        chip = dlib.get_face_chip(np.ascontiguousarray(picture), shape, CHIP_PX, CHIP_PADDING)
        return np.array(self._network.compute_face_descriptor(chip))


def embedder_if_installed() -> FaceEmbedder | None:
    """The embedder; without one a warning says why."""
    try:
        return FaceEmbedder()
    except ProcessingError as error:
        log.warning("no figures of identity: %s", error)
        return None


def distances(
    photo: np.ndarray, pictures: dict[str, np.ndarray], detector: LandmarkDetector, embedder: FaceEmbedder | None
) -> dict[str, float]:
    """How far the faces in pictures [H, W, 3] uint8 are from a photograph's; 1 where there is none.

    Empty without an embedder, or a face in the photograph.
    """
    faces = detector.faces(photo)
    if embedder is None or not len(faces):
        return {}
    person = embedder.embedding(photo, faces[0])
    away = {}
    for name, picture in pictures.items():
        faces = detector.faces(picture)
        away[name] = float(np.linalg.norm(embedder.embedding(picture, faces[0]) - person)) if len(faces) else 1.0
    return away
