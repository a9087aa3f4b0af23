"""A painted head without a photograph: five stills, a dolly zoom, and a GLB for other programs.

Usage: python made_head.py [FOLDER]
"""

import sys
from pathlib import Path

from portrait_manifolds.backend.animation import render_film
from portrait_manifolds.backend.camera_paths import dolly_zoom
from portrait_manifolds.backend.made_portrait import made_portrait
from portrait_manifolds.backend.outputs.glb import export_glb
from portrait_manifolds.backend.outputs.png import save_png

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/made_head")
portrait = made_portrait()
portrait.save(folder / "head.portrait")

camera = portrait.camera(384, 384)
for yaw_deg in (-40, -20, 0, 20, 40):
    rgba, _ = portrait.render(camera.orbited(yaw_deg), samples=2)
    save_png(folder / f"yaw_{yaw_deg:+03d}.png", rgba, provenance=portrait.provenance)

render_film(portrait, dolly_zoom(portrait.camera(640, 480), frames=48), folder / "dolly_zoom.mp4", fps=24)
export_glb(portrait, folder / "head.glb")
print(*sorted(map(str, folder.iterdir())), sep="\n")
