"""A painted head without a photograph: a sheet of views, a dolly zoom, and a GLB for other programs.

Usage: python made_head.py [FOLDER]
"""

import sys
from pathlib import Path

from portrait_manifolds.backend.frames.animation import render_film
from portrait_manifolds.backend.frames.camera_paths import dolly_zoom
from portrait_manifolds.backend.made.made_portrait import made_portrait
from portrait_manifolds.backend.outputs.contact_sheet import save_contact_sheet
from portrait_manifolds.backend.outputs.glb import export_glb


def main(folder: Path, side_px: int = 240, frames: int = 48, texture_size: int = 512) -> None:
    portrait = made_portrait(texture_size)
    portrait.save(folder / "head.portrait")

    camera = portrait.camera(side_px, side_px)
    views = [portrait.render(camera.orbited(yaw_deg), samples=2)[0] for yaw_deg in (-40, -20, 0, 20, 40)]
    save_contact_sheet(folder / "made_head.jpg", [views], provenance=portrait.provenance)
    render_film(portrait, dolly_zoom(portrait.camera(640, 480), frames), folder / "dolly_zoom.mp4", fps=24)
    export_glb(portrait, folder / "head.glb")
    print(*sorted(map(str, folder.iterdir())), sep="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2] or ["out/made_head"]))
