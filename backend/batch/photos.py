"""Which photographs a batch is made of, and what its outputs are called."""

import glob
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..conventions import PHOTO_SUFFIXES
from ..errors import InputError

SUFFIXES = (*PHOTO_SUFFIXES, ".heic", ".heif")
"""What counts as a photograph in a folder; formats that cannot be read are reported, not passed over in silence."""


@dataclass(frozen=True)
class Task:
    """A photograph and the stem of its outputs' names."""

    photo: Path
    name: str


def find_tasks(arguments: Sequence[str], output: Path) -> list[Task]:
    """The photographs of files, folders (not those inside them) and glob patterns, each file once, in order.

    Raises InputError where an argument leads to no photograph, or where photographs lie in the output folder.
    """
    photos: dict[Path, Path] = {}
    for argument in arguments:
        for photo in _photos_of(argument):
            photos.setdefault(photo.resolve(), photo)
    if not photos:
        raise InputError("No photos were given: name photos, a folder of them, or a pattern such as 'photos/*.jpg'.")
    for resolved, photo in photos.items():
        if resolved.parent == output.resolve():
            raise InputError(f"{photo} lies in the output folder, among what is made: choose another with -o.")
    names = output_names([photo.stem for photo in photos.values()])
    return [Task(photo, name) for photo, name in zip(photos.values(), names, strict=True)]


def output_names(stems: Sequence[str]) -> list[str]:
    """A name for each stem: itself, or with -2, -3 and so on where it comes again (letters' case does not tell)."""
    taken = {_folded(stem) for stem in stems}
    seen: set[str] = set()
    names = []
    for stem in stems:
        name, number = stem, 1
        if _folded(stem) in seen:
            while _folded(name) in taken:
                number += 1
                name = f"{stem}-{number}"
        seen.add(_folded(stem))
        taken.add(_folded(name))
        names.append(name)
    return names


def _photos_of(argument: str) -> Iterable[Path]:
    path = Path(argument)
    if path.is_dir():
        try:
            found = sorted(path.iterdir(), key=lambda entry: (_folded(entry.name), entry.name))
        except OSError as error:
            raise InputError(f"Cannot read {path} ({error.strerror}): check its permissions.") from error
        photos = [entry for entry in found if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".")]
        photos = [entry for entry in photos if entry.is_file()]
        if not photos:
            raise InputError(f"There are no photos in {path}: name a folder of JPEG, PNG, WebP or TIFF files.")
        return photos
    if path.exists():
        return [path]
    if glob.has_magic(argument):
        found = [Path(match) for match in sorted(glob.glob(os.path.expanduser(argument), recursive=True))]
        files = [match for match in found if match.is_file()]
        if files:
            return files
        raise InputError(f"No file fits the pattern {argument}: check it.")
    raise InputError(f"There is no photo or folder {argument}: check the path.")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
