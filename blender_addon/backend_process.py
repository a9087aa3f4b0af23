"""The backend's process: started when it is needed, asked over pipes, replaced when it has died.

Requests and answers are described in backend/worker.py. A thread reads the answers; nothing here blocks Blender but
`Job.wait`, which is for `blender --background`.
"""

import atexit
import itertools
import json
import os
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..backend.errors import InputError, ProcessingError

PYTHON_VARIABLE = "PORTRAIT_MANIFOLDS_PYTHON"
MAX_LINE_BYTES = 64 << 20
CANCEL_PATIENCE_S = 3.0
"""A backend that has not stopped by itself after this long is ended."""


class Cancelled(Exception):
    """The user stopped the work."""


class Job:
    """A request under way. Read `fraction` and `stage` at any time; `poll` says whether it is done."""

    def __init__(self, backend: "Backend", number: int, what: str) -> None:
        self.backend, self.number, self.what = backend, number, what
        self.fraction, self.stage = 0.0, "starting"
        self.started_s = time.monotonic()
        self._answer: dict[str, Any] | None = None
        self._done = threading.Event()
        self._cancelled_s: float | None = None

    def receive(self, message: dict[str, Any]) -> None:
        """What the reading thread hands over."""
        if "progress" in message:
            if isinstance(message["progress"], int | float):
                self.fraction = float(message["progress"])
            self.stage = str(message.get("stage", ""))
        else:
            self._answer = message
            self._done.set()

    def cancel(self) -> None:
        """Asks the backend to stop; it is ended if it does not within seconds."""
        if self._cancelled_s is None and not self._done.is_set():
            self._cancelled_s = time.monotonic()
            self.stage = "cancelling"
            self.backend.send({"cancel": self.number})

    def poll(self) -> bool:
        """Whether there is a result or an error. Never blocks."""
        waited_s = 0.0 if self._cancelled_s is None else time.monotonic() - self._cancelled_s
        if waited_s > CANCEL_PATIENCE_S and not self._done.is_set():
            self.backend.end()
        return self._done.is_set()

    def result(self) -> dict[str, Any]:
        """The answer; raises Cancelled, InputError or ProcessingError."""
        answer = self._answer or {}
        if "error" not in answer:
            return answer.get("result", {})
        if self._cancelled_s is not None or answer.get("kind") == "cancelled":
            raise Cancelled(f"{self.what} was cancelled.")
        raise (InputError if answer.get("kind") == "input" else ProcessingError)(answer["error"])

    def wait(self) -> dict[str, Any]:
        """Blocks until there is an answer; see `result`."""
        while not self.poll():
            self.rest()
        return self.result()

    def rest(self) -> None:
        """Blocks for a moment, less if the answer comes."""
        self._done.wait(0.1)


class Backend:
    """One backend process, used by everything in this Blender."""

    def __init__(self, python: str, log: Path) -> None:
        self.python, self.log = python, log
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()
        self._has_spoken = False  # one that works says at once that it has begun
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
        # Blender's own Python settings are not the backend's.
        for name in ("PYTHONHOME", "PYTHONPATH"):
            environment.pop(name, None)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("wb") as errors:
                process = subprocess.Popen(
                    [python, "-m", "portrait_manifolds.backend", "serve"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                    cwd=log.parent,
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
        except OSError as error:
            raise ProcessingError(
                f"The backend's Python {python} does not start ({error.strerror}): set it up in the preferences."
            ) from error
        assert process.stdin is not None and process.stdout is not None
        self._process, self._requests, self._answers = process, process.stdin, process.stdout
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def request(self, method: str, params: dict[str, Any], what: str) -> Job:
        """Asks for `method`; `what` names it to the user."""
        job = Job(self, next(self._numbers), what)
        with self._lock:
            self._jobs[job.number] = job
        self.send({"id": job.number, "method": method, "params": params})
        if not self.alive:
            self._bury()
        return job

    def send(self, message: dict[str, Any]) -> None:
        """Writes a line; a dead backend is noticed by the reading thread."""
        try:
            self._requests.write((json.dumps(message) + "\n").encode())
            self._requests.flush()
        except (OSError, ValueError):
            pass

    def end(self) -> None:
        """Ends the process; jobs under way fail. The reading thread then closes the pipes."""
        self._process.kill()
        self._process.wait(timeout=10)
        self._bury()

    def _read(self) -> None:
        # To close the requests is to send what is left of them, which a process that is gone does not take.
        with self._answers, suppress(OSError), self._requests:
            self._hand_over_answers()
            self._process.wait()
        self._bury()

    def _hand_over_answers(self) -> None:
        while line := self._answers.readline(MAX_LINE_BYTES):
            try:
                message = json.loads(line)
                number = int(message["id"])
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
                continue  # no answer: a library that printed
            with self._lock:
                job = self._jobs.get(number)
                if job is not None and "progress" not in message:
                    del self._jobs[job.number]
            if job is not None:
                self._has_spoken = True
                job.receive(message)

    def _bury(self) -> None:
        """Tells every job that the process is gone, with the last it said."""
        with self._lock:
            jobs, self._jobs = list(self._jobs.values()), {}
        if not jobs:
            return
        message = f"The backend stopped unexpectedly ({self._last_words()}): see {self.log}, then try again."
        if not self._has_spoken:
            fix = "set it up in the add-on's preferences, or choose another there"
            message = f"The Python {self.python} does not run the backend ({self._last_words()}): {fix}."
        for job in jobs:
            job.receive({"error": message, "kind": "failure"})

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][-300:] if lines else f"exit code {self._process.poll()}"


_current: Backend | None = None
_current_lock = threading.RLock()
"""The viewport asks on Blender's main thread, a render on a thread of its own."""


def backend() -> Backend:
    """The running backend, started if there is none; InputError with the fix where it is not set up."""
    global _current
    from .backend_home import backend_python, log_path

    python = backend_python()
    with _current_lock:
        if _current is not None and _current.alive and _current.python == python:
            return _current
        stop_backend()
        _current = Backend(python, log_path())
        atexit.register(stop_backend)
        return _current


def stop_backend() -> None:
    """Ends the process, if there is one."""
    global _current
    with _current_lock:
        if _current is not None and _current.alive:
            _current.end()
        _current = None
        atexit.unregister(stop_backend)
