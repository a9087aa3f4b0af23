"""The add-on's preferences: the backend's state at a glance, and what sets it up."""

from pathlib import Path

import bpy

from ..backend.errors import InputError, ProcessingError
from .backend_home import PACKAGE, backend_python
from .backend_process import Cancelled, Job, backend, stop_backend
from .job_operator import checked
from .setup_backend import SetUp

_set_up: SetUp | None = None
_check: Job | None = None


class PortraitPreferences(bpy.types.AddonPreferences):
    """What draws and reconstructs."""

    bl_idname = PACKAGE

    python: bpy.props.StringProperty(
        name="Use this Python",
        description="A Python in which the package portrait-manifolds is installed; empty uses what Set up makes",
        subtype="FILE_PATH",
        update=lambda self, context: stop_backend(),
    )
    wheel: bpy.props.StringProperty(
        name="Wheel",
        description="A wheel of the package to install; empty installs the extension's own sources",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        for line, icon in backend_state():
            layout.label(text=line, icon=icon)
        row = layout.row()
        if _set_up is not None and not _set_up.done:
            row.operator("portrait_manifolds.cancel_set_up", icon="CANCEL")
        else:
            row.operator("portrait_manifolds.set_up_backend", icon="IMPORT")
        row.operator("portrait_manifolds.check_backend", icon="FILE_REFRESH")
        layout.prop(self, "wheel")
        layout.prop(self, "python")
        layout.label(text="Without a backend, portraits already imported open, animate and render in Cycles and EEVEE.")


def backend_state() -> list[tuple[str, str]]:
    """Lines and icons that say how the backend is. Never blocks."""
    if _set_up is not None and not _set_up.done:
        return [(f"Setting up: {_set_up.stage}", "TIME"), (f"Log: {_set_up.log}", "TEXT")]
    if _set_up is not None and _set_up.error:
        return [(_set_up.error, "ERROR")]
    try:
        python = backend_python()
    except InputError as error:
        return [(str(error), "ERROR")]
    if _check is None:
        return [(f"Python: {python}", "CHECKMARK"), ("Not checked yet: press Check", "INFO")]
    if not _check.poll():
        return [("Checking...", "TIME")]
    try:
        facts = _check.result()
    except (InputError, ProcessingError, Cancelled) as error:
        return [(str(error), "ERROR")]
    return [
        (
            f"Ready: version {facts['version']}, renderer {facts['renderer']}, networks on {facts['device']}",
            "CHECKMARK",
        ),
        (f"Python: {facts['python']}", "BLANK1"),
    ]


class PORTRAIT_MANIFOLDS_OT_set_up_backend(bpy.types.Operator):
    """Download and install what reconstructs and draws portraits (about 1 GB) into a folder of the extension's own"""

    bl_idname = "portrait_manifolds.set_up_backend"
    bl_label = "Set up backend"

    @checked
    def execute(self, context: bpy.types.Context) -> set[str]:
        global _set_up
        if not bpy.app.online_access:
            raise InputError(
                "Blender may not go online: allow it under Preferences > System > Network, or choose a Python."
            )
        if _set_up is not None and not _set_up.done:
            raise InputError("The set-up is under way: wait for it or cancel it.")
        chosen = context.preferences.addons[PACKAGE].preferences.wheel if PACKAGE in context.preferences.addons else ""
        stop_backend()
        _set_up = SetUp(Path(bpy.path.abspath(chosen)) if chosen else None)
        bpy.app.timers.register(_watch, first_interval=0.5)
        return {"FINISHED"}


class PORTRAIT_MANIFOLDS_OT_cancel_set_up(bpy.types.Operator):
    """Stop; what is already downloaded is used the next time"""

    bl_idname = "portrait_manifolds.cancel_set_up"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        if _set_up is not None:
            _set_up.cancel()
        return {"FINISHED"}


class PORTRAIT_MANIFOLDS_OT_check_backend(bpy.types.Operator):
    """Start the backend and ask it for its version, its renderer and its device"""

    bl_idname = "portrait_manifolds.check_backend"
    bl_label = "Check"

    @checked
    def execute(self, context: bpy.types.Context) -> set[str]:
        global _check
        _check = backend().request("hello", {"device": True}, "Check of the backend")
        if bpy.app.background:
            _check.wait()
        else:
            bpy.app.timers.register(_watch, first_interval=0.5)
        return {"FINISHED"}


def _watch() -> float | None:
    """Redraws the preferences while something is under way."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            area.tag_redraw()
    busy = (_set_up is not None and not _set_up.done) or (_check is not None and not _check.poll())
    return 0.5 if busy else None


def forget_backend() -> None:
    """When the add-on is disabled: nothing goes on behind the user's back."""
    global _set_up, _check
    if _set_up is not None and not _set_up.done:
        _set_up.cancel()
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    _set_up = _check = None
    stop_backend()
