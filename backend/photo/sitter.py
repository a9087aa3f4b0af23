"""The face of a photograph that a portrait is made of: found, aligned, and what of it will suffer said."""

import logging
from numbers import Integral

import numpy as np

from ..errors import InputError
from .alignment import Alignment, LandmarkTemplate, align
from .face_search import DOUBTFUL, find_faces
from .landmarks import LandmarkDetector
from .photograph import Photograph

log = logging.getLogger(__name__)

SOME_CUT, MUCH_CUT = 0.01, 0.1
"""Shares of the landmarks beyond the photo's border: the first is warned of, the second refused."""

SMALL_FACE_PX = 80
"""A face is small, and warned of, whose landmarks extend less."""

STRONG_TURN_DEG, MAX_TURN_DEG = 40.0, 65.0
"""Turns away from the camera beyond the first are warned of, beyond the second refused."""

DARK = 60
"""A face is dark, and warned of, whose brightest tenth is darker, of 255."""

CLIPPED, MUCH_CLIPPED = 252, 0.25
"""A channel above the first is clipped; a larger share of such pixels than the second is warned of."""

ENOUGH_PX = 256
"""So many rows of a face tell its light."""

TURNED = {
    1: "the photo lies on its side: it was turned by 90 degrees clockwise",
    2: "the photo is upside down: it was turned by 180 degrees",
    3: "the photo lies on its side: it was turned by 90 degrees against the clock",
}
"""By the quarters of a circle clockwise that set the face upright."""

LEAST_CROP_FOV_DEG, MAX_CROP_FOV_DEG = 0.5, 40.0
"""A lens is hardly believed if it makes the face's own square narrower or wider than these, as if taken from 40 m or
from half a metre: the photograph was cut out of another."""


def find_face(photograph: Photograph, face: int = 1) -> np.ndarray:
    """Landmarks [478, 2] of the `face`-th largest face in photo pixels; raises InputError if it is not there."""
    if not isinstance(face, Integral) or face < 1:
        raise InputError(f"There is no face {face}: faces count from 1, the largest.")
    with LandmarkDetector() as detector:
        faces = find_faces(photograph.rgb, detector)
    if not len(faces):
        raise InputError("No face was found: use a photo of a person's face, seen from the front and not cut off.")
    if face > len(faces):
        choice = f"choose 1 (the largest) to {len(faces)}" if len(faces) > 1 else "choose 1"
        raise InputError(f"There is no face {face}, only {len(faces)} found: {choice}.")
    if len(faces) > 1:
        log.warning("%d faces found: taking face %d, counted from the largest (choose with --face)", len(faces), face)
    chosen = faces[face - 1]
    points_px, size_px = chosen.points_px, np.array(photograph.size_px)
    cut = ((points_px < -0.02 * size_px) | (points_px > 1.02 * size_px)).any(1).mean()
    if cut > MUCH_CUT:
        raise InputError("The face is cut off by the photo's border: use a photo that shows all of it.")
    if cut > SOME_CUT:
        log.warning("the face reaches beyond the photo's border: what is cut off is missing")
    if chosen.quarters:
        log.warning(TURNED[chosen.quarters])
    if chosen.confidence < DOUBTFUL:
        log.warning("this is hardly a human face, or much of it is hidden: the portrait may fail")
    if chosen.extent_px < SMALL_FACE_PX:
        log.warning("the face is only %d pixels tall: the portrait will be soft", chosen.extent_px)
    return points_px


def align_photograph(
    photograph: Photograph, points_px: np.ndarray, template: LandmarkTemplate, fov_deg: float | None
) -> Alignment:
    """Crop and camera; a field of view from EXIF is used only where it is believable for a portrait."""
    alignment = align(points_px, photograph.size_px, template, fov_deg=fov_deg)
    if fov_deg is not None and not _believable(alignment):
        log.warning(
            "a field of view of %g degrees puts the camera %.1f m from the head: the portrait may be flat or lack "
            "parts (without one a usual portrait lens is assumed)",
            fov_deg,
            np.linalg.norm(alignment.camera.position_m),
        )
    if fov_deg is None and photograph.fov_deg is not None:
        measured = align(points_px, photograph.size_px, template, fov_deg=photograph.fov_deg)
        if _believable(measured):
            alignment = measured
        else:
            log.warning("the photo's EXIF lens does not fit the face's size: a usual portrait lens is assumed")
    turn_deg = float(np.degrees(np.arccos(np.clip(_facing(alignment), -1.0, 1.0))))
    if turn_deg > MAX_TURN_DEG:
        raise InputError(f"The face is turned away by {turn_deg:.0f} degrees: use a photo that shows both eyes.")
    if turn_deg > STRONG_TURN_DEG:
        log.warning("the face is turned away by %.0f degrees: its far side is guessed", turn_deg)
    _say_poor_light(photograph, points_px)
    return alignment


def _say_poor_light(photograph: Photograph, points_px: np.ndarray) -> None:
    """Of the box around the landmarks [478, 2]. Its brightest part counts: dark skin in good light is not dark."""
    size_px = np.array(photograph.size_px)
    left, top = np.clip(points_px.min(0), 0, size_px - 1).astype(int)
    right, bottom = np.clip(np.ceil(points_px.max(0)), 1, size_px).astype(int)
    stride = 1 + (bottom - top) // ENOUGH_PX
    face = photograph.rgb[top:bottom:stride, left:right:stride]
    if np.percentile(face.mean(-1), 90) < DARK:
        log.warning("the face is dark: the portrait will be noisy")
    if (face.max(-1) >= CLIPPED).mean() > MUCH_CLIPPED:
        log.warning("the face is overexposed: what is white in the photo stays without detail")


def _believable(alignment: Alignment) -> bool:
    """Whether a camera could have taken the face's square."""
    return LEAST_CROP_FOV_DEG < alignment.crop_camera(256).fov_deg < MAX_CROP_FOV_DEG


def _facing(alignment: Alignment) -> float:
    """Cosine of the angle between where the face looks and the camera."""
    position = alignment.camera.position_m
    return float(position[2] / np.linalg.norm(position))
