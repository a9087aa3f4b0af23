"""A cat's nose and whiskers painted over the photograph's view, and carried into the portrait.

Usage: python edit.py [FOLDER [PHOTO or HEAD.portrait]]

By hand: render HEAD.portrait -o view.png, paint on view.png, edit HEAD.portrait --image view.png -o NEW.portrait.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from portrait_manifolds import Portrait
from portrait_manifolds.backend.edit import edit, load_painted
from portrait_manifolds.backend.made.example_portrait import example_portrait
from portrait_manifolds.backend.outputs.contact_sheet import save_contact_sheet
from portrait_manifolds.backend.outputs.png import save_png

YAWS_DEG = (-30, -15, 0, 15, 30)
INK, PINK = (40, 26, 30), (222, 110, 130)

# In the aligned square, x right and y down, both -1 to 1: the eyes' line is y = -0.13, the nose's tip about (0, 0.12).
NOSE = ((-0.06, 0.10), (0.06, 0.10), (0.0, 0.16))
WHISKERS = tuple(((0.12, 0.16 + 0.04 * k), (0.30, 0.12 + 0.07 * k)) for k in range(3))


def main(folder: Path, source: Path | None = None, side_px: int = 240) -> None:
    portrait = example_portrait(source)
    view = folder / "painted.png"
    save_png(view, portrait.render(portrait.camera(), samples=2)[0], provenance=portrait.provenance)
    paint(view, portrait)
    edited = edit(portrait, load_painted(view))
    edited.save(folder / "edited.portrait")

    camera = portrait.camera(side_px, side_px)
    rows = [[one.render(camera.orbited(yaw), samples=2)[0] for yaw in YAWS_DEG] for one in (portrait, edited)]
    save_contact_sheet(folder / "edit.jpg", rows)
    print(view, folder / "edited.portrait", folder / "edit.jpg", sep="\n")


def paint(path: Path, portrait: Portrait) -> None:
    """Draws over a picture of the photograph's view; its opacity stays as it was."""
    with Image.open(path) as picture:
        opacity = picture.getchannel("A")
        canvas = picture.convert("RGB")
    to_photo = portrait.crop.to_photo
    pixel = float(np.hypot(*to_photo[:, 0])) / 100  # a hundredth of the square's half
    draw = ImageDraw.Draw(canvas)

    def placed(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
        return [tuple(to_photo @ (x, y, 1.0)) for x, y in points]

    for side in (-1.0, 1.0):
        for line in WHISKERS:
            draw.line(placed(tuple((side * x, y) for x, y in line)), INK, width=max(1, round(1.2 * pixel)))
    draw.polygon(placed(NOSE), fill=PINK, outline=INK, width=max(1, round(pixel)))
    canvas.putalpha(opacity)
    canvas.save(path)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3] or ["out/edit"]))
