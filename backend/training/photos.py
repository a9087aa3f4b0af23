"""A folder of photographs: those with exactly one face, and a line about each of the others."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..conventions import PHOTO_SUFFIXES
from ..errors import InputError
from ..photo.landmarks import POINTS, LandmarkDetector

log = logging.getLogger(__name__)

MAX_SIDE_PX = 1600
"""Larger photographs are shrunk to this: no texture here shows more."""


@dataclass(frozen=True)
class PhotoFaces:
    """The usable photographs of a folder."""

    folder: Path
    names: tuple[str, ...]  # file names
    points_px: np.ndarray  # [N, 478, 2]
    sizes_px: np.ndarray  # [N, 2], width and height as `read_photo` gives them
    skipped: tuple[str, ...]  # a line for each photograph that was left out


def read_photo(path: Path) -> np.ndarray:
    """A photograph [H, W, 3] uint8, upright, at most 1600 pixels a side; raises InputError if it cannot be read."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
            return np.asarray(upright)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path.name} cannot be read ({error}): save it again as JPEG or PNG.") from error


def photo_names(folder: Path) -> list[str]:
    """File names of the pictures in a folder, sorted; raises InputError if there is no such folder or none in it."""
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {folder}: fetch public-domain portraits (github.com/unitedstates/images) into it, or "
            "name a folder of your own photographs with --source.photos."
        )
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    if not names:
        raise InputError(f"{folder} holds no picture: put {', '.join(PHOTO_SUFFIXES)} files of people into it.")
    return names


def find_faces(folder: Path, names: Sequence[str]) -> PhotoFaces:
    """Detects the one face in each photograph; the unreadable, faceless and many-faced are logged and left out."""
    kept, points, sizes, skipped = [], [], [], []
    with LandmarkDetector() as detector:
        for name in names:
            try:
                photo = read_photo(folder / name)
            except InputError as error:
                skipped.append(str(error))
                continue
            faces = detector.faces(photo)
            if len(faces) != 1:
                found = "no face was found" if len(faces) == 0 else f"{len(faces)} faces were found"
                skipped.append(f"{name}: {found}, one is needed")
                continue
            kept.append(name)
            points.append(faces[0])
            sizes.append((photo.shape[1], photo.shape[0]))
    for line in skipped:
        log.warning("skipped: %s", line)
    if skipped:
        log.warning("skipped %d of %d photographs", len(skipped), len(names))
    return PhotoFaces(
        folder,
        tuple(kept),
        np.array(points, np.float32).reshape(-1, POINTS, 2),
        np.array(sizes, np.int32).reshape(-1, 2),
        tuple(skipped),
    )
