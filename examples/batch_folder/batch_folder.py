"""A folder of photographs to portraits, stills, a contact sheet and a report; one of them shows no face.

Usage: python batch_folder.py [FOLDER [FOLDER OF PHOTOS]]

The same by hand: portrait-manifolds batch photos -o portraits
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from portrait_manifolds.backend.batch.photos import find_tasks
from portrait_manifolds.backend.batch.run import run_batch
from portrait_manifolds.backend.batch.settings import Settings
from portrait_manifolds.backend.made.example_portrait import example_photo


def main(folder: Path, photos: Path | None = None, side_px: int = 384, texture_size: int = 512) -> None:
    if photos is None:
        photos = folder / "photos"
        write_photos(photos)
    output = folder / "portraits"
    settings = Settings(texture_size=texture_size, yaw_deg=20.0, size_px=(side_px, side_px))
    run_batch(find_tasks([str(photos)], output), settings, output, resume=True)
    print(output / "report.html", output / "contact_sheet.jpg", sep="\n")


def write_photos(folder: Path) -> None:
    """The example photograph in a few guises, and one picture without a face."""
    folder.mkdir(parents=True, exist_ok=True)
    astronaut = Image.fromarray(example_photo())
    pictures = {
        "astronaut.jpg": astronaut,
        "black and white.jpg": ImageOps.grayscale(astronaut),
        "cut closely.jpg": astronaut.crop((110, 0, 340, 250)),
        "mirrored.png": ImageOps.mirror(astronaut),
        "no face.jpg": Image.fromarray(np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)),
    }
    for name, picture in pictures.items():
        picture.save(folder / name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3] or ["out/batch_folder"]))
