"""Match Light: the portrait's exposure and tint from the scene's light on the stand-in.

The stand-in is a white matt head. Where it looks white, under a white sky of strength 1, the photograph is left as it
is; its mean colour in the scene's light becomes the portrait's, as the two values the artist can edit under Look.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import log2
from pathlib import Path

import bpy
import numpy as np

from ..backend.errors import InputError, ProcessingError
from .job_operator import checked
from .materials import look_sockets
from .native_object import active_portrait, part_of, portrait_path, sheets_of
from .portrait_reader import read_portrait
from .stand_in import add_stand_in

PICTURE_PX, SAMPLES = 96, 32
BOUNCES = 8
"""Enough for the hollows of a white head to be as white as the sky."""
DARKEST = 1e-3
"""Light below this share of neutral leaves nothing to see."""


class PORTRAIT_MANIFOLDS_OT_match_light(bpy.types.Operator):
    """Set the portrait's exposure and tint from the scene's light on a white head in its place (a second of Cycles)"""

    bl_idname = "portrait_manifolds.match_light"
    bl_label = "Match Light"
    bl_options = {"REGISTER", "UNDO"}

    @checked
    def execute(self, context: bpy.types.Context) -> set[str]:
        root, scene = active_portrait(context), context.scene
        if scene.camera is None:
            raise InputError("The scene has no camera: add one, or press Match Photo Camera.")
        look = {socket.name: socket for socket in look_sockets(sheets_of(root).active_material)}
        if not {"Exposure", "Tint"} <= set(look):
            raise InputError(f"{root.name}'s material has no Exposure and Tint: import the portrait again.")
        stand_in = part_of(root, "STAND_IN") or add_stand_in(root, read_portrait(portrait_path(root)))
        light = _light_on(stand_in, sheets_of(root), scene)
        brightest = float(light.max())
        if brightest < DARKEST:
            raise InputError("No light falls on the portrait as the camera sees it: add a light or turn one up.")
        look["Exposure"].default_value = log2(brightest)
        look["Tint"].default_value = (*(light / brightest), 1.0)
        self.report({"INFO"}, f"Exposure {log2(brightest):+.2f} and the light's tint: edit both under Look.")
        return {"FINISHED"}


def _light_on(stand_in: bpy.types.Object, sheets: bpy.types.Object, scene: bpy.types.Scene) -> np.ndarray:
    """Mean linear colour [3] of the white stand-in as the scene's camera sees it, nothing in front of it."""
    with _alone(stand_in, sheets), tempfile.TemporaryDirectory(prefix="portrait_manifolds_") as folder:
        path = Path(folder) / "light.exr"
        copy = scene.copy()  # the user's settings stay as they are
        try:
            _set_up(copy, path)
            bpy.ops.render.render(write_still=True, scene=copy.name)
        finally:
            bpy.data.scenes.remove(copy)
        if not path.is_file():
            raise ProcessingError("Blender could not draw the stand-in: switch the add-on Cycles on.")
        image = bpy.data.images.load(str(path))
        pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
        image.pixels.foreach_get(pixels)
        bpy.data.images.remove(image)
    pixels = pixels.reshape(-1, 4)
    inside = pixels[:, 3] > 0.99
    if not inside.any():
        raise InputError("The camera does not see the portrait: turn it, or press Match Photo Camera.")
    return pixels[inside, :3].mean(axis=0)


def _set_up(scene: bpy.types.Scene, path: Path) -> None:
    render, cycles = scene.render, scene.cycles
    render.engine, render.film_transparent, render.use_compositing, render.use_sequencer = "CYCLES", True, False, False
    larger = max(render.resolution_x, render.resolution_y)
    render.resolution_x = max(1, render.resolution_x * PICTURE_PX // larger)
    render.resolution_y = max(1, render.resolution_y * PICTURE_PX // larger)
    render.resolution_percentage, render.use_border = 100, False
    cycles.max_bounces = cycles.diffuse_bounces = BOUNCES
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = SAMPLES, False, False
    settings = render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    render.filepath = str(path)
    for layer in scene.view_layers[1:]:
        layer.use = False


@contextmanager
def _alone(shown: bpy.types.Object, sheets: bpy.types.Object) -> Iterator[None]:
    """Of all objects the camera sees only one; all but the sheets around it light and shade it as ever."""
    before = {item: item.visible_camera for item in bpy.data.objects if item.library is None}
    hidden = shown.hide_render, sheets.hide_render
    try:
        for item in before:
            item.visible_camera = item == shown
        shown.hide_render, sheets.hide_render = False, True
        yield
    finally:
        shown.hide_render, sheets.hide_render = hidden
        for item, visible in before.items():
            item.visible_camera = visible
