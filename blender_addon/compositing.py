"""Set Up Compositing: the backend's picture of the portrait put into the scene's own render by depth.

The engine belongs to a scene, so the portrait gets a second scene of its own with the same camera. Two Alpha Overs,
portrait over scene and scene over portrait, are mixed by which is nearer; a Z Combine would apply alpha twice.
"""

from collections.abc import Iterator

import bpy
from bpy.app.handlers import persistent

from .cameras import check_one_view, scale_of
from .compositor_nodes import Compositor, check_one_output, switch_blends
from .drawable import check_drawable
from .job_operator import JobOperator
from .look import check_look
from .naming import ENGINE_ID
from .native_object import (
    active_portrait,
    found_at,
    keep_look_evaluated,
    part_of,
    place_of,
    portrait_path,
    portraits,
    sheets_of,
)
from .shadows import LAYER_NAME, add_shadow_catcher, catches_shadows
from .stand_in import hide_from_workbench, stand_in_of
from .steps import Steps

FOLLOWED = (
    *("resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y"),
    *("use_border", "use_crop_to_border", "border_min_x", "border_max_x", "border_min_y", "border_max_y"),
    *("frame_map_old", "frame_map_new", "use_multiview"),
)
"""Render settings that the portrait's scene takes over."""


class PORTRAIT_MANIFOLDS_OT_setup_compositing(JobOperator):
    """Put the portrait into the scene by depth: nodes, a stand-in for shadows, and a scene for the backend"""

    bl_idname = "portrait_manifolds.setup_compositing"
    bl_label = "Set Up Compositing"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        scene_name, root = context.scene.name, active_portrait(context)
        check_one_view(context.scene)
        check_one_output(context.scene)
        depsgraph = context.evaluated_depsgraph_get()
        check_drawable(root, depsgraph)
        scale_of(root.evaluated_get(depsgraph).matrix_world, root.name)
        check_look(root)
        place = place_of(root)
        stand_in = yield from stand_in_of(place)
        root, scene = found_at(place), bpy.data.scenes[scene_name]  # undo may have replaced them
        # The backend draws the portrait from now on; the sheets stay for the viewport.
        portrait_path(root)  # InputError where it could not
        sheets_of(root).hide_render = True
        drawn = portrait_scene(scene)
        follow(scene)
        for each in (scene, drawn):
            for layer in each.view_layers:
                layer.use_pass_z = True
        if catches_shadows(scene):
            add_shadow_catcher(scene, root, stand_in)
        build_nodes(scene, drawn)
        scene.render.use_compositing = True
        note = "" if catches_shadows(scene) else " Shadows fall on it in Cycles only: choose it and press this again."
        self.report({"INFO"}, f'"{drawn.name}" draws the portrait; render "{scene.name}" as ever.{note}')


def portrait_scene(scene: bpy.types.Scene) -> bpy.types.Scene:
    """The scene in which the backend draws what `scene` composites; made at first use."""
    existing = scene.portrait_manifolds.drawn_by
    if existing is not None:
        return existing
    drawn = bpy.data.scenes.new(f"{scene.name} portrait")
    drawn.render.engine = ENGINE_ID
    drawn.render.film_transparent = True
    drawn.view_settings.view_transform = scene.view_settings.view_transform
    scene.portrait_manifolds.drawn_by = drawn
    return drawn


def follow(scene: bpy.types.Scene) -> None:
    """Gives the portrait's scene the portraits, the camera and the picture of `scene`.

    A copy of `scene` may have the portrait's scene in common with it: whichever is rendered is followed.
    """
    drawn = scene.portrait_manifolds.drawn_by
    if drawn is None:
        return
    roots = _composited(scene, drawn)
    _draw_only(drawn, roots)
    for root in roots:
        hide_from_workbench(root, scene.render.engine)
    drawn.camera = camera_at_frame(scene)
    drawn.active_clip = scene.active_clip  # what motion tracking's constraints follow
    drawn.frame_start, drawn.frame_end = scene.frame_start, scene.frame_end
    drawn.frame_subframe = scene.frame_subframe  # the frame itself Blender gives to all scenes of a compositor
    drawn.portrait_manifolds.samples = scene.portrait_manifolds.samples
    for name in FOLLOWED:
        setattr(drawn.render, name, getattr(scene.render, name))
    switch_blends(scene, "MULTIPLY", _shadows_are_drawn(scene))


