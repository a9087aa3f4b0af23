"""The photographs' share of the data, worked out once and kept in a cache folder: landmarks, fits, skins.

Each file appears whole or not at all, so a run that was stopped goes on where it was.
"""

import hashlib
import json
import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import ndimage

from ..atomic import atomic_path
from ..camera import Camera
from ..conventions import srgb_to_linear
from ..photo.landmarks import LandmarkDetector
from .assets import SKIN, HeadModel, data_folder, load_head_model, load_wardrobe
from .atlas import SkinAtlas, make_skin_atlas
from .correspondence import LandmarkMap, sparse_map
from .dense_correspondence import dense_map
from .fitting import FaceFits, fit_faces
from .hair_shell import make_shell
from .head_pieces import HeadParts
from .photos import PhotoFaces, find_faces, photo_names, read_photo
from .scalp import make_scalp
from .skins import MIN_CHROMA, extract_skin, fill_in
from .studio import SkinLibrary, Studio
from .workers import worker_context

log = logging.getLogger(__name__)

VERSION = 5
"""Raised when anything kept in the cache is made differently."""

MAX_RESIDUAL_PX = 2.5
"""A photograph is rejected as a source of skin if its fit is off by more than this at 256 px; or if it is black and
white (skins.MIN_CHROMA)."""

MAX_YAW_DEG = 28.0
"""Or if its head is turned further."""

MIN_SEEN = 0.45
"""Or if less of the face's front is seen."""

ENOUGH_FOR_CORRESPONDENCE = 100
"""Photographs that it takes to learn which point of the head each landmark is."""

BACKGROUND_SIDE_PX = 128


@dataclass(frozen=True)
class Library:
    """The studio and what was learned of each photograph."""

    studio: Studio
    faces: PhotoFaces
    fits: FaceFits
    rejected: dict[str, str]  # why a photograph gives no skin
    folder: Path


def open_library(data: Path | None, photos: Path | None, cache: Path, workers: int) -> Library:
    """Prepares or reloads everything; `photos` defaults to `portraits` in the data folder.

    Raises InputError for missing folders, ProcessingError where MediaPipe is missing or the disk is full.
    """
    data = data_folder(data)
    photos = photos or data / "portraits"
    head, wardrobe = load_head_model(data), load_wardrobe(data)
    names = photo_names(photos)
    key = hashlib.sha256(json.dumps([VERSION, [(n, (photos / n).stat().st_size) for n in names]]).encode())
    folder = cache / f"library-{key.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    faces = _faces(folder, photos, names)
    landmark_map = _landmark_map(folder, head, faces, data)
    fits = _fits(folder, head, landmark_map, faces)
    atlas = make_skin_atlas(head)
    notes = _notes(folder, data, faces, fits, workers)
    rejected = {name: reason for name in faces.names if (reason := notes[name]["rejected"])}
    studio = Studio(
        head=head,
        wardrobe=wardrobe,
        parts=HeadParts(head),
        atlas=atlas,
        scalp=make_scalp(head, wardrobe),
        shells={name: make_shell(garment) for name, garment in wardrobe.hair.items()},
        landmark_map=landmark_map,
        skins=SkinLibrary(
            folder, {name: np.array(notes[name]["tone"], np.float32) for name in faces.names if name not in rejected}
        ),
        fitted_expressions={
            name: fits.expression[i].astype(np.float64)
            for i, name in enumerate(faces.names)
            if fits.residual_px[i] <= MAX_RESIDUAL_PX
        },
        hair_colours={name: np.array(note["hair"]) for name, note in notes.items() if note["hair"]},
        backgrounds=_backgrounds(folder, faces),
    )
    return Library(studio, faces, fits, rejected, folder)


