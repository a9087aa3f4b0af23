"""The render engine "Portrait Manifolds": F12 and Render Animation draw the scene's portraits, and nothing else.

Blender swallows an engine's failures: the operator still returns FINISHED and a picture is written. They are kept in
`failures` for who renders from a script; they are also printed, and Blender in the background ends with 1.
"""

import atexit
import os
import sys
from pathlib import Path

import bpy
import numpy as np

from ..backend.errors import InputError, ProcessingError
from .backend_process import Cancelled, backend
from .cameras import camera_from_blender, check_one_view
from .naming import ENGINE_ID
from .native_object import only_portraits
from .pictures import NOTHING, Picture, layers, picture_request, read_picture, scratch_folder
from .viewport import TICK_S, ViewportPicture, redraw_viewports

failures: list[str] = []
"""What went wrong in renders; a script that is to know of its own clears it before."""


class PortraitManifoldsEngine(bpy.types.RenderEngine):
    """Draws portraits with the backend's renderer: premultiplied linear light, and depth."""

    bl_idname = ENGINE_ID
    bl_label = "Portrait Manifolds"
    bl_use_preview = False
    bl_use_postprocess = True
    _viewport: ViewportPicture | None = None

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        try:
            size = (self.resolution_x, self.resolution_y)
            picture = _within(self._draw(depsgraph, size), _region_px(depsgraph.scene.render, size))
            self._put_out(picture, depsgraph.view_layer_eval.name)
        except (InputError, ProcessingError) as error:
            self._fail(str(error))
        except Cancelled:
            pass
        except Exception as error:
            self._fail(f"The engine failed ({type(error).__name__}: {error}): please report it.")
            raise

    def view_update(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        self.tag_redraw()

    def view_draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> None:
        if self._viewport is None:
            self._viewport = ViewportPicture()
        self.bind_display_space_shader(depsgraph.scene)
        waiting = self._viewport.draw(context, depsgraph)
        self.unbind_display_space_shader()
        self.update_stats("Portrait Manifolds", self._viewport.problem or ("drawing" if waiting else ""))
        if waiting and not bpy.app.timers.is_registered(redraw_viewports):
            bpy.app.timers.register(redraw_viewports, first_interval=TICK_S)

    def update_render_passes(self, scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> None:
        self.register_pass(scene, layer, "Combined", 4, "RGBA", "COLOR")
        if layer.use_pass_z:
            self.register_pass(scene, layer, "Depth", 1, "Z", "VALUE")

    def _put_out(self, picture: Picture, layer: str) -> None:
        height, width = picture.depth.shape
        # Blender takes a part of the picture; around it, passes are clear and far.
        result = self.begin_result(picture.left_px, picture.bottom_px, width, height, layer=layer)
        for render_pass in result.layers[0].passes:
            if render_pass.name == "Combined":
                render_pass.rect.foreach_set(picture.rgba.ravel())
            elif render_pass.name in {"Depth", "Z"}:
                render_pass.rect.foreach_set(picture.depth.ravel())
        self.end_result(result)

    def _fail(self, message: str) -> None:
        failures.append(message)
        print(f"portrait-manifolds: {message}", file=sys.stderr, flush=True)
        self.report({"ERROR"}, message)
        self.error_set(message)

    def _draw(self, depsgraph: bpy.types.Depsgraph, size: tuple[int, int]) -> Picture:
        """All that the scene's camera sees of portraits, the nearer in front."""
        scene = depsgraph.scene
        check_one_view(scene)
        camera = self.camera_override or scene.camera
        rendered = {item.original for item in depsgraph.objects}  # without what objects, collections or layers hide
        unseen = {root for root in rendered if root.indirect_only_get(view_layer=depsgraph.view_layer)}
        found = layers(
            only_portraits(rendered - unseen),  # those of a background set as well
            depsgraph,
            lambda root: camera_from_blender(camera, root, depsgraph, size),
        )
        if not found:
            return NOTHING
        with scratch_folder(size) as folder:
            params = picture_request(found, scene.portrait_manifolds.samples, Path(folder) / "picture.npy")
            job = backend().request("render", params, f"Render of {scene.name}")
            while not job.poll():
                if self.test_break():
                    job.cancel()
                job.rest()
            return read_picture(job.result())


def _region_px(render: bpy.types.RenderSettings, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, bottom, right and top of what is rendered: Render Region's part, cut off to pixels as Blender does."""
    if not render.use_border:
        return 0, 0, *size
    shares = (render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y)
    left, bottom, right, top = (
        int(np.float32(share) * np.float32(side)) for share, side in zip(shares, size * 2, strict=True)
    )
    return left, bottom, right, top


def _within(picture: Picture, region: tuple[int, int, int, int]) -> Picture:
    """The picture's part in a region and its place there, which is how `begin_result` counts."""
    left, bottom, right, top = region
    across = slice(max(left - picture.left_px, 0), max(right - picture.left_px, 0))
    upwards = slice(max(bottom - picture.bottom_px, 0), max(top - picture.bottom_px, 0))
    depth = picture.depth[upwards, across]
    if not depth.size:
        return NOTHING
    rgba = picture.rgba[upwards, across]
    return Picture(rgba, depth, max(picture.left_px - left, 0), max(picture.bottom_px - bottom, 0))


def allow_panels(add: bool) -> None:
    """Shows the panels of output, cameras and colour that suit every engine with this engine too, or no more."""
    wanted = {"BLENDER_RENDER"}
    for panel in bpy.types.Panel.__subclasses__():
        engines = getattr(panel, "COMPAT_ENGINES", None)
        if engines and wanted & engines:
            (engines.add if add else engines.discard)(ENGINE_ID)


def _end_with_failure() -> None:
    """At exit of `blender --background --render-anim`, which would end with 0 whatever the engine said."""
    if failures and bpy.app.background and bpy.app.binary_path:
        sys.stderr.flush()
        os._exit(1)


def register_engine() -> None:
    """Adds the engine's panels; its class must be registered."""
    allow_panels(True)
    atexit.register(_end_with_failure)


def unregister_engine() -> None:
    """The inverse, but for the exit code."""
    allow_panels(False)
