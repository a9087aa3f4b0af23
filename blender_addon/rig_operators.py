"""Adding camera rigs, and the parameters they keep."""

import json
from functools import partial

import bpy

from ..backend.errors import InputError
from .cameras import asked_frames, on_render_pixels
from .job_operator import checked
from .native_object import active_portrait, collection_for_new, portrait_above
from .photo_camera import add_camera, head_view, photo_view
from .rigs import EASES, RIG_TYPES, check_frames, rebuild
from .steps import removed_on_failure

PIVOT_SIZE_M = 0.05
FRAMINGS = (
    ("HEAD", "Head", "Aimed at the head: hair and shoulders fill the smaller side of the picture"),
    ("PHOTO", "Photograph", "The whole photograph is inside the picture"),
)


def _changed(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """A parameter was changed in the panel: the keyframes follow."""
    if not self.base_camera:
        return
    try:
        rebuild(self.id_data)
        self.problem = ""
    except InputError as error:
        self.problem = str(error)


def _framing_changed(self: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """The rig starts from another camera."""
    if not self.base_camera:
        return
    try:
        _frame(self.id_data, context.scene)
    except InputError as error:
        self.problem = str(error)


def _frame(pivot: bpy.types.Object, scene: bpy.types.Scene) -> None:
    """Gives the rig the camera it starts from, for the scene's size and the rig's framing.

    Raises InputError where there is no portrait to frame; other problems are written into the rig.
    """
    rig, root = pivot.portrait_rig, portrait_above(pivot.parent)  # a controller may stand between
    if root is None:
        raise InputError(f"{pivot.name} has lost its portrait: delete the rig and add it again.")
    view_of = partial(head_view, root) if rig.framing == "HEAD" else photo_view(root).resized
    view = on_render_pixels(scene, view_of)
    rig.base_camera = json.dumps(view.to_dict())
    rig.fov_start_deg = view.fov_deg  # this writes the keyframes


class RigProperties(bpy.types.PropertyGroup):
    """Parameters of a rig, on its pivot; `base_camera` is empty on other objects."""

    base_camera: bpy.props.StringProperty(description="The camera the rig starts from, in portrait space, as JSON")
    problem: bpy.props.StringProperty(description="Why the last change did not work out")
    type: bpy.props.EnumProperty(name="Rig", description="How the camera moves", items=RIG_TYPES, update=_changed)
    framing: bpy.props.EnumProperty(
        name="Framing", description="What fills the picture at the start", items=FRAMINGS, update=_framing_changed
    )
    frame_start: bpy.props.IntProperty(name="Start", description="First frame", default=1, min=0, update=_changed)
    frame_end: bpy.props.IntProperty(name="End", description="Last frame", default=96, min=1, update=_changed)
    cycles: bpy.props.IntProperty(name="Rounds", description="How often", default=1, min=1, max=100, update=_changed)
    yaw_deg: bpy.props.FloatProperty(
        name="Yaw", description="Reach to each side in degrees", default=30.0, min=-90.0, max=90.0, update=_changed
    )
    pitch_deg: bpy.props.FloatProperty(
        name="Pitch", description="Reach upwards in degrees", default=12.0, min=-60.0, max=60.0, update=_changed
    )
    push: bpy.props.FloatProperty(
        name="Distance", description="Share of the distance at the end", default=0.6, min=0.05, max=3.0, update=_changed
    )
    fov_start_deg: bpy.props.FloatProperty(
        name="Start Lens", description="Vertical field of view at the start in degrees", min=0.5, max=120.0,
        default=15.0, update=_changed,
    )  # fmt: skip
    fov_end_deg: bpy.props.FloatProperty(
        name="End Lens", description="Vertical field of view at the end in degrees", min=0.5, max=120.0,
        default=45.0, update=_changed,
    )  # fmt: skip
    subject_depth_m: bpy.props.FloatProperty(
        name="Locked Depth",
        description="Where the size is locked, in metres from the head's centre to the camera; the face is at 0.08",
        default=0.08, min=-0.5, max=0.5, step=1, precision=3, update=_changed,
    )  # fmt: skip
    ease: bpy.props.EnumProperty(name="Ease", description="How it starts and ends", items=EASES, update=_changed)
    strength: bpy.props.FloatProperty(
        name="Strength", description="Size of the movements", default=1.0, min=0.0, max=20.0, update=_changed
    )
    period_frames: bpy.props.FloatProperty(
        name="Period", description="Length of a movement in frames", default=30.0, min=1.0, max=500.0, update=_changed
    )
    seed: bpy.props.IntProperty(name="Seed", description="Another chance", default=0, min=0, update=_changed)


class PORTRAIT_MANIFOLDS_OT_add_rig(bpy.types.Operator):
    """Add a moving camera that starts from the photograph's, with keyframes and parameters to edit"""

    bl_idname = "portrait_manifolds.add_rig"
    bl_label = "Add Camera Rig"
    bl_options = {"REGISTER", "UNDO"}

    type: bpy.props.EnumProperty(name="Rig", description="How the camera moves", items=RIG_TYPES)
    framing: bpy.props.EnumProperty(name="Framing", description="What fills the picture at the start", items=FRAMINGS)
    frame_start: bpy.props.IntProperty(name="Start", description="First frame; -1 takes the scene's", default=-1)
    frame_end: bpy.props.IntProperty(name="End", description="Last frame; -1 takes the scene's", default=-1)

    @checked
    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        root = active_portrait(context)
        start, end = asked_frames(scene, self.frame_start, self.frame_end)
        check_frames(start, end)
        title = next(name for key, name, _ in RIG_TYPES if key == self.type)
        with removed_on_failure() as made:
            pivot = bpy.data.objects.new(f"{root.name} {title.lower()}", None)
            made.append(pivot)
            pivot.empty_display_type, pivot.empty_display_size = "PLAIN_AXES", PIVOT_SIZE_M
            pivot.parent = root
            collection_for_new(context).objects.link(pivot)
            camera = add_camera(f"{root.name} {title.lower()} camera", pivot, context)
            camera.portrait_manifolds.role = "RIG_CAMERA"
            made += [camera, camera.data]
            rig = pivot.portrait_rig
            rig.type, rig.framing, rig.frame_start, rig.frame_end = self.type, self.framing, start, end
            _frame(pivot, scene)  # last: from here on, changes write keyframes
            if rig.problem:
                raise InputError(rig.problem)
        scene.camera = camera
        return {"FINISHED"}


def register_rig_properties() -> None:
    """Adds the parameters to Blender's objects."""
    bpy.types.Object.portrait_rig = bpy.props.PointerProperty(type=RigProperties)


def unregister_rig_properties() -> None:
    """The inverse."""
    del bpy.types.Object.portrait_rig
