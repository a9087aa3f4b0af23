"""Setting up the backend: a virtual environment of its own, filled by pip in a thread; Blender's Python stays as it is.

Each step is skipped where it is already done, so an interrupted set-up goes on where it stopped (pip keeps downloads).
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

from ..backend.errors import ProcessingError
from .backend_home import environment_folder, environment_python, user_folder

SOURCES = ("backend", "cuda_ops", "blender_addon", "__init__.py", "pyproject.toml", "setup.py", "README.md", "LICENSE")
PINNED = "constraints.txt"


class SetUp:
    """A set-up under way; read `stage`, `done` and `error` at any time."""

    def __init__(self, wheel: Path | None) -> None:
        self.stage, self.done, self.error = "starting", False, ""
        self.log = user_folder("log") / "set-up.txt"
        self._wheel, self._cancelled = wheel, False
        self._lock = threading.Lock()  # no process may start once it is cancelled
        self._process: subprocess.Popen | None = None
        self._folder = environment_folder()
        threading.Thread(target=self._run, daemon=True).start()

    def cancel(self) -> None:
        """Stops; what is already there stays for the next time."""
        with self._lock:
            self._cancelled = True
            if self._process is not None:
                _end(self._process)

    def _run(self) -> None:
        try:
            with self.log.open("wb") as log:
                self._install(log)
        except (ProcessingError, OSError) as error:
            self.error = "The set-up was cancelled." if self._cancelled else str(error)
        except Exception as error:
            self.error = f"The set-up failed ({type(error).__name__}: {error}): press Set up again."
            raise  # to the console
        finally:  # whatever happened: the preferences wait for it
            self.done = True

    def _install(self, log: IO[bytes]) -> None:
        python = environment_python(self._folder)
        if not self._works(python):
            self._step(log, "making the environment", [sys.executable, "-m", "venv", "--clear", str(self._folder)])
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
        if self._wheel is not None:
            self._step(log, "installing the package", [*pip, str(self._wheel)])
            return
        # pip builds where the sources are; the extension's own folder may be read-only and must stay clean.
        with tempfile.TemporaryDirectory(prefix="portrait_manifolds_") as folder:
            source = Path(folder) / "portrait_manifolds"
            _copy_sources(source)
            pinned = source / PINNED
            constraints = ["--constraint", str(pinned)] if pinned.is_file() else []
            self._step(log, "downloading and installing (minutes)", [*pip, *constraints, str(source)])

    def _works(self, python: Path) -> bool:
        if not python.is_file():
            return False
        return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0

    def _step(self, log: IO[bytes], stage: str, command: list[str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
        with self._lock:
            if self._cancelled:
                raise ProcessingError("cancelled")
            self.stage = stage
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=True,  # of its own, to end it with what it has started
            )
        if self._process.wait():
            raise ProcessingError(f"Set-up failed while {stage}: see {self.log}, mend it and press Set up again.")


def _end(process: subprocess.Popen) -> None:
    """Kills a process and what it has started: venv runs pip, which would go on writing."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _copy_sources(target: Path) -> None:
    root = Path(sys.modules[__package__.rpartition(".")[0]].__path__[0])
    target.mkdir()
    for name in (*SOURCES, PINNED):
        if (root / name).is_dir():
            shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (root / name).is_file():
            shutil.copyfile(root / name, target / name)