def _shadows_are_drawn(scene: bpy.types.Scene) -> bool:
    """Whether the compositor gets the shadows on portraits: of a layer that is not rendered it has black."""
    layer = scene.view_layers.get(LAYER_NAME)
    return catches_shadows(scene) and layer is not None and layer.use and not scene.render.use_single_layer


def camera_at_frame(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The camera of the marker that holds at the scene's frame, else the scene's.

    Blender gives a scene its marker's camera only after `render_pre`.
    """
    bound = [marker for marker in scene.timeline_markers if marker.camera and not marker.camera.hide_render]
    if not bound:
        return scene.camera
    passed = [marker for marker in bound if marker.frame <= int(scene.frame_current_final)]
    first_in_time = min(bound, key=lambda marker: marker.frame)
    return max(passed, key=lambda marker: marker.frame, default=first_in_time).camera


def _composited(scene: bpy.types.Scene, drawn: bpy.types.Scene) -> set[bpy.types.Object]:
    """The empties of portraits set up before, and copies of such, where no collection hides them from renders."""
    before = set(drawn.collection.objects)
    layers = [layer for layer in scene.view_layers if layer.name != LAYER_NAME]
    rendered = {
        item
        for layer in layers
        for item in _in_renders(layer.layer_collection)
        if not item.indirect_only_get(view_layer=layer)
    }
    return {root for root in portraits(scene) if root in rendered and _handed_over(root, before)}


def _handed_over(root: bpy.types.Object, before: set[bpy.types.Object]) -> bool:
    """Whether the backend draws the portrait: it did before or has a stand-in, and its sheets are not rendered.

    Of sheets linked from a library the .blend does not keep that they are hidden.
    """
    sheets = part_of(root, "SHEETS")
    if sheets is None or (root not in before and part_of(root, "STAND_IN") is None):
        return root in before
    if sheets.library is not None and not sheets.hide_render:
        sheets.hide_render = True
    return sheets.hide_render


def _in_renders(layer: bpy.types.LayerCollection) -> Iterator[bpy.types.Object]:
    if layer.collection.hide_render:
        return
    if not layer.exclude:
        yield from layer.collection.objects
    for child in layer.children:
        yield from _in_renders(child)


def _draw_only(drawn: bpy.types.Scene, roots: set[bpy.types.Object]) -> None:
    there = {item for item in drawn.collection.objects if item.portrait_manifolds.role == "PORTRAIT"}
    for root in there - roots:
        drawn.collection.objects.unlink(root)
    for root in roots - there:
        drawn.collection.objects.link(root)


def build_nodes(scene: bpy.types.Scene, drawn: bpy.types.Scene) -> None:
    """Puts the depth composite before the compositor's output; what fed it before is the scene's picture."""
    nodes = Compositor(scene)
    picture, depth = nodes.scene_picture()
    portrait = nodes.add("CompositorNodeRLayers", 0, -400)
    portrait.scene = drawn
    portrait_picture, portrait_depth = portrait.outputs["Image"], portrait.outputs["Depth"]
    if catches_shadows(scene):
        shadows = nodes.add("CompositorNodeRLayers", -300, -800)
        shadows.scene, shadows.layer = scene, LAYER_NAME
        # Light that others throw on the stand-in is no shadow: only what darkens counts.
        shade = nodes.blend("DARKEN", shadows.outputs["Shadow Catcher"], (1.0, 1.0, 1.0, 1.0), 0, -800)
        portrait_picture = nodes.blend("MULTIPLY", portrait_picture, shade, 150, -600)
    in_front = nodes.alpha_over(picture, portrait_picture, 300, 0)
    behind = nodes.alpha_over(portrait_picture, picture, 300, -300)
    nearer = nodes.math("LESS_THAN", portrait_depth, depth, 300, -600)
    nodes.finish(nodes.mix(nearer, behind, in_front, 600, 0))


@persistent
def follow_before_render(scene: bpy.types.Scene, *_: object) -> None:
    """Each frame: the camera may be bound to a marker, portraits and size may have been changed."""
    for root in portraits(scene):
        keep_look_evaluated(root)
    follow(scene)
