"""One photograph to one portrait."""

import re
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from . import progress
from .camera import check_fov
from .conventions import MAX_REFINE_STEPS, TEXTURE_SIZE, TEXTURE_SIZES
from .errors import InputError
from .photo.alignment import Alignment, inside_photo, sample_crop
from .photo.backdrop import sampled, where_person_can_be
from .photo.face_area import with_face
from .photo.input_view import InputView, input_view
from .photo.landmarks import LandmarkDetector
from .photo.matting import IMPOSSIBLE
from .photo.photograph import Photograph, load_photograph, photograph_of
from .photo.sitter import align_photograph, find_face
from .photo.whole_head import with_whole_head
from .portrait import Crop, Portrait
from .refine import refine, refine_on_gpu, sharpens_on_gpu

if TYPE_CHECKING:
    from torch import Tensor

    from .networks.inversion import Inversion
    from .networks.painted_sheets import PaintedSheets

SHARPENING_STEPS = 2
"""What sampling the photograph into textures blurs, two steps bring back; more are taken on request."""

STEPS_AS_LONG = 30
"""So many steps of refinement take about as long as making the portrait."""

LEAST_PERSON = 0.05
"""A person fills more than this share of the square around the head, whatever the hair and the clothes."""


def reconstruct(
    photo: Path | str | np.ndarray | Photograph,
    *,
    texture_size: int = TEXTURE_SIZE,
    fov_deg: float | None = None,
    face: int = 1,
    device: str = "auto",
    refine_steps: int = 0,
) -> Portrait:
    """Reconstructs a portrait from a file, from pixels [H, W, 3] uint8 (sRGB) or from what was read already.

    `texture_size` is a power of two, 256 to 1024; `fov_deg` the photograph's vertical field of view (by default from
    EXIF, else 12 degrees across the face's square); `face` counts from the largest; `device` is one of
    `choose_device`; `refine_steps` match the textures longer to the photograph than the few steps that are always
    taken. Method: Deng et al., CVPR 2023 (arXiv 2211.13901), with pixel-aligned colour and displaced sheets.
    Raises InputError for a photograph without a usable face, ProcessingError where weights or MediaPipe are missing.
    """
    check_choices(texture_size, refine_steps)
    check_device(device)
    if fov_deg is not None:
        check_fov(fov_deg)
    photograph = _photograph(photo)
    device_name = choose_device(device)
    with progress.part(0.0, _made_share(refine_steps)):
        progress.report(0.05, "finding the face")
        points_px = find_face(photograph, face)
        progress.report(0.15, "loading the networks")

        from .networks.weights import load_weights

        alignment = align_photograph(photograph, points_px, load_weights(device_name).template, fov_deg)
    return aligned_portrait(photograph, alignment, texture_size, device_name, refine_steps)


def check_choices(texture_size: int, refine_steps: int = 0) -> None:
    """Raises InputError for what no portrait can be made with."""
    if not isinstance(texture_size, Integral) or texture_size not in TEXTURE_SIZES:
        raise InputError(f"Textures of {texture_size} texels cannot be made: use 256, 512 or 1024.")
    if not isinstance(refine_steps, Integral) or not 0 <= refine_steps <= MAX_REFINE_STEPS:
        raise InputError(
            f"{refine_steps} steps of refinement cannot be made: give a whole number from 0 to {MAX_REFINE_STEPS}."
        )


def aligned_portrait(
    photograph: Photograph, alignment: Alignment, texture_size: int, device_name: str, refine_steps: int = 0
) -> Portrait:
    """The portrait of a photograph whose crop and camera are known already; `device_name` is torch's."""
    import torch

    from ..cuda_ops.recorded import recording
    from .networks.weights import load_weights

    weights = load_weights(device_name)
    played = recording(device_name == "cuda" and sharpens_on_gpu())
    steps = SHARPENING_STEPS + refine_steps
    with progress.part(0.0, _made_share(refine_steps)), torch.inference_mode(), played:
        progress.report(0.35, "making the portrait")
        sitting = _painted(weights.network, photograph, alignment, texture_size, device_name)
        sheets, textures, believed = _textured(sitting, alignment, texture_size)
        progress.report(0.95, "finishing")
        if textures.is_cuda and sharpens_on_gpu():
            textures = refine_on_gpu(textures, sheets.geometry, sheets.radius_m, sitting.view, steps, believed)
            steps = 0
        manifolds = sheets.manifolds()
    made_of = (photograph.sha256, weights.identity)
    portrait = Portrait(manifolds, _on_host(textures), alignment.camera, Crop(alignment.crop_to_photo), *made_of)
    with progress.part(_made_share(refine_steps), 1.0):
        return refine(portrait, sitting.view, steps, believed.cpu().numpy())


class _Sitting(NamedTuple):
    """A photograph as the networks painted it, and the person in it."""

    sheets: "PaintedSheets"  # around the whole head
    picture: "Tensor"  # [1, 4, H, H], what the networks saw: the crop, and where a segmentation sees the person
    matte: np.ndarray  # [H, H], 0..1, where the networks see the person, and the face
    person: np.ndarray  # [H, H], 0..1, where all else does, likewise
    view: InputView


