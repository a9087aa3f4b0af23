"""The Blender extension. Everything that Blender must know is in CLASSES; nothing happens at import."""

import bpy

from .backend_process import stop_backend
from .engine import PortraitManifoldsEngine, register_engine, unregister_engine
from .headless import render_file
from .import_operators import (
    PORTRAIT_MANIFOLDS_FH_portrait,
    PORTRAIT_MANIFOLDS_OT_import_portrait,
    draw_import_menu,
)
from .job_operator import PORTRAIT_MANIFOLDS_OT_cancel
from .naming import ADDON_ID
from .photo_camera import PORTRAIT_MANIFOLDS_OT_match_photo_camera
from .properties import PortraitProperties, PortraitSceneProperties, register_properties, unregister_properties
from .render_operators import PORTRAIT_MANIFOLDS_OT_render_portrait
from .rig_operators import (
    PORTRAIT_MANIFOLDS_OT_add_rig,
    RigProperties,
    register_rig_properties,
    unregister_rig_properties,
)

CLASSES = (
    PortraitProperties,
    PortraitSceneProperties,
    RigProperties,
    PORTRAIT_MANIFOLDS_OT_cancel,
    PORTRAIT_MANIFOLDS_OT_import_portrait,
    PORTRAIT_MANIFOLDS_FH_portrait,
    PORTRAIT_MANIFOLDS_OT_match_photo_camera,
    PORTRAIT_MANIFOLDS_OT_add_rig,
    PORTRAIT_MANIFOLDS_OT_render_portrait,
    PortraitManifoldsEngine,
)

_command_handle: object = None


def register() -> None:
    """Adds the extension to Blender."""
    global _command_handle
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    register_properties()
    register_rig_properties()
    register_engine()
    bpy.types.TOPBAR_MT_file_import.append(draw_import_menu)
    _command_handle = bpy.utils.register_cli_command(ADDON_ID, render_file)


def unregister() -> None:
    """Removes it, in the reverse order."""
    global _command_handle
    bpy.utils.unregister_cli_command(_command_handle)
    bpy.types.TOPBAR_MT_file_import.remove(draw_import_menu)
    unregister_engine()
    unregister_rig_properties()
    unregister_properties()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    stop_backend()
    _command_handle = None
