"""Run by test_blender_extension.py: the built zip installed, switched off and on, used, and removed."""

import os
import sys
import traceback
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.portrait_manifolds"


def main(zip_path: str, folder: str) -> None:
    bpy.ops.wm.save_userpref()
    if bpy.app.version >= (4, 5, 0):  # bpy 4.2.0 crashes here, whatever is installed, and does without
        bpy.ops.wm.read_userpref()
    installed = bpy.ops.extensions.package_install_files(
        filepath=zip_path, repo="user_default", enable_on_install=True, overwrite=True
    )
    assert installed == {"FINISHED"} and MODULE in bpy.context.preferences.addons
    for _ in range(3):
        bpy.ops.preferences.addon_disable(module=MODULE)
        assert not hasattr(bpy.types.Object, "portrait_manifolds")
        assert not hasattr(bpy.types, "PORTRAIT_MANIFOLDS_OT_import_portrait")
        bpy.ops.preferences.addon_enable(module=MODULE)
        assert hasattr(bpy.types.Object, "portrait_manifolds")
    assert "torch" not in sys.modules and "safetensors" not in sys.modules
    assert "portrait_manifolds" not in sys.modules, "the extension must not need an installed package"
    _use(Path(folder))
    bpy.ops.extensions.package_uninstall(repo_index=_repository(), pkg_id="portrait_manifolds")
    assert MODULE not in bpy.context.preferences.addons


def _use(folder: Path) -> None:
    operators = bpy.ops.portrait_manifolds
    assert operators.import_portrait(filepath=str(folder / "small.portrait")) == {"FINISHED"}
    assert operators.match_photo_camera() == {"FINISHED"}
    assert operators.render_portrait(directory=str(folder / "frames"), frame_start=1, frame_end=2) == {"FINISHED"}
    assert len(list((folder / "frames").glob("*.exr"))) == 2
    # Without a backend: said, with the fix; what is imported still renders.
    operators.check_backend()
    del os.environ["PORTRAIT_MANIFOLDS_PYTHON"]
    try:
        operators.render_portrait(directory=str(folder / "more"), frame_start=1, frame_end=2)
        raise AssertionError("rendered without a backend")
    except RuntimeError as error:
        assert "Set up backend" in str(error), error
    try:
        operators.set_up_backend()
        raise AssertionError("went online without leave")
    except RuntimeError as error:
        assert "may not go online" in str(error), error
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.render.resolution_percentage = "CYCLES", 1, 10
    assert bpy.ops.render.render() == {"FINISHED"}


def _repository() -> int:
    repositories = bpy.context.preferences.extensions.repos
    return next(index for index, item in enumerate(repositories) if item.module == "user_default")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # see blender_session.py
