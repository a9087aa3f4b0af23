"""A camera that goes round a head: a film, and a sheet of views within the promised angles.

Usage: python orbit.py [FOLDER [PHOTO or HEAD.portrait]]
"""

import sys
from pathlib import Path

from portrait_manifolds.backend.frames.animation import render_film
from portrait_manifolds.backend.frames.camera_paths import orbit
from portrait_manifolds.backend.made.example_portrait import example_portrait
from portrait_manifolds.backend.outputs.contact_sheet import save_contact_sheet

YAWS_DEG, PITCHES_DEG = (-40, -20, 0, 20, 40), (20, 0, -20)


def main(folder: Path, source: Path | None = None, side_px: int = 512, frames: int = 72) -> None:
    portrait = example_portrait(source)
    camera = portrait.camera(side_px, side_px)
    render_film(portrait, orbit(camera, frames), folder / "orbit.mp4", fps=24)

    small = portrait.camera(side_px // 2, side_px // 2)
    views = [[portrait.render(small.orbited(yaw, pitch), samples=2)[0] for yaw in YAWS_DEG] for pitch in PITCHES_DEG]
    save_contact_sheet(folder / "orbit.jpg", views)
    print(folder / "orbit.mp4", folder / "orbit.jpg", sep="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3] or ["out/orbit"]))
