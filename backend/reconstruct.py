"""One photograph to one portrait."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from . import progress
from .conventions import MAX_REFINE_STEPS, TEXTURE_SIZES
from .errors import InputError
from .manifolds import Manifolds
from .photo.alignment import Alignment, LandmarkTemplate, align, check_fov, sample_crop
from .photo.face_search import DOUBTFUL, find_faces
from .photo.input_view import input_view
from .photo.landmarks import LandmarkDetector
from .photo.photograph import Photograph, load_photograph, photograph_of
from .portrait import Crop, Portrait
from .refine import refine, refine_on_gpu, sharpens_on_gpu

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]

SHARPENING_STEPS = 2
"""What sampling the photograph into textures blurs, two steps bring back; more are taken on request."""

SOME_CUT, MUCH_CUT = 0.01, 0.1
"""Shares of the landmarks beyond the photo's border: the first is warned of, the second refused."""

SMALL_FACE_PX = 80
STRONG_TURN_DEG = 40.0
MAX_TURN_DEG = 65.0
DARK = 60
CLIPPED, MUCH = 252, 0.25
"""Below or above these a warning is given, or the photograph refused: extent of the landmarks, turn, brightness of the
face's brightest tenth, share of its pixels with a channel that is clipped."""

ENOUGH_PX = 256
"""So many rows of a face tell its light."""

TURNED = {
    1: "the photo lies on its side: it was turned by 90 degrees clockwise",
    2: "the photo is upside down: it was turned by 180 degrees",
    3: "the photo lies on its side: it was turned by 90 degrees against the clock",
}
"""By the quarters of a circle clockwise that set the face upright."""

LEAST_PERSON = 0.05
"""A person fills more than this share of the square around the head, whatever the hair and the clothes."""

LEAST_CROP_FOV_DEG, MAX_CROP_FOV_DEG = 0.5, 40.0
"""A lens is hardly believed if it makes the face's own square narrower or wider than these, as if taken from 40 m or
from half a metre: the photograph was cut out of another."""


def reconstruct(
    photo: Path | str | np.ndarray | Photograph,
    *,
    texture_size: int = 512,
    fov_deg: float | None = None,
    face: int = 1,
    device: Device = "auto",
    refine_steps: int = 0,
) -> Portrait:
    """Reconstructs a portrait from a file, from pixels [H, W, 3] uint8 (sRGB) or from what was read already.

    `texture_size` is a power of two, 256 to 1024; `fov_deg` the photograph's vertical field of view (by default from
    EXIF, else 12 degrees across the face's square); `face` counts from the largest; `refine_steps` match the
    textures longer to the photograph than the few steps that are always taken. Method: Deng et al., CVPR 2023
    (arXiv 2211.13901), with pixel-aligned colour and displaced sheets.
    Raises InputError for a photograph without a usable face, ProcessingError where weights or MediaPipe are missing.
    """
    check_choices(texture_size, refine_steps)
    if fov_deg is not None:
        check_fov(fov_deg)
    photograph = _photograph(photo)
    device_name = choose_device(device)
    progress.report(0.05, "finding the face")
    points_px = find_face(photograph, face)
    progress.report(0.15, "loading the networks")

    from .networks.weights import load_weights

    alignment = align_photograph(photograph, points_px, load_weights(device_name).template, fov_deg)
    return aligned_portrait(photograph, alignment, texture_size, device_name, refine_steps)


def check_choices(texture_size: int, refine_steps: int = 0) -> None:
    """Raises InputError for what no portrait can be made with."""
    if texture_size not in TEXTURE_SIZES:
        raise InputError(f"Textures of {texture_size} texels cannot be made: use 256, 512 or 1024.")
    if not 0 <= refine_steps <= MAX_REFINE_STEPS:
        raise InputError(f"{refine_steps} steps of refinement cannot be made: give 0 to {MAX_REFINE_STEPS}.")


