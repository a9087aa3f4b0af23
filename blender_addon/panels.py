"""The panel in the 3D viewport's sidebar: from top to bottom what a user does in that order."""

import bpy

from ..backend.errors import InputError
from .cameras import beyond_promise, camera_from_blender
from .job_operator import running_work
from .materials import look_sockets
from .native_object import active_portrait, file_note, sheets_material
from .photo_camera import photo_view
from .rigs import RIG_TYPES

_RIG_FIELDS = {
    "ORBIT": ("yaw_deg", "pitch_deg", "cycles"),
    "SWING": ("yaw_deg", "cycles"),
    "PUSH_IN": ("push", "ease"),
    "DOLLY_ZOOM": ("fov_start_deg", "fov_end_deg", "subject_depth_m", "ease"),
    "HANDHELD": ("strength", "period_frames", "seed"),
}


class _Panel(bpy.types.Panel):
    bl_space_type, bl_region_type, bl_category = "VIEW_3D", "UI", "Portrait"


class _PortraitPanel(_Panel):
    """Shown when there is a portrait to act on."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _portrait(context) is not None


class PORTRAIT_MANIFOLDS_PT_import(_Panel):
    """Import, and the work under way."""

    bl_label = "Portrait Manifolds"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.portrait_manifolds
        layout.use_property_split = True
        work = running_work()
        if work is not None:
            layout.progress(factor=work.fraction, text=f"{work.what}: {work.stage}")
            layout.operator("portrait_manifolds.cancel", icon="CANCEL")
            return
        layout.operator("portrait_manifolds.import_portrait", icon="IMPORT")
        for name in ("texture_size", "refine_steps", "fov_deg", "face"):
            layout.prop(settings, name)


class PORTRAIT_MANIFOLDS_PT_look(_PortraitPanel):
    """The native object's controls."""

    bl_label = "Look"

    def draw(self, context: bpy.types.Context) -> None:
        layout, root = self.layout, active_portrait(context)
        layout.use_property_split = True
        layout.label(text=root.name, icon="OUTLINER_OB_EMPTY")
        layout.prop(root.portrait_manifolds, "filepath")
        note = file_note(root)
        if note:
            layout.label(text=note, icon="ERROR")
        try:
            material = sheets_material(root)
        except InputError as error:
            layout.label(text=str(error), icon="ERROR")
            return
        for socket in look_sockets(material):
            layout.prop(socket, "default_value", text=socket.name)
        change = colour_change(context.scene.view_settings)
        if change:
            layout.label(text=f"{change} changes the photograph's colours", icon="INFO")
            layout.operator("portrait_manifolds.standard_view")


class PORTRAIT_MANIFOLDS_PT_camera(_PortraitPanel):
    """The photograph's camera, rigs, and the parameters of the rig in use."""

    bl_label = "Camera"

    def draw(self, context: bpy.types.Context) -> None:
        layout, scene = self.layout, context.scene
        layout.operator("portrait_manifolds.match_photo_camera", icon="CAMERA_DATA")
        if scene.camera is not None and scene.camera.portrait_manifolds.role == "PHOTO_CAMERA":
            layout.prop(scene.camera.data, "show_background_images", text="Show Photograph")
        column = layout.column(align=True)
        for key, title, _ in RIG_TYPES:
            column.operator("portrait_manifolds.add_rig", text=title).type = key
        pivot = scene.camera.parent if scene.camera else None
        if pivot is not None and pivot.portrait_rig.base_camera:
            _draw_rig(layout, pivot.portrait_rig)
        if _is_beyond(context):
            layout.label(text="Beyond the views a portrait is made for", icon="ERROR")


class PORTRAIT_MANIFOLDS_PT_render(_PortraitPanel):
    """Frames from the backend, and compositing."""

    bl_label = "Render"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.portrait_manifolds
        layout.use_property_split = True
        for name in ("directory", "file_format", "samples"):
            layout.prop(settings, name)
        layout.operator("portrait_manifolds.render_portrait", icon="RENDER_ANIMATION")
        layout.operator("portrait_manifolds.setup_compositing", icon="NODE_COMPOSITING")
        layout.operator("portrait_manifolds.match_light", icon="LIGHT")


class PORTRAIT_MANIFOLDS_PT_edit(_PortraitPanel):
    """Painting, and export."""

    bl_label = "Edit and Export"

    def draw(self, context: bpy.types.Context) -> None:
        layout, settings = self.layout, context.scene.portrait_manifolds
        layout.operator("portrait_manifolds.edit_front_view", icon="BRUSH_DATA")
        layout.row().prop(settings, "edit_shape", expand=True)
        layout.operator("portrait_manifolds.apply_edit", icon="CHECKMARK").shape = settings.edit_shape
        layout.operator("portrait_manifolds.export", icon="EXPORT")


class PORTRAIT_MANIFOLDS_OT_standard_view(bpy.types.Operator):
    """Show colours as they are in the photograph: view transform Standard, and nothing else that changes them"""

    bl_idname = "portrait_manifolds.standard_view"
    bl_label = "Use Standard Colours"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        view = context.scene.view_settings
        view.view_transform, view.look = "Standard", "None"
        view.exposure, view.gamma, view.use_curve_mapping = 0.0, 1.0, False
        if hasattr(view, "use_white_balance"):  # since 4.3
            view.use_white_balance = False
        return {"FINISHED"}


def colour_change(view: bpy.types.ColorManagedViewSettings) -> str:
    """What in a scene's colour management shows other colours than the photograph's, the first of several, or ""."""
    changes = {
        view.view_transform: view.view_transform not in {"Standard", "Raw"},
        f"The look {view.look}": view.look != "None",
        "Exposure": view.exposure != 0.0,
        "Gamma": view.gamma != 1.0,
        "The curve": view.use_curve_mapping,
        "White balance": getattr(view, "use_white_balance", False),
    }
    return next((name for name, does in changes.items() if does), "")


def _draw_rig(layout: bpy.types.UILayout, rig: bpy.types.PropertyGroup) -> None:
    box = layout.box()
    box.use_property_split = True
    for name in ("type", "framing", "frame_start", "frame_end", *_RIG_FIELDS[rig.type]):
        box.prop(rig, name)
    if rig.problem:
        box.label(text=rig.problem, icon="ERROR")
    box.label(text="A change writes the rig's keyframes anew", icon="INFO")


def _portrait(context: bpy.types.Context) -> bpy.types.Object | None:
    try:
        return active_portrait(context)
    except InputError:
        return None


def _is_beyond(context: bpy.types.Context) -> bool:
    try:
        root = active_portrait(context)
        view, _ = camera_from_blender(context.scene.camera, root, context.evaluated_depsgraph_get())
        return beyond_promise(view, photo_view(root))
    except InputError:
        return False
