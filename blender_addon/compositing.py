"""Set Up Compositing: the backend's picture of the portrait put into the scene's own render by depth.

The engine belongs to a scene, so the portrait gets a second scene of its own with the same camera. Two Alpha Overs,
portrait over scene and scene over portrait, are mixed by which is nearer; a Z Combine would apply alpha twice.
"""

import bpy
from bpy.app.handlers import persistent

from .compositor_nodes import Compositor
from .job_operator import JobOperator
from .naming import ENGINE_ID
from .native_object import active_portrait, named, portrait_path, sheets_of
from .shadows import LAYER_NAME, add_shadow_catcher, catches_shadows
from .stand_in import stand_in_of
from .steps import Steps


class PORTRAIT_MANIFOLDS_OT_setup_compositing(JobOperator):
    """Put the portrait into the scene by depth: nodes, a stand-in for shadows, and a scene for the backend"""

    bl_idname = "portrait_manifolds.setup_compositing"
    bl_label = "Set Up Compositing"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        scene_name, name = context.scene.name, active_portrait(context).name
        stand_in = yield from stand_in_of(name)
        root, scene = named(name), bpy.data.scenes[scene_name]  # undo may have replaced them
        # The backend draws the portrait from now on; the sheets stay for the viewport.
        portrait_path(root)  # InputError where it could not
        sheets_of(root).hide_render = True
        drawn = portrait_scene(scene)
        if root.name not in drawn.collection.objects:
            drawn.collection.objects.link(root)
        follow(scene)
        for each in (scene, drawn):
            for layer in each.view_layers:
                layer.use_pass_z = True
        if catches_shadows(scene):
            add_shadow_catcher(scene, root, stand_in)
        build_nodes(scene, drawn)
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
    """Gives the portrait's scene the camera and the picture of `scene`."""
    drawn = scene.portrait_manifolds.drawn_by
    if drawn is None:
        return
    drawn.camera = scene.camera
    drawn.frame_start, drawn.frame_end = scene.frame_start, scene.frame_end
    drawn.portrait_manifolds.samples = scene.portrait_manifolds.samples
    for name in ("resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x", "pixel_aspect_y"):
        setattr(drawn.render, name, getattr(scene.render, name))


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
    nearer = nodes.less_than(portrait_depth, depth, 300, -600)
    nodes.finish(nodes.mix(nearer, behind, in_front, 600, 0))


@persistent
def follow_before_render(scene: bpy.types.Scene, *_: object) -> None:
    """Each frame: the camera may be bound to a marker, the size may have been changed."""
    follow(scene)
