"""How fast the extension is, in one run on one machine: python tests/blender_speed.py [PHOTO]

Prints one JSON object. Compare its ratios: the times hold for a machine that does nothing else.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from portrait_manifolds import blender_addon
from portrait_manifolds.backend.made_portrait import made_portrait
from portrait_manifolds.blender_addon.backend_process import backend
from portrait_manifolds.blender_addon.cameras import camera_from_blender
from portrait_manifolds.blender_addon.native_object import add_portrait
from portrait_manifolds.blender_addon.portrait_reader import read_portrait

WIDTH_PX, HEIGHT_PX, CYCLES_SAMPLES, FRAMES = 1920, 1080, 4, 5
OPERATORS = bpy.ops.portrait_manifolds


def measure(folder: Path, photo: Path | None) -> dict[str, float]:
    """Seconds, megabytes and ratios by name."""
    figures = {}
    if photo is not None:
        one_megapixel = folder / "photo.png"
        Image.open(photo).convert("RGB").resize((1024, 1024), Image.Resampling.LANCZOS).save(one_megapixel)
        for name in ("cold", "warm"):
            figures[f"import_{name}_s"] = _seconds(lambda: OPERATORS.import_portrait(filepath=str(one_megapixel)))
    made_portrait(512).save(folder / "head.portrait")
    portrait = read_portrait(folder / "head.portrait")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    figures["build_object_s"] = _seconds(lambda: add_portrait(portrait, "head", ""))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "head.blend"))
    figures["blend_mb"] = (folder / "head.blend").stat().st_size / 1e6
    return figures | _drawing(folder)


def _drawing(folder: Path) -> dict[str, float]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    OPERATORS.import_portrait(filepath=str(folder / "head.portrait"))
    root, scene = bpy.context.view_layer.objects.active, bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = WIDTH_PX, HEIGHT_PX
    scene.frame_start, scene.frame_end = 1, FRAMES
    OPERATORS.add_rig(type="SWING")
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    output = {
        "output": str(folder / "picture.npy"),
        "portrait": str(folder / "head.portrait"),
        "camera": view.to_dict(),
    }
    draw = [_seconds(lambda: backend().request("render", output | {"samples": 1}, "").wait()) for _ in range(FRAMES)]
    folder_s = _seconds(lambda: OPERATORS.render_portrait(directory=str(folder / "frames"), samples=1))
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", CYCLES_SAMPLES, False
    scene.render.film_transparent = True
    cycles_s = min(_seconds(bpy.ops.render.render) for _ in range(2))
    return {
        "backend_frame_s": float(np.median(draw)),
        "render_portrait_frame_s": folder_s / FRAMES,
        "cycles_frame_s": cycles_s,
        "cycles_over_backend": cycles_s / float(np.median(draw)),
    }


def _seconds(call: object) -> float:
    start = time.monotonic()
    call()  # type: ignore[operator]
    return time.monotonic() - start


if __name__ == "__main__":
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    with tempfile.TemporaryDirectory() as place:
        found = measure(Path(place), Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))
    blender_addon.unregister()
