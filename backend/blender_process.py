"""Work that needs Blender, done in a process of its own: pip's bpy beside this package, or a Blender program."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import InputError, ProcessingError
from .input_file import check_name

STOPS_WITH_PARENT = "PORTRAIT_MANIFOLDS_STOPS_WITH_PARENT"
"""Set in the environment of a process that is to end when its input does."""


def run_blender(task: str, arguments: Sequence[str], program: Path | None = None) -> None:
    """Runs `portrait_manifolds.blender_addon.TASK` with bpy, or the extension's command in a Blender program.

    Raises InputError or ProcessingError with the last line of what went wrong, InputError for paths that are no text.
    """
    for argument in arguments:
        check_name(argument)
    if program is None:
        # -P: files of the user's folder are no modules.
        command = [sys.executable, "-P", "-m", f"portrait_manifolds.blender_addon.{task}"]
    else:
        command = [str(program.resolve()), "--background", "--command", "portrait_manifolds"]
    # What draws is this very installation, unless the user has chosen another.
    environment = {"PORTRAIT_MANIFOLDS_PYTHON": sys.executable, **os.environ, STOPS_WITH_PARENT: "1"}
    command += arguments
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=pipe, stderr=pipe, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise InputError(f"{command[0]} cannot be run ({error.strerror}): give the path of Blender.") from error
    with process:
        try:
            said = process.stderr.read() if process.stderr else ""  # its input stays open until it is done
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = said.strip().splitlines() or [f"Blender ended with {process.returncode}: run it by hand."]
        reason = lines[-1].removeprefix("portrait-manifolds: ")
        if "No module named 'bpy'" in said:
            reason = "There is no bpy module here: `pip install bpy`."
        raise (InputError if process.returncode == 2 else ProcessingError)(reason)