def aligned_portrait(
    photograph: Photograph, alignment: Alignment, texture_size: int, device_name: str, refine_steps: int = 0
) -> Portrait:
    """The portrait of a photograph whose crop and camera are known already; `device_name` is torch's."""
    progress.report(0.35, "making the portrait")

    import torch

    from ..cuda_ops.recorded import recording
    from .networks.inversion import as_input
    from .networks.weights import load_weights
    from .shape.body import with_body
    from .shape.ears import with_ears
    from .shape.face_end import FaceEnd
    from .shape.hair_beside import with_hair_beside
    from .shape.neck import with_neck
    from .shape.neck_column import Silhouette, without_walls
    from .shape.relief import with_relief
    from .shape.surface_following import following
    from .shape.wide_chart import over_wide_chart
    from .texture.neck_colours import neck_colours
    from .texture.side_of_face import with_sides
    from .texture.texturing import paint_textures

    weights = load_weights(device_name)
    network = weights.network
    side_px = network.config.photo_px
    camera = alignment.crop_camera(side_px)
    crop = sample_crop(photograph.rgb, alignment.crop_to_photo, side_px)
    played = recording(device_name == "cuda" and sharpens_on_gpu())
    with torch.inference_mode(), played, LandmarkDetector() as detector, ThreadPoolExecutor(1) as aside:
        person = detector.person(crop)
        picture = as_input(crop, person).to(device_name)
        painting = network(picture, [camera], fine_colours=False).first()
        matte = painting.matte.cpu().numpy()
        # Matting keeps one core busy, and needs nothing of the sheets.
        seen = aside.submit(input_view, photograph.rgb, alignment, matte, texture_size, detector)
        painting = over_wide_chart(with_relief(following(painting), camera))
        silhouette = Silhouette.of(without_walls(matte, person), camera)
        ends = FaceEnd.both(camera, alignment.crop_landmarks(side_px), silhouette)
        painting = with_hair_beside(painting, ends)
        painting, silhouette, ears = with_ears(painting, silhouette, ends)
        painting, sides = with_sides(painting, camera, picture, ears)
        painting, farthest_m = with_neck(painting, silhouette, ears.solid)
        progress.report(0.55, "painting the sheets")
        view = seen.result()
        if view.foreground.opacity.mean() < LEAST_PERSON:
            raise InputError("No person stands out around the face: use a photograph, not a drawing.")
        painting = with_body(painting, view, ears.solid)
        shown = view.on(picture.device).person()
        innermost = neck_colours(painting, silhouette, view.camera, shown, texture_size)
        sides = sides.resampled(texture_size)
        textures = paint_textures(painting, view, innermost, ears.solid, farthest_m, sides)
        progress.report(0.95, "finishing")
        geometry, steps = painting.geometry, SHARPENING_STEPS + refine_steps
        if textures.is_cuda and sharpens_on_gpu():
            textures = refine_on_gpu(textures, geometry, painting.radius_m, view, steps, sides.believed)
            steps = 0
        manifolds = Manifolds(
            geometry.radius_m.cpu().numpy(),
            geometry.spread.cpu().numpy(),
            painting.displacement_m.cpu().numpy(),
            geometry.offsets_m.cpu().numpy(),
            geometry.half_extent,
        )
    crop_to_photo = Crop(alignment.crop_to_photo)
    portrait = Portrait(
        manifolds, _on_host(textures), alignment.camera, crop_to_photo, photograph.sha256, weights.identity
    )
    return refine(portrait, view, steps, sides.believed.cpu().numpy())


def _on_host(textures: "Tensor") -> np.ndarray:
    """Textures in the processor's memory; a GPU writes ten times as fast to memory that cannot be paged out."""
    if not textures.is_cuda:
        return textures.numpy()
    import torch

    return torch.empty(textures.shape, dtype=textures.dtype, pin_memory=True).copy_(textures).numpy()


def find_face(photograph: Photograph, face: int = 1) -> np.ndarray:
    """Landmarks [478, 2] of the `face`-th largest face in photo pixels; raises InputError if it is not there."""
    if face < 1:
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
    if (face.max(-1) >= CLIPPED).mean() > MUCH:
        log.warning("the face is overexposed: what is white in the photo stays without detail")


def _photograph(photo: Path | str | np.ndarray | Photograph) -> Photograph:
    if isinstance(photo, Photograph):
        return photo
    return photograph_of(photo) if isinstance(photo, np.ndarray) else load_photograph(photo)


def choose_device(device: Device) -> str:
    """`auto` takes a GPU if there is one; raises InputError where CUDA was asked for and there is none."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here: use --device cpu.")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def _believable(alignment: Alignment) -> bool:
    return LEAST_CROP_FOV_DEG < alignment.crop_camera(256).fov_deg < MAX_CROP_FOV_DEG


def _facing(alignment: Alignment) -> float:
    """Cosine of the angle between where the face looks and the camera."""
    position = alignment.camera.position_m
    return float(position[2] / np.linalg.norm(position))
