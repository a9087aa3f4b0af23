"""Long work in short steps, so that Blender's window answers while it goes on.

Work is a generator of `Step`s: it asks the backend, lets a thread compute, or changes Blender's data piece by piece. A
timer advances it in a window; in background mode it runs to its end at once, through the same steps.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import bpy

from .backend_process import Cancelled, Job

Result = TypeVar("Result")
REST_S = 0.005


class Step(NamedTuple):
    """What work says between two of its steps."""

    fraction: float
    stage: str
    waits: bool = False
    """The backend or a thread is at work: there is nothing for Blender to do now."""


Steps = Generator[Step, None, Result]


class Work:
    """Steps under way: shown, cancelled and finished as one."""

    def __init__(self, what: str, steps: Steps[None]) -> None:
        self.what, self.stage, self.fraction, self.waits = what, "starting", 0.0, False
        self._steps, self._cancelled, self._told = steps, False, False

    def cancel(self) -> None:
        """The next step raises Cancelled in the work, which tidies up."""
        self._cancelled, self.stage = True, "cancelling"

    def drop(self) -> None:
        """Ends it at once: there will be no next step."""
        self._steps.close()

    def advance(self, seconds: float) -> bool:
        """Works for about `seconds`, or until the work waits; whether it is finished. Raises what the work raises."""
        until_s = time.monotonic() + seconds
        while True:
            try:
                step = self._next()
            except StopIteration:
                return True
            self.fraction, self.waits = step.fraction, step.waits
            if not self._cancelled:
                self.stage = step.stage
            if step.waits or time.monotonic() >= until_s:
                return False

    def run(self) -> None:
        """Works to the end, for Blender without a window."""
        while not self.advance(inf):
            time.sleep(REST_S)

    def _next(self) -> Step:
        if self._cancelled and not self._told:
            self._told = True
            return self._steps.throw(Cancelled(f"{self.what} was cancelled."))
        return next(self._steps)


def answered(job: Job) -> Steps[dict[str, Any]]:
    """Waits for the backend's answer. Cancelled, it waits until the backend has stopped, which may be by finishing."""
    stopped: Cancelled | None = None
    while not job.poll():
        try:
            yield Step(job.fraction, job.stage, waits=True)
        except Cancelled as stop:
            stopped = stop
            job.cancel()
        except GeneratorExit:
            job.cancel()
            raise
    if stopped is not None:
        raise stopped
    return job.result()


def in_thread(stage: str, call: Callable[[], Result], fraction: float = 0.0) -> Steps[Result]:
    """Waits for `call` in a thread, which must not touch Blender's data; raises what it raises."""
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # raised again below, where the work is
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield Step(fraction, stage, waits=True)
    while thread.is_alive():
        yield Step(fraction, stage, waits=True)
    if failure:
        raise failure[0]
    return outcome[0]


def finished(steps: Steps[Result]) -> Result:
    """The result of steps that are run through at once."""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            return stop.value
        if step.waits:
            time.sleep(REST_S)


@contextmanager
def unlinked_on_failure(path: Path) -> Iterator[None]:
    """Removes a new file again if the work that makes it is cancelled or fails."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def removed_on_failure() -> Iterator[list[bpy.types.ID]]:
    """A list of new data blocks, which are removed again if the work that makes them is cancelled or fails."""
    made: list[bpy.types.ID] = []
    try:
        yield made
    except BaseException:
        bpy.data.batch_remove(made)
        raise