def _faces(folder: Path, photos: Path, names: list[str]) -> PhotoFaces:
    """Landmarks of the photographs, from the cache if they are there."""
    path = folder / "faces.safetensors"
    stored, note = _load(path), folder / "faces.json"
    if stored is None or not note.is_file():
        faces = find_faces(photos, names)
        _save(path, {"points_px": faces.points_px, "sizes_px": faces.sizes_px})
        _save_json(note, {"names": faces.names, "skipped": faces.skipped})
        return faces
    values = json.loads(note.read_text(encoding="utf-8"))
    return PhotoFaces(photos, tuple(values["names"]), stored["points_px"], stored["sizes_px"], tuple(values["skipped"]))


def _landmark_map(folder: Path, head: HeadModel, faces: PhotoFaces, data: Path) -> LandmarkMap:
    """Which surface point each landmark is: learned from the photographs, or from the data folder's if they are few."""
    path = folder / "landmark_map.safetensors"
    stored = _load(path)
    if stored is None:
        points = faces.points_px
        if len(points) < ENOUGH_FOR_CORRESPONDENCE and (data / "portraits").is_dir():
            others = photo_names(data / "portraits")[:: max(1, len(photo_names(data / "portraits")) // 150)]
            points = np.concatenate([points, find_faces(data / "portraits", others).points_px])
        learned = dense_map(head, points) if len(points) >= ENOUGH_FOR_CORRESPONDENCE else sparse_map(head)
        stored = {field.name: getattr(learned, field.name) for field in fields(learned)}
        _save(path, stored)
    return LandmarkMap(**stored)


def _fits(folder: Path, head: HeadModel, landmark_map: LandmarkMap, faces: PhotoFaces) -> FaceFits:
    """Fits of the head model, from the cache if they are there."""
    path = folder / "fits.safetensors"
    stored = _load(path)
    if stored is None:
        fits = fit_faces(head, landmark_map, faces.points_px)
        stored = {field.name: np.ascontiguousarray(getattr(fits, field.name)) for field in fields(fits)}
        _save(path, stored)
        if len(faces.names):
            log.info("fitted %d faces, median residual %.2f px at 256", len(faces.names), np.median(fits.residual_px))
    return FaceFits(**{field.name: stored[field.name] for field in fields(FaceFits)})  # some caches hold more


def _notes(folder: Path, data: Path, faces: PhotoFaces, fits: FaceFits, workers: int) -> dict[str, dict]:
    """Skins on disk, and for each photograph its tone, its hair's colour and why it was rejected, if it was."""
    path = folder / "skins.json"
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    yaw, _ = fits.yaw_pitch_deg()
    tasks = []
    for index in range(len(faces.names)):
        reason = ""
        if fits.residual_px[index] > MAX_RESIDUAL_PX:
            reason = f"the head model misses its landmarks by {fits.residual_px[index]:.1f} px"
        elif abs(yaw[index]) > MAX_YAW_DEG:
            reason = f"the head is turned by {abs(yaw[index]):.0f} degrees"
        tasks.append((index, reason))
    chunks = [tasks[i::workers] for i in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=worker_context()) as pool:
        done = pool.map(_extract_many, [(folder, data, faces, fits, chunk) for chunk in chunks])
        notes = {name: note for part in done for name, note in part.items()}
    _save_json(path, notes)
    rejected = [f"{name}: {note['rejected']}" for name, note in notes.items() if note["rejected"]]
    for line in rejected:
        log.info("no skin from %s", line)
    log.info("skins from %d of %d photographs", len(notes) - len(rejected), len(notes))
    return notes


def _extract_many(task: tuple[Path, Path, PhotoFaces, FaceFits, list[tuple[int, str]]]) -> dict[str, dict]:
    """Skins, hair colours and backgrounds of some photographs (one worker's share)."""
    folder, data, faces, fits, indices = task
    head = load_head_model(data)
    atlas = make_skin_atlas(head)
    notes = {}
    with LandmarkDetector() as detector:
        for index, reason in indices:
            name = faces.names[index]
            photo = read_photo(faces.folder / name)
            notes[name] = _extract(folder, head, atlas, detector, name, photo, fits, index, reason)
    return notes


def _extract(
    folder: Path, head: HeadModel, atlas: SkinAtlas, detector: LandmarkDetector, name: str, photo: np.ndarray,
    fits: FaceFits, index: int, reason: str,
) -> dict:  # fmt: skip
    """Writes one photograph's skin and background; returns its note."""
    vertices = head.shape_m(fits.identity[index], fits.expression[index])
    camera = fits.camera(index, photo.shape[1], photo.shape[0])
    person = detector.person(photo)
    _save_picture(folder / f"{name}.background.webp", _background(photo, person))
    note: dict = {"rejected": reason, "tone": [], "hair": []}
    if reason:
        return note
    skin = extract_skin(photo, camera, vertices, head, atlas)
    if skin.seen < MIN_SEEN:
        note["rejected"] = f"only {skin.seen:.0%} of the face's front is seen"
    elif skin.chroma < MIN_CHROMA:
        note["rejected"] = "it is black and white"
    else:
        note |= {"tone": skin.tone.tolist(), "hair": _hair_colour(photo, person, camera, vertices, skin.tone)}
        _save_picture(folder / f"{name}.webp", skin.texels)
    return note


def _hair_colour(
    photo: np.ndarray, person: np.ndarray, camera: Camera, vertices_m: np.ndarray, tone: np.ndarray
) -> list[float]:
    """The hair's linear colour [3] in a photograph of a head with vertices [V, 3] and skin of a `tone` [3].

    Empty where too little of the `person` [H, W], 0..1, is seen over the hairline, or the head is bald.
    """
    pixels, _ = camera.project(_over_hairline(vertices_m))
    column, row = np.rint(pixels - 0.5).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < photo.shape[1]) & (row < photo.shape[0])
    column, row = column[inside], row[inside]
    sure = person[row, column] > 0.8
    if sure.sum() <= 20:
        return []
    colour = np.median(srgb_to_linear(photo[row[sure], column[sure]] / 255.0), axis=0)
    is_bald = np.abs(np.log(np.maximum(colour, 0.01) / tone)).mean() <= 0.25
    return [] if is_bald else np.maximum(colour, 0.005).tolist()


def _over_hairline(vertices_m: np.ndarray) -> np.ndarray:
    """Points a little above the front of the hairline, where most people's hair is, [K, 3]."""
    x, y, z = vertices_m[SKIN].T
    elevation = np.degrees(np.arctan2(y, np.hypot(x, z)))
    near = (np.abs(np.degrees(np.arctan2(x, z))) < 40) & (elevation > 54) & (elevation < 66)
    return vertices_m[SKIN][near] * 1.06


def _background(photo: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The photograph small, with the person filled over from around, [128, 128, 3] uint8."""
    side = BACKGROUND_SIDE_PX
    small = np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BOX), np.float32) / 255.0
    mask = np.asarray(Image.fromarray((person * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BOX))
    free = (ndimage.maximum_filter(mask, 7) < 25).astype(np.float32)
    return (np.clip(fill_in(small, free, small.reshape(-1, 3).mean(0)), 0, 1) * 255 + 0.5).astype(np.uint8)


def _backgrounds(folder: Path, faces: PhotoFaces) -> dict[str, np.ndarray]:
    """The photographs' own backgrounds."""
    backgrounds = {}
    for name in faces.names:
        with Image.open(folder / f"{name}.background.webp") as image:
            backgrounds[name] = np.asarray(image.convert("RGB"))
    return backgrounds


def _save_picture(path: Path, picture: np.ndarray) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, "WEBP", quality=94)


def _save(path: Path, values: dict[str, np.ndarray]) -> None:
    with atomic_path(path) as temporary:
        save_file({name: np.ascontiguousarray(value) for name, value in values.items()}, temporary)


def _save_json(path: Path, values: dict) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values), encoding="utf-8")


def _load(path: Path) -> dict[str, np.ndarray] | None:
    """Arrays of a file, or None where it is not there or damaged (it is then made again)."""
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        return None
