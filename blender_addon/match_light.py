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
from .backend_process import Cancelled
from .drawable import check_drawable
from .job_operator import JobOperator
from .keyframes import fcurve
from .materials import look_sockets
from .native_object import (
    Place,
    active_portrait,
    found_at,
    part_of,
    place_of,
    sheets_material,
    sheets_of,
)
from .shadows import catches_shadows
from .stand_in import stand_in_of
from .steps import Step, Steps

PICTURE_PX, SAMPLES = 96, 32
BOUNCES = 8
"""Enough for the hollows of a white head to be as white as the sky."""
DARKEST = 1e-3
"""Light below this share of neutral leaves nothing to see."""


class PORTRAIT_MANIFOLDS_OT_match_light(JobOperator):
    """Set the portrait's exposure and tint from the scene's light on a white head in its place (a second of Cycles)"""

    bl_idname = "portrait_manifolds.match_light"
    bl_label = "Match Light"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        root, scene, frame = active_portrait(context), context.scene, context.scene.frame_current_final
        place, self.work.what = place_of(root), f"Light on {root.name}"
        if scene.camera is None:
            raise InputError("The scene has no camera: add one, or press Match Photo Camera.")
        _look(root)
        check_drawable(root, context.evaluated_depsgraph_get())
        yield from stand_in_of(place)
        light = yield from _light_of(place, scene.name)
        brightest = float(light.max())
        if brightest < DARKEST:
            raise InputError(
                "No light falls on the portrait as the camera sees it: add a light, or move what encloses it."
            )
        look = _look(found_at(place))
        keyed = [_set(look["Exposure"], log2(brightest), frame), _set(look["Tint"], (*(light / brightest), 1.0), frame)]
        note = f" What is animated has a key at frame {frame:g}." if any(keyed) else ""
        self.report({"INFO"}, f"Exposure {log2(brightest):+.2f} and the light's tint: edit both under Look.{note}")


def _look(root: bpy.types.Object) -> dict[str, bpy.types.NodeSocket]:
    look = {socket.name: socket for socket in look_sockets(sheets_material(root))}
    if not {"Exposure", "Tint"} <= set(look):
        fix = "take the node off, or import the portrait again"
        raise InputError(f"{root.name}'s Exposure or Tint is gone, or fed by a node: {fix}.")
    return look


def _set(socket: bpy.types.NodeSocket, value: float | tuple, frame: float) -> bool:
    """Sets a value, with a key where it has others: without, the next change of frame would undo it. Whether it has."""
    socket.default_value = value
    keyed = fcurve(socket.id_data, socket.path_from_id("default_value"), 0) is not None
    return keyed and socket.keyframe_insert("default_value", frame=frame)


def _light_of(place: Place, scene_name: str) -> Steps[np.ndarray]:
    """Linear light [3] to multiply the portrait by.

    Where compositing darkens the portrait by the shadows that fall on it, the light is without them: they would count
    twice. Then light x shadow has the mean of the light that is there.
    """
    light = yield from _light_on(place, scene_name, unshaded=False)
    mean = light.mean(axis=0)
    if part_of(found_at(place), "SHADOW_CATCHER") is None or not catches_shadows(bpy.data.scenes[scene_name]):
        return mean
    free = yield from _light_on(place, scene_name, unshaded=True)
    shadow = np.minimum(light / np.maximum(free, DARKEST), 1.0).mean(axis=0)  # as the compositor's nodes have it
    return mean / np.maximum(shadow, DARKEST)


