"""Rendering a portrait of a .blend without a window.

    blender --background --command portrait_manifolds SCENE.blend --output DIR ...   (the extension)
    python -m portrait_manifolds.blender_addon.headless SCENE.blend --output DIR ... (pip's bpy)

Prints the frames' folder; ends with 0 only if every frame is there, 2 for bad input, 1 for a failure.
"""

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..backend.blender_process import STOPS_WITH_PARENT
from ..backend.errors import InputError
from . import job_operator
from .native_object import portrait_above, portraits


def render_file(arguments: Sequence[str]) -> int:
    """Opens the scene and renders it; returns the exit code."""
    parser = argparse.ArgumentParser("portrait_manifolds", description="Draw a portrait along a .blend's animation.")
    parser.add_argument("scene", type=Path, help="the Blender file")
    parser.add_argument("--output", type=Path, required=True, help="folder for the frames")
    parser.add_argument("--portrait", help="the portrait's name; by default the active one, or the scene's only one")
    parser.add_argument("--first", type=int, default=-1, help="first frame; by default the scene's")
    parser.add_argument("--last", type=int, default=-1, help="last frame; by default the scene's")
    parser.add_argument("--format", choices=("exr", "png"), default="exr")
    parser.add_argument("--samples", type=int, default=2)
    options = parser.parse_args(arguments)
    if os.environ.get(STOPS_WITH_PARENT):
        threading.Thread(target=_stop_with_parent, daemon=True).start()
    if not options.scene.is_file():
        return failed(f"There is no file {options.scene}: check the path.", 2)
    try:
        bpy.ops.wm.open_mainfile(filepath=str(options.scene), load_ui=False)
    except RuntimeError as error:
        return failed(f"{options.scene} cannot be opened ({sentence(error)}): check that it is a Blender file.", 2)
    try:
        _choose(options.portrait)
    except InputError as error:
        return failed(str(error), 2)
    try:
        bpy.ops.portrait_manifolds.render_portrait(
            directory=str(options.output),
            frame_start=options.first,
            frame_end=options.last,
            file_format=options.format,
            samples=options.samples,
        )
    except RuntimeError as error:  # what an operator reports
        return failed(sentence(error), 2 if isinstance(job_operator.last_error, InputError) else 1)
    print(f"Frames are in {options.output}.")
    return 0


def _choose(name: str | None) -> None:
    """Makes the portrait that is to be drawn the active object; InputError where that is none or not clear."""
    layer = bpy.context.view_layer
    found = {root.name: root for root in portraits(bpy.context.scene) if root.name in layer.objects}
    if name is not None:
        if name not in found:
            raise InputError(f"The scene has no portrait {name}: give --portrait one of {', '.join(found) or 'none'}.")
        layer.objects.active = found[name]
    elif len(found) > 1 and portrait_above(layer.objects.active) is None:
        raise InputError(f"The scene has {len(found)} portraits: give --portrait one of {', '.join(found)}.")


def _stop_with_parent() -> None:
    """The parent holds the other end of our input: it closes when that ends, however it does."""
    sys.stdin.buffer.read()
    os._exit(1)


def sentence(error: Exception) -> str:
    """What Blender or an operator says of an error."""
    return str(error).strip().splitlines()[-1].removeprefix("Error: ").rstrip(".")


def failed(message: str, code: int) -> int:
    """Says it, and returns the exit code."""
    print(f"portrait-manifolds: {message}", file=sys.stderr, flush=True)
    return code


def main() -> None:
    """Entry for pip's bpy, where the add-on is not an enabled extension."""
    from . import register, unregister

    bpy.ops.wm.read_factory_settings(use_empty=True)
    register()
    try:
        code = render_file(sys.argv[1:])
    finally:
        unregister()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # bpy 4.2.0 crashes at exit once a property group with update callbacks was registered


if __name__ == "__main__":
    main()
