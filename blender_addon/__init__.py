"""The Blender extension. Everything that Blender must know is in CLASSES; nothing happens at import."""

import atexit
import contextlib

import bpy

from .compositing import PORTRAIT_MANIFOLDS_OT_setup_compositing, follow_before_render
from .edit_operators import PORTRAIT_MANIFOLDS_OT_apply_edit, PORTRAIT_MANIFOLDS_OT_edit_front_view
from .engine import PortraitManifoldsEngine, register_engine, unregister_engine
from .export_operators import PORTRAIT_MANIFOLDS_OT_export
from .headless import render_file
from .import_operators import (
    PORTRAIT_MANIFOLDS_FH_portrait,
    PORTRAIT_MANIFOLDS_OT_import_portrait,
    draw_import_menu,
)
from .job_operator import PORTRAIT_MANIFOLDS_OT_cancel, end_running_work
from .match_light import PORTRAIT_MANIFOLDS_OT_match_light
from .moved_blend import tell_paths_anew, tell_paths_back
from .naming import ADDON_ID
from .panels import (
    PORTRAIT_MANIFOLDS_OT_standard_view,
    PORTRAIT_MANIFOLDS_PT_camera,
    PORTRAIT_MANIFOLDS_PT_edit,
    PORTRAIT_MANIFOLDS_PT_import,
    PORTRAIT_MANIFOLDS_PT_look,
    PORTRAIT_MANIFOLDS_PT_render,
)
from .photo_camera import PORTRAIT_MANIFOLDS_OT_match_photo_camera
from .preferences import (
    PORTRAIT_MANIFOLDS_OT_cancel_set_up,
    PORTRAIT_MANIFOLDS_OT_check_backend,
    PORTRAIT_MANIFOLDS_OT_set_up_backend,
    PortraitPreferences,
    forget_backend,
)
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
    PORTRAIT_MANIFOLDS_OT_set_up_backend,
    PORTRAIT_MANIFOLDS_OT_cancel_set_up,
    PORTRAIT_MANIFOLDS_OT_check_backend,
    PortraitPreferences,
    PORTRAIT_MANIFOLDS_OT_cancel,
    PORTRAIT_MANIFOLDS_OT_import_portrait,
    PORTRAIT_MANIFOLDS_FH_portrait,
    PORTRAIT_MANIFOLDS_OT_match_photo_camera,
    PORTRAIT_MANIFOLDS_OT_add_rig,
    PORTRAIT_MANIFOLDS_OT_render_portrait,
    PORTRAIT_MANIFOLDS_OT_setup_compositing,
    PORTRAIT_MANIFOLDS_OT_match_light,
    PORTRAIT_MANIFOLDS_OT_edit_front_view,
    PORTRAIT_MANIFOLDS_OT_apply_edit,
    PORTRAIT_MANIFOLDS_OT_export,
    PORTRAIT_MANIFOLDS_OT_standard_view,
    PORTRAIT_MANIFOLDS_PT_import,
    PORTRAIT_MANIFOLDS_PT_look,
    PORTRAIT_MANIFOLDS_PT_camera,
    PORTRAIT_MANIFOLDS_PT_render,
    PORTRAIT_MANIFOLDS_PT_edit,
    PortraitManifoldsEngine,
)

HANDLERS = (
    ("render_pre", follow_before_render),
    ("save_pre", tell_paths_anew),
    ("save_post", tell_paths_back),
    ("save_post_fail", tell_paths_back),
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
    for event, handler in HANDLERS:
        getattr(bpy.app.handlers, event).append(handler)
    _command_handle = bpy.utils.register_cli_command(ADDON_ID, render_file)
    atexit.register(_leave)


def unregister() -> None:
    """Removes it, in the reverse order. At exit Blender may ask again for what `_leave` has done already."""
    global _command_handle
    if _command_handle is None:
        return
    atexit.unregister(_leave)
    end_running_work()
    bpy.utils.unregister_cli_command(_command_handle)
    for event, handler in reversed(HANDLERS):
        getattr(bpy.app.handlers, event).remove(handler)
    bpy.types.TOPBAR_MT_file_import.remove(draw_import_menu)
    unregister_engine()
    unregister_rig_properties()
    unregister_properties()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    forget_backend()
    _command_handle = None


def _leave() -> None:
    """At exit: bpy as a module does not disable add-ons, and an engine left registered hangs or crashes it."""
    with contextlib.suppress(RuntimeError, ValueError, ReferenceError, AttributeError):
        unregister()
