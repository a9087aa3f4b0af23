"""Operators whose work is done by the backend: to the end in the background, else beside the user's own work."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import bpy

from ..backend.errors import InputError, ProcessingError
from .backend_process import Cancelled, Job

log = logging.getLogger(__name__)
TICK_S = 0.1
_running: list[Job] = []


def running_job() -> Job | None:
    """The job under way, for the panel."""
    return _running[-1] if _running else None


def cancel_running() -> None:
    """Stops it."""
    for job in _running:
        job.cancel()


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
    log.error("%s: %s", operator.bl_label, error)
    operator.report({"ERROR"}, str(error))


class JobOperator(bpy.types.Operator):
    """Base of such operators: they implement `start` and `finish`."""

    bl_options = {"REGISTER"}
    job: Job

    def start(self, context: bpy.types.Context) -> Job:
        """Sends the request; raises InputError."""
        raise NotImplementedError

    def finish(self, context: bpy.types.Context, result: dict[str, Any]) -> None:
        """Takes the result into the scene."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        if _running:
            self.report({"ERROR"}, f"{_running[-1].what} is under way: wait for it or cancel it.")
            return {"CANCELLED"}
        try:
            self.job = self.start(context)
            if bpy.app.background:
                self.finish(context, self.job.wait())
                return {"FINISHED"}
        except (InputError, ProcessingError, Cancelled) as error:
            show_error(self, error)
            return {"CANCELLED"}
        _running.append(self.job)
        window = context.window_manager
        self._timer = window.event_timer_add(TICK_S, window=context.window)
        window.progress_begin(0.0, 1.0)
        window.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if not self.job.poll():
                self._show_progress(context)
                return {"PASS_THROUGH"}
            self._leave(context)
            self.finish(context, self.job.result())
        except Cancelled as stop:
            self.report({"INFO"}, str(stop))
            return {"CANCELLED"}
        except (InputError, ProcessingError) as error:
            show_error(self, error)
            return {"CANCELLED"}
        except Exception:
            log.error("%s", traceback.format_exc())
            raise
        bpy.ops.ed.undo_push(message=self.bl_label)
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes or loads another file."""
        self.job.cancel()
        self._leave(context)

    def _show_progress(self, context: bpy.types.Context) -> None:
        job = self.job
        context.window_manager.progress_update(job.fraction)
        context.workspace.status_text_set(f"{job.what}: {job.stage}, {job.fraction:.0%}   (Esc cancels)")
        _redraw(context)

    def _leave(self, context: bpy.types.Context) -> None:
        if self.job not in _running:
            return
        _running.remove(self.job)
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        if context.workspace:
            context.workspace.status_text_set(None)
        _redraw(context)


class PORTRAIT_MANIFOLDS_OT_cancel(bpy.types.Operator):
    """Stop the backend's work; frames that are finished stay"""

    bl_idname = "portrait_manifolds.cancel"
    bl_label = "Cancel"

    def execute(self, context: bpy.types.Context) -> set[str]:
        cancel_running()
        return {"FINISHED"}


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in {"VIEW_3D", "IMAGE_EDITOR"}:
                area.tag_redraw()
