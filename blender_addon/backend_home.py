"""Where the backend lives, and where the add-on may write."""

import atexit
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import bpy

from ..backend.atomic import check_folder
from ..backend.errors import InputError
from .backend_process import PYTHON_VARIABLE

PACKAGE = __package__.rpartition(".")[0]
"""The extension's name as Blender knows it (bl_ext.user_default.portrait_manifolds), or the plain package's."""

IS_EXTENSION = PACKAGE.startswith("bl_ext.")


def user_folder(name: str) -> Path:
    """A folder of the add-on's own, made if missing."""
    if IS_EXTENSION:
        return Path(bpy.utils.extension_path_user(PACKAGE, path=name, create=True))
    folder = Path(tempfile.gettempdir()) / f"portrait_manifolds_{os.getpid()}" / name
    if not folder.is_dir():
        folder.mkdir(parents=True)
        atexit.register(_remove_if_empty, folder)
    return folder


def folder_for_portraits(wanted: Path | None) -> Path:
    """The folder `wanted` for new portraits, or the add-on's own where there is none or it cannot be written."""
    with suppress(InputError):
        if wanted is not None:
            check_folder(wanted)
            return wanted
    return user_folder("portraits")


def _remove_if_empty(folder: Path) -> None:
    """Removes a temporary folder that has nothing but empty files, and its parent if that is empty then."""
    paths = list(folder.iterdir())
    if not any(path.is_dir() or path.stat().st_size for path in paths):
        for path in paths:
            path.unlink()
        with suppress(OSError):  # the parent has another folder
            folder.rmdir()
            folder.parent.rmdir()


def log_path() -> Path:
    """What the backend has said."""
    return user_folder("log") / "backend.txt"


def environment_folder() -> Path:
    """The virtual environment that "Set up backend" makes."""
    return user_folder("backend")


def environment_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def preferences() -> bpy.types.AddonPreferences | None:
    """The add-on's preferences; None where it runs without being an enabled add-on (pip's bpy)."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon else None


def backend_python() -> str:
    """The Python that runs the backend: the chosen one, the environment variable's, the one set up, this one.

    Raises InputError where there is none.
    """
    chosen = getattr(preferences(), "python", "")
    if chosen:
        path = Path(bpy.path.abspath(chosen))
        if not path.is_file():
            raise InputError(f"The backend's Python {path} is gone: choose another in the add-on's preferences.")
        return str(path)
    if os.environ.get(PYTHON_VARIABLE):
        return os.environ[PYTHON_VARIABLE]
    ready = environment_python(environment_folder())
    if ready.is_file():
        return str(ready)
    if not IS_EXTENSION:
        return sys.executable  # bpy as a module beside the package: one environment holds both
    raise InputError('The backend is not set up: press "Set up backend" in the add-on\'s preferences.')
