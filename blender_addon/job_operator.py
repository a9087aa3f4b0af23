"""Operators whose work takes time: to the end in the background, else beside the user's own work."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import bpy

from ..backend.errors import InputError, ProcessingError
from .backend_process import Cancelled
from .steps import Steps, Work

log = logging.getLogger(__name__)
TICK_S = 0.05
STEP_S = 0.03
"""How long the work holds up the window at a time; one step of it may take a little longer."""

last_error: Exception | None = None
"""What an operator reported last: Blender raises all of it as RuntimeError."""

_running: dict[Work, bpy.types.Timer] = {}


def running_work() -> Work | None:
    """The work under way, for the panel."""
    return next(reversed(_running), None)


def end_running_work() -> None:
    """When the add-on is disabled: Blender then frees a modal operator without telling it."""
    for work in list(_running):
        try:
            work.drop()
        except Exception:  # what is left of the work must not keep the add-on from being disabled
            log.error("%s", traceback.format_exc())
        _forget(work, bpy.context)


def checked(execute: Callable[[Any, bpy.types.Context], set[str]]) -> Callable[[Any, bpy.types.Context], set[str]]:
    """Turns a failure the user can mend into a report and a popup; scripts and renders in the background get it raised.

    Blender raises what an operator reports as an error to a calling script, as RuntimeError.
    """

    def run(self: bpy.types.Operator, context: bpy.types.Context) -> set[str]:
        try:
            return execute(self, context)
        except (InputError, ProcessingError) as error:
            show_error(self, error)
            return {"CANCELLED"}

    return run


def show_error(operator: bpy.types.Operator, error: Exception) -> None:
    """Reports one sentence; Blender shows it as a popup, or raises it to the calling script."""
    global last_error
    last_error = error
    log.error("%s: %s", operator.bl_label, error)
    operator.report({"ERROR"}, str(error))


class JobOperator(bpy.types.Operator):
    """Base of such operators: they implement `steps`."""

    bl_options = {"REGISTER"}
    work: Work
    _shown = ""

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        """The work. Raises InputError, ProcessingError or Cancelled.

        Undo may replace Blender's data while it waits: after that, find objects anew (`native_object.found_at`).
        """
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        busy = running_work()
        if busy is not None:
            self.report({"ERROR"}, f"{busy.what} is under way: wait for it or cancel it.")
            return {"CANCELLED"}
        self.work = Work(self.bl_label, self.steps(context))
        try:
            if bpy.app.background or context.window is None:  # a timer's script has no window to be modal in
                self.work.run()
                return {"FINISHED"}
            if self.work.advance(STEP_S):
                return {"FINISHED"}
        except (InputError, ProcessingError, Cancelled) as error:
            show_error(self, error)
            return {"CANCELLED"}
        manager = context.window_manager
        _running[self.work] = manager.event_timer_add(TICK_S, window=context.window)
        manager.progress_begin(0.0, 1.0)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.work.cancel()
        if event.type == "Z" and not self.work.waits:
            return {"RUNNING_MODAL"}  # no undo while objects are half built
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not self.work.advance(STEP_S):
                self._show_progress(context)
                return {"PASS_THROUGH"}
        except Cancelled as stop:
            _forget(self.work, context)
            self.report({"INFO"}, str(stop))
            return {"CANCELLED"}
        except (InputError, ProcessingError) as error:
            _forget(self.work, context)
            show_error(self, error)
            return {"CANCELLED"}
        except Exception:
            _forget(self.work, context)
            log.error("%s", traceback.format_exc())
            raise
        _forget(self.work, context)
        return {"FINISHED"}  # Blender adds the one step of undo if `bl_options` has it

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes or loads another file."""
        try:
            self.work.drop()
        finally:
            _forget(self.work, context)

    def _show_progress(self, context: bpy.types.Context) -> None:
        work = self.work
        text = f"{work.what}: {work.stage}, {work.fraction:.0%}   (Esc cancels)"
        if text == self._shown:
            return
        self._shown = text
        context.window_manager.progress_update(work.fraction)
        context.workspace.status_text_set(text)
        _redraw(context)


class PORTRAIT_MANIFOLDS_OT_cancel(bpy.types.Operator):
    """Stop the work under way; frames that are finished stay"""

    bl_idname = "portrait_manifolds.cancel"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        for work in _running:
            work.cancel()
        return {"FINISHED"}


def _forget(work: Work, context: bpy.types.Context) -> None:
    """Takes away what shows that work is under way."""
    timer = _running.pop(work, None)
    if timer is None:
        return
    context.window_manager.event_timer_remove(timer)
    context.window_manager.progress_end()
    if context.workspace:
        context.workspace.status_text_set(None)
    _redraw(context)


def _redraw(context: bpy.types.Context) -> None:
    """The sidebars only: to draw the scene itself may take longer than the step it would tell of."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == "UI":
                    region.tag_redraw()
