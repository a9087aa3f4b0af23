"""How fast the extension is, in one run on one machine: python tests/blender_speed.py [PHOTO]

Prints one JSON object. Compare its ratios: the times hold for a machine that does nothing else. `blocks_s` is how long
Blender's window would stand still at most in each kind of work: in a step of it, or in a rest of 5 ms that took
longer because a thread held Python's lock.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from portrait_manifolds import blender_addon
from portrait_manifolds.backend.made.made_portrait import made_portrait
from portrait_manifolds.blender_addon.backend_process import backend, stop_backend
from portrait_manifolds.blender_addon.cameras import camera_from_blender
from portrait_manifolds.blender_addon.job_operator import STEP_S
from portrait_manifolds.blender_addon.pictures import picture_request, read_picture, scratch_folder
from portrait_manifolds.blender_addon.preferences import backend_state
from portrait_manifolds.blender_addon.steps import REST_S, Work

WIDTH_PX, HEIGHT_PX, CYCLES_SAMPLES, FRAMES = 1920, 1080, 4, 5
OPERATORS = bpy.ops.portrait_manifolds


class Blocks:
    """Runs every operator's work as a window's timer would, and notes the longest stop in it."""

    def __init__(self) -> None:
        self.longest_s: dict[str, float] = {}
        self._worst = (0.0, "")

    def run(self, work: Work) -> None:
        """In place of Work.run."""
        finished = False
        while not finished:
            start = time.monotonic()
            finished = work.advance(STEP_S)
            self._note(time.monotonic() - start, work.stage)
            if work.waits and not finished:
                start = time.monotonic()
                time.sleep(REST_S)
                self._note(time.monotonic() - start - REST_S, f"{work.stage} (lock)")

    def of(self, name: str, call: Callable[[], object]) -> float:
        """Calls an operator under a name; returns its seconds."""
        self._worst = (0.0, "")
        seconds = _seconds(call)
        self.longest_s[f"{name}: {self._worst[1]}"] = self._worst[0]
        return seconds

    def _note(self, seconds: float, stage: str) -> None:
        self._worst = max(self._worst, (seconds, stage))


def measure(folder: Path, photo: Path | None) -> dict[str, object]:
    """Seconds, megabytes and ratios by name."""
    figures: dict[str, object] = {}
    blocks = Blocks()
    Work.run = lambda work: blocks.run(work)
    made_portrait(512).save(folder / "head.portrait")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    head = str(folder / "head.portrait")
    figures["import_portrait_s"] = blocks.of("import .portrait", lambda: OPERATORS.import_portrait(filepath=head))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "head.blend"))
    figures["blend_mb"] = (folder / "head.blend").stat().st_size / 1e6
    root = bpy.context.view_layer.objects.active
    OPERATORS.match_photo_camera()
    blocks.of("edit front view", OPERATORS.edit_front_view)
    image = root.portrait_manifolds.edited_image
    pixels = np.array(image.pixels[:], np.float32)
    pixels[: pixels.size // 2] *= 0.5
    image.pixels.foreach_set(pixels)
    blocks.of("apply edit", OPERATORS.apply_edit)
    blocks.of("set up compositing", OPERATORS.setup_compositing)
    blocks.of("export json", lambda: OPERATORS.export(filepath=str(folder / "cameras.json")))
    figures |= _drawing(folder, blocks)
    blocks.longest_s["draw the preferences"] = _median(backend_state)
    blocks.longest_s["start a backend"] = _seconds(lambda: (stop_backend(), backend()))
    if photo is not None:
        one_megapixel = folder / "photo.png"
        Image.open(photo).convert("RGB").resize((1024, 1024), Image.Resampling.LANCZOS).save(one_megapixel)
        for name in ("cold", "warm"):
            import_photo = partial(OPERATORS.import_portrait, filepath=str(one_megapixel))
            figures[f"import_{name}_s"] = blocks.of(f"import photograph, {name}", import_photo)
    figures["blocks_s"] = blocks.longest_s
    return figures


def _drawing(folder: Path, blocks: Blocks) -> dict[str, float]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    OPERATORS.import_portrait(filepath=str(folder / "head.portrait"))
    root, scene = bpy.context.view_layer.objects.active, bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = WIDTH_PX, HEIGHT_PX
    scene.frame_start, scene.frame_end = 1, FRAMES
    OPERATORS.add_rig(type="SWING")
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    layer = {"portrait": str(folder / "head.portrait"), "camera": view.to_dict()}

    def draw(samples: int) -> None:
        with scratch_folder((WIDTH_PX, HEIGHT_PX)) as place:
            request = picture_request([layer], samples, Path(place) / "picture.npy")
            read_picture(backend().request("render", request, "").wait())

    figures = {}
    for side in (1, 2):
        figures[f"backend_{side * side}_rays_s"] = _median(partial(draw, side))
        for kind in ("exr", "png"):
            frames = {"directory": str(folder / f"{kind}{side}"), "samples": side, "file_format": kind}
            seconds = blocks.of(f"render {kind}", partial(OPERATORS.render_portrait, **frames))
            figures[f"render_portrait_{kind}_{side * side}_rays_s"] = seconds / FRAMES
    scene.render.film_transparent, scene.render.engine = True, "PORTRAIT_MANIFOLDS"
    for side in (1, 2):
        scene.portrait_manifolds.samples = side
        figures[f"f12_engine_{side * side}_rays_s"] = _median(bpy.ops.render.render)
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", CYCLES_SAMPLES, False
    figures["f12_cycles_s"] = _median(bpy.ops.render.render, 3)
    for side in (1, 2):
        name = f"{side * side}_rays"
        figures[f"cycles_over_backend_{name}"] = figures["f12_cycles_s"] / figures[f"backend_{name}_s"]
        figures[f"cycles_over_engine_{name}"] = figures["f12_cycles_s"] / figures[f"f12_engine_{name}_s"]
    return figures


def _median(call: Callable[[], object], times: int = FRAMES) -> float:
    return float(np.median([_seconds(call) for _ in range(times)]))


def _seconds(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


if __name__ == "__main__":
    bpy.ops.wm.read_factory_settings(use_empty=True)
    enabling_s = _seconds(blender_addon.register)
    with tempfile.TemporaryDirectory() as place:
        found = measure(Path(place), Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    found["enable_s"] = enabling_s
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 3))
    print(json.dumps(rounded, indent=1))
    blender_addon.unregister()