def _light_on(place: Place, scene_name: str, unshaded: bool) -> Steps[np.ndarray]:
    """Linear colours [N, 3] of the white stand-in's pixels as the scene's camera sees it, nothing in front of it.

    `unshaded`: with nothing but lamps and the sky around it.
    """
    root, scene = found_at(place), bpy.data.scenes[scene_name]
    stand_in, film_exposure = part_of(root, "STAND_IN"), _film_exposure(scene, sheets_of(root))
    with _alone(stand_in, sheets_of(root), unshaded), tempfile.TemporaryDirectory(prefix="portrait_") as folder:
        path = Path(folder) / "light.exr"
        copy = scene.copy()  # the user's settings stay as they are
        copy_name = copy.name
        try:
            _set_up(copy, path, _layer_with(stand_in, scene))
            copy.cycles.film_exposure = film_exposure
            yield from _rendered(copy)
        finally:  # found again: undo may have replaced it while Blender rendered
            if copy_name in bpy.data.scenes:
                bpy.data.scenes.remove(bpy.data.scenes[copy_name])
        if not path.is_file():
            raise ProcessingError("Blender could not draw the stand-in: switch the add-on Cycles on, and try again.")
        pixels = _pixels(path)
    inside = pixels[..., 3] > 0.99
    if not inside.any():
        raise InputError("The camera does not see the portrait: turn it, or press Match Photo Camera.")
    return pixels[inside, :3]


def _rendered(scene: bpy.types.Scene) -> Steps[None]:
    """Renders to the scene's file: in a window as Blender's own job, beside the user's work."""
    if bpy.app.background or bpy.context.window is None:
        bpy.ops.render.render(write_still=True, scene=scene.name)
        return
    view = bpy.context.preferences.view
    display, view.render_display_type = view.render_display_type, "NONE"
    try:
        bpy.ops.render.render("INVOKE_DEFAULT", write_still=True, scene=scene.name)
        stopped: Cancelled | None = None
        while bpy.app.is_job_running("RENDER"):
            try:
                yield Step(0.5, "drawing a white head", waits=True)
            except Cancelled as stop:  # Blender's job needs the scene until it ends, within a second
                stopped = stop
        if stopped is not None:
            raise stopped
    finally:
        view.render_display_type = display


def _pixels(path: Path) -> np.ndarray:
    """[N, 4] linear."""
    image = bpy.data.images.load(str(path))
    pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(-1, 4)


def _film_exposure(scene: bpy.types.Scene, sheets: bpy.types.Object) -> float:
    """How much brighter the film makes the scene than the portrait: sheets that Cycles draws it makes as bright."""
    return scene.cycles.film_exposure if scene.render.engine == "CYCLES" and sheets.hide_render else 1.0


def _layer_with(item: bpy.types.Object, scene: bpy.types.Scene) -> str:
    """The name of a view layer that holds an object, one that is rendered if there is any."""
    with_it = [layer for layer in scene.view_layers if item in set(layer.objects)] or list(scene.view_layers)
    return next((layer for layer in with_it if layer.use), with_it[0]).name


def _set_up(scene: bpy.types.Scene, path: Path, layer_name: str) -> None:
    scene.portrait_manifolds.drawn_by = None  # else compositing's scene would take over this one's small size
    render, cycles = scene.render, scene.cycles
    render.engine, render.film_transparent, render.use_compositing, render.use_sequencer = "CYCLES", True, False, False
    larger = max(render.resolution_x, render.resolution_y)
    render.resolution_x = max(1, render.resolution_x * PICTURE_PX // larger)
    render.resolution_y = max(1, render.resolution_y * PICTURE_PX // larger)
    render.resolution_percentage, render.use_border, render.use_multiview = 100, False, False
    cycles.max_bounces = cycles.diffuse_bounces = BOUNCES
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = SAMPLES, False, False
    settings = render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    render.filepath = str(path)
    for layer in scene.view_layers:
        layer.use = layer.name == layer_name  # Blender crashes where it is to render none


@contextmanager
def _alone(shown: bpy.types.Object, sheets: bpy.types.Object, unshaded: bool) -> Iterator[None]:
    """Of all objects the camera sees only one.

    All but the sheets around it light and shade it as ever; `unshaded`, only lamps do.
    """
    before = [(place_of(item), item.visible_camera, item.hide_render) for item in bpy.data.objects]
    try:
        for item in bpy.data.objects:
            item.visible_camera = item == shown
            if unshaded and item.type != "LIGHT":
                item.hide_render = True
        shown.hide_render, sheets.hide_render = False, True
        yield
    finally:
        for place, visible, hidden in before:
            item = bpy.data.objects.get(place)  # undo may have replaced the objects meanwhile
            if item is not None:
                item.visible_camera, item.hide_render = visible, hidden
