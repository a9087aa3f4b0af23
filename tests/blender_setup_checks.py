"""Setting up the backend, stopped in the middle and pressed again: with a small wheel, without downloads."""

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import blender_session as session

from portrait_manifolds.blender_addon import setup_backend
from portrait_manifolds.blender_addon.backend_home import environment_python
from portrait_manifolds.blender_addon.setup_backend import SetUp

WAIT_S = 240.0


def check_interrupted(folder: Path) -> None:
    """Blender gone while the environment was made: the next press mends it, installs, and a third has little to do."""
    home = _use_folder(folder)
    (home / "bin").mkdir(parents=True)
    environment_python(home).write_text("#!/bin/sh\nexit 1\n")  # what a copy cut short leaves
    environment_python(home).chmod(0o755)
    wheel = _wheel(folder)
    set_up = _finished(SetUp(wheel))
    assert not set_up.error, set_up.log.read_text()
    assert _has_package(home)
    made = (home / "pyvenv.cfg").stat().st_mtime_ns
    assert not _finished(SetUp(wheel)).error
    assert (home / "pyvenv.cfg").stat().st_mtime_ns == made, "the environment is kept"
    set_up = _finished(SetUp(folder / "no.whl"))
    assert "press Set up again" in set_up.error and str(set_up.log) in set_up.error


def check_cancelled(folder: Path) -> None:
    """Cancelled in the first and in the last step: said, its processes gone, and the next press completes it."""
    home = _use_folder(folder)
    wheel = _wheel(folder)
    step = SetUp._step
    for stage in ("making the environment", "installing the package"):
        started = folder / f"{stage}.txt"

        def endless(set_up: SetUp, log: IO[bytes], now: str, command: list[str]) -> None:
            step(set_up, log, now, [sys.executable, "-c", ENDLESS, str(started)] if now == stage else command)  # noqa: B023

        SetUp._step = endless
        set_up = SetUp(wheel)
        _wait_for(lambda: started.is_file() or set_up.done, set_up)  # noqa: B023
        set_up.cancel()
        assert _finished(set_up).error == "The set-up was cancelled.", (stage, set_up.error, set_up.log.read_text())
        child = int(started.read_text())
        _wait_for(lambda: _is_gone(child), set_up)  # noqa: B023
        SetUp._step = step
        if stage == "making the environment":
            assert not home.exists()
        assert not _finished(SetUp(wheel)).error
        assert _has_package(home)


ENDLESS = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(child.pid))
os.rename(sys.argv[1] + ".part", sys.argv[1])
child.wait()
"""
"""A step that never ends, as venv with its own pip may seem to: names its child's process in a file."""


def _is_gone(process: int) -> bool:
    try:
        return (
            Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )  # dead, not yet waited for
    except OSError:
        return True


def _wait_for(state: Callable[[], bool], set_up: SetUp) -> None:
    until_s = time.monotonic() + WAIT_S
    while not state():
        assert time.monotonic() < until_s, (set_up.stage, set_up.error)
        time.sleep(0.01)


def _use_folder(folder: Path) -> Path:
    """The environment goes beside the test's files, into a folder with a space and umlauts."""
    home = folder / "backend"
    setup_backend.environment_folder = lambda: home
    setup_backend.user_folder = lambda name: folder
    return home


def _finished(set_up: SetUp) -> SetUp:
    _wait_for(lambda: set_up.done, set_up)
    return set_up


def _has_package(home: Path) -> bool:
    command = [str(environment_python(home)), "-c", "import tiny_package"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _wheel(folder: Path) -> Path:
    """A package of one empty module."""
    path = folder / "tiny_package-1.0-py3-none-any.whl"
    about = "tiny_package-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny_package.py", "")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-package\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = ("tiny_package.py", f"{about}/METADATA", f"{about}/WHEEL", f"{about}/RECORD")
        file.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in names))
    return path


if __name__ == "__main__":
    session.main(globals())
