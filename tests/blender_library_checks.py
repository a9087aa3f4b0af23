"""Portraits linked from another .blend."""

from pathlib import Path

import blender_session as session
import bpy
import numpy as np

from portrait_manifolds.blender_addon import engine
from portrait_manifolds.blender_addon.native_object import portraits

OPERATORS = session.OPERATORS


def check_linked(folder: Path) -> None:
    """A linked portrait and one of a library override are composited after reopening as they were before."""
    session.new_scene(folder, "small.portrait")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "cast.blend"))
    for overridden in (False, True):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with bpy.data.libraries.load(str(folder / "cast.blend"), link=True) as (there, here):
            here.objects = there.objects
        scene = bpy.context.scene
        for item in here.objects:
            mine = item.override_create(remap_local_usages=True) if overridden else item
            scene.collection.objects.link(mine)
        session.exact_cycles(scene)
        scene.camera = next(item for item in scene.objects if item.type == "CAMERA")
        scene.render.resolution_x = scene.render.resolution_y = 96
        (root,) = portraits(scene)
        bpy.context.view_layer.objects.active = root
        assert OPERATORS.setup_compositing() == {"FINISHED"}
        before = session.rendered(scene, folder)
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
        bpy.ops.wm.open_mainfile(filepath=str(folder / "shot.blend"))
        scene = bpy.context.scene
        np.testing.assert_array_equal(session.rendered(scene, folder), before)
        scene.render.use_compositing = False
        assert not session.rendered(scene, folder).any(), "the sheets are hidden"
        assert not engine.failures


if __name__ == "__main__":
    session.main(globals())
