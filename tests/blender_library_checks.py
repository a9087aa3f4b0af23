"""Portraits linked from another .blend, and .blends that move."""

import json
from pathlib import Path

import blender_session as session
import bpy
import numpy as np

from portrait_manifolds.blender_addon import engine
from portrait_manifolds.blender_addon.native_object import place_found, portrait_path, portraits

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


def check_moved(folder: Path) -> None:
    """Saved elsewhere, as itself or a copy, a .blend finds its files there after the whole folder has moved, too."""
    project = folder / "project"
    (project / "shots").mkdir(parents=True)
    (folder / "small.portrait").rename(project / "small.portrait")
    image = bpy.data.images.new("photo", 64, 64)
    image.filepath_raw, image.file_format = str(project / "photo.png"), "PNG"
    image.save()
    OPERATORS.import_portrait(filepath=str(project / "small.portrait"))
    (root,) = portraits(bpy.context.scene)
    camera = json.loads(root.portrait_manifolds.input_camera)
    root.portrait_manifolds.input_camera = json.dumps(camera | {"width_px": 64, "height_px": 64})
    root.portrait_manifolds.photo = str(project / "photo.png")
    OPERATORS.match_photo_camera()

    def save(name: str, **options: bool) -> None:
        bpy.ops.wm.save_as_mainfile(filepath=str(project / name), **options)

    def assert_found() -> None:
        (root,) = portraits(bpy.context.scene)
        found = [portrait_path(root), place_found(root, "photo")]
        assert found == [project / "small.portrait", project / "photo.png"], found
        assert root.portrait_manifolds.filepath.startswith("//")
        (background,) = bpy.context.scene.camera.data.background_images
        assert Path(bpy.path.abspath(background.image.filepath)).resolve() == project / "photo.png"

    save("copy.blend", copy=True)
    assert portrait_path(root) == Path(root.portrait_manifolds.filepath), "the open file has no place yet"
    save("first.blend")
    save("shots/second.blend")
    save("third.blend", copy=True)
    session.raised(save, name="nowhere/fourth.blend")
    assert_found()
    save("shots/second.blend")
    project = project.rename(folder / "moved")
    for name in ("copy", "first", "shots/second", "third"):
        bpy.ops.wm.open_mainfile(filepath=str(project / f"{name}.blend"))
        assert_found()
    (project / "later").mkdir()
    save("later/fifth.blend")
    assert_found()


if __name__ == "__main__":
    session.main(globals())
