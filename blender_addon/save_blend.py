"""python -m portrait_manifolds.blender_addon.save_blend HEAD.portrait OUT.blend: a portrait as a Blender file.

The file holds the native object, the photograph's camera, and colour management as the photograph needs it.
"""

import os
import sys
from pathlib import Path

import bpy

from . import register, unregister
from .headless import failed, sentence


def main(portrait: str, output: str) -> int:
    """Writes the file; returns the exit code."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register()
    try:
        bpy.ops.portrait_manifolds.import_portrait(filepath=portrait)
        bpy.ops.portrait_manifolds.match_photo_camera()
        bpy.ops.portrait_manifolds.standard_view()
        return _save(Path(output))
    except RuntimeError as error:
        return failed(sentence(error), 1)
    finally:
        unregister()


def _save(output: Path) -> int:
    try:
        output.unlink(missing_ok=True)  # Blender would keep what it overwrites as OUT.blend1
        bpy.ops.wm.save_as_mainfile(filepath=str(output), relative_remap=False)
    except (OSError, RuntimeError) as error:
        return failed(f"Writing the Blender file failed ({sentence(error)}): free some space and retry.", 1)
    return 0


if __name__ == "__main__":
    os.dup2(2, 1)  # Blender tells standard output what it saved, by a name that is not to last
    code = main(*sys.argv[1:3])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # bpy 4.2.0 crashes at exit once a property group with update callbacks was registered
