"""Makes anew every picture that depends on the weights: the README's, and those of the examples. `make pictures`.

Usage: python pictures.py [FOLDER]     (where the examples' outputs go; the pictures go to docs/ and examples/)
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from portrait_manifolds.backend.made.example_portrait import example_photo, example_portrait
from portrait_manifolds.backend.outputs.contact_sheet import BACKGROUND, save_contact_sheet
from portrait_manifolds.backend.photo.alignment import sample_crop
from portrait_manifolds.backend.picture.compositing import over_background
from portrait_manifolds.backend.portrait import Portrait

ROOT = Path(__file__).parents[2]
PICTURES = {
    "orbit": "orbit.jpg",
    "edit": "edit.jpg",
    "python_api": "python_api.jpg",
    "dolly_zoom": "dolly_zoom.jpg",
    "composite_over_scene": "composite_over_scene.jpg",
    "batch_folder": "portraits/contact_sheet.jpg",
}
"""Of each example, the picture it makes that is shown beside it."""

SIDE_PX = 224
"""Of a small view in the README's picture."""


def main(folder: Path) -> None:
    head = folder / "head.portrait"
    portrait = example_portrait()
    portrait.save(head)
    draw_overview(portrait, ROOT / "docs" / "images" / "overview.jpg")
    for name, picture in PICTURES.items():
        sources = [head] if name != "batch_folder" else []
        script = ROOT / "examples" / name / f"{name}.py"
        shutil.rmtree(folder / name, ignore_errors=True)  # a batch keeps the portraits that it finds there
        subprocess.run([sys.executable, script, folder / name, *sources], check=True)
        shutil.copyfile(folder / name / picture, script.with_suffix(".jpg"))
        print(script.with_suffix(".jpg"), flush=True)


def draw_overview(portrait: Portrait, path: Path) -> None:
    """The photograph, four views of its portrait, and Blender's window: one row, twice SIDE_PX high."""
    height_px = 2 * SIDE_PX
    photo = sample_crop(example_photo(), portrait.crop.to_photo, height_px)
    camera = portrait.camera(SIDE_PX, SIDE_PX)
    grey = np.asarray(BACKGROUND, np.float32)
    views = [
        [over_background(portrait.render(camera.orbited(yaw, pitch), samples=2)[0], grey) for yaw, pitch in row]
        for row in (((-30, 0), (-12, 10)), ((12, -10), (30, 0)))
    ]
    with Image.open(ROOT / "docs" / "images" / "blender_viewport.jpg") as window:
        width_px = round(window.width * height_px / window.height)
        blender = np.asarray(window.convert("RGB").resize((width_px, height_px), Image.Resampling.LANCZOS))
    four = np.concatenate([np.concatenate(row, axis=1) for row in views], axis=0)
    save_contact_sheet(path, [[photo, four, blender]])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2] or ["out/pictures"]))