def _painted(
    network: "Inversion", photograph: Photograph, alignment: Alignment, texture_size: int, device_name: str
) -> _Sitting:
    """The networks' sheets, and the person cut out; raises InputError where none stands out."""
    from .networks.inversion import as_input
    from .shape.head import over_whole_head

    side_px, to_photo = network.config.photo_px, alignment.crop_to_photo
    camera, landmarks_px = alignment.crop_camera(side_px), alignment.crop_landmarks(side_px)
    with LandmarkDetector() as detector, ThreadPoolExecutor(1) as aside:
        crop = sample_crop(photograph.rgb, to_photo, side_px)
        can_be = where_person_can_be(photograph)
        inside = inside_photo(photograph.rgb, to_photo, side_px)
        possible = sampled(can_be, to_photo, side_px) > IMPOSSIBLE
        person = with_whole_head(with_face(detector.person(crop), landmarks_px) * possible, inside, camera)
        picture = as_input(crop, person).to(device_name)
        painting = network(picture, [camera], fine_colours=False).first()
        # While a GPU is still at the networks:
        mirrored = with_whole_head(with_face(detector.mirrored_person(crop), landmarks_px), inside, camera)
        person = np.minimum(person, mirrored)
        matte = with_face(painting.matte.cpu().numpy(), landmarks_px)
        # Matting keeps one core busy, and needs nothing of the sheets.
        seen = aside.submit(input_view, photograph.rgb, alignment, person, matte, texture_size, detector, can_be)
        sheets = over_whole_head(painting, camera)
        view = seen.result()
    if view.foreground.opacity.mean() < LEAST_PERSON:
        raise InputError("No person stands out around the face: use a photograph, not a drawing.")
    # A head that stood out of what its textures are cut by would be cut sheet by sheet, to a comb.
    person = np.where(inside, np.minimum(person, view.crop_opacity(side_px)), person)
    return _Sitting(sheets, picture, matte, person, view)


def _textured(sitting: _Sitting, alignment: Alignment, texture_size: int) -> tuple["PaintedSheets", "Tensor", "Tensor"]:
    """The sheets laid for head, neck and body, their textures [S, T, T, 4] uint8, and how far the photograph is
    believed on them, a chart map [T, T] in 0..1."""
    from .shape.body import with_body
    from .shape.head import with_head
    from .shape.neck import with_neck
    from .texture.neck_colours import neck_colours
    from .texture.side_of_face import with_sides
    from .texture.texturing import paint_textures

    sheets, picture, matte, person, view = sitting
    side_px = len(matte)
    camera, landmarks_px = alignment.crop_camera(side_px), alignment.crop_landmarks(side_px)
    sheets, silhouette, ears = with_head(sheets, camera, landmarks_px, matte, person)
    sheets, sides = with_sides(sheets, camera, picture, ears)
    sheets, farthest_m = with_neck(sheets, silhouette, ears.solid)
    progress.report(0.55, "painting the sheets")
    sheets = with_body(sheets, view, ears.solid)
    shown = view.on(picture.device).person()
    innermost = neck_colours(sheets, silhouette, view.camera, shown, texture_size)
    sides = sides.resampled(texture_size)
    return sheets, paint_textures(sheets, view, innermost, ears.solid, farthest_m, sides), sides.believed


def _made_share(refine_steps: int) -> float:
    """How much of the time a portrait is made in, before it is sharpened."""
    return 0.95 / (1.0 + refine_steps / STEPS_AS_LONG)


def _on_host(textures: "Tensor") -> np.ndarray:
    """Textures in the processor's memory; a GPU writes ten times as fast to memory that cannot be paged out."""
    if not textures.is_cuda:
        return textures.numpy()
    import torch

    return torch.empty(textures.shape, dtype=textures.dtype, pin_memory=True).copy_(textures).numpy()


def _photograph(photo: Path | str | np.ndarray | Photograph) -> Photograph:
    """Whatever `reconstruct` takes, read."""
    if isinstance(photo, Photograph):
        return photo
    return photograph_of(photo) if isinstance(photo, np.ndarray) else load_photograph(photo)


def choose_device(device: str) -> str:
    """torch's name of `auto`, which takes a GPU if there is one, of `cpu`, `cuda` or, of several GPUs, `cuda:1`.

    Raises InputError for any other, and where a GPU was asked for that is not here.
    """
    check_device(device)
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here: use --device cpu.")
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(f"There is no {device} here: use cuda:0 to cuda:{torch.cuda.device_count() - 1}.")
    if kind == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{int(number)}" if number and int(number) != torch.cuda.current_device() else "cuda"


def check_device(device: str) -> None:
    """Raises InputError for what is no device's name, without a wait for torch."""
    if not (isinstance(device, str) and re.fullmatch(r"auto|cpu|cuda(:[0-9]+)?", device)):
        raise InputError(f"There is no device {str(device)!r}: use auto, cpu, cuda or, of several GPUs, cuda:1.")
