"""Operators whose work is done by the backend: to the end in the background, else beside the user's own work."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import bpy

from ..backend.errors import InputError, ProcessingError
from .backend_process import Cancelled, Job

log = logging.getLogger(__name__)
TICK_S = 0.1
STEP_S = 0.05
"""The longest that reading the scene holds up the window at a time."""


class Preparation:
    """Blender's own work before a request, in short steps; shown and cancelled like a job."""

    def __init__(self, what: str, steps: Iterator[float]) -> None:
        self.what, self.stage, self.fraction = what, "reading the scene", 0.0
        self._steps, self._cancelled = steps, False

    def cancel(self) -> None:
        """The next step will raise Cancelled."""
        self._cancelled = True

    def advance(self, seconds: float) -> bool:
        """Works for about `seconds`; whether it is finished. Raises Cancelled, or what the work raises."""
        if self._cancelled:
            self._steps.close()  # type: ignore[attr-defined]  # a generator, which puts the frame back
            raise Cancelled(f"{self.what} was cancelled.")
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            fraction = next(self._steps, None)
            if fraction is None:
                return True
            self.fraction = fraction
        return False


_running: list[Job | Preparation] = []


def running_job() -> Job | Preparation | None:
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
    """Base of such operators: they implement `start` and `finish`, and `prepare` if the scene must be read."""

    bl_options = {"REGISTER"}
    job: Job | Preparation

    def prepare(self, context: bpy.types.Context) -> Iterator[float]:
        """Work of Blender's own before the request; yields the share done, often."""
        yield from ()

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
            self.job = Preparation(self.bl_label, self.prepare(context))
            if bpy.app.background:
                self.job.advance(inf)
                self.finish(context, self.start(context).wait())
                return {"FINISHED"}
            if self.job.advance(STEP_S):
                self.job = self.start(context)
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
            result = self._result(context)
            if result is None:
                self._show_progress(context)
                return {"PASS_THROUGH"}
            self._leave(context)
            self.finish(context, result)
        except Cancelled as stop:
            self._leave(context)
            self.report({"INFO"}, str(stop))
            return {"CANCELLED"}
        except (InputError, ProcessingError) as error:
            self._leave(context)
            show_error(self, error)
            return {"CANCELLED"}
        except Exception:
            self._leave(context)
            log.error("%s", traceback.format_exc())
            raise
        return {"FINISHED"}  # Blender adds the one step of undo if `bl_options` has it

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes or loads another file."""
        self.job.cancel()
        self._leave(context)

    def _result(self, context: bpy.types.Context) -> dict[str, Any] | None:
        """The backend's answer, or None as long as there is none."""
        if isinstance(self.job, Job):
            return self.job.result() if self.job.poll() else None
        if self.job.advance(STEP_S):
            job = self.start(context)
            _running[_running.index(self.job)] = job
            self.job = job
        return None

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
