"""Checks of light and shadows on a portrait, run in Blender by test_blender_addon.py."""

from pathlib import Path

import blender_session as session
import bpy
import numpy as np
from render_on_the_side import op_picture

from portrait_manifolds.blender_addon.cameras import camera_from_blender
from portrait_manifolds.blender_addon.keyframes import fcurve
from portrait_manifolds.blender_addon.materials import look_sockets
from portrait_manifolds.blender_addon.native_object import part_of, sheets_material, sheets_of

OPERATORS = session.OPERATORS


def sunlit(folder: Path) -> tuple[bpy.types.Object, bpy.types.Scene]:
    """A portrait's root in a small, quick scene, whose only light is a sun behind the camera; that is active."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.cycles.samples, scene.cycles.max_bounces, scene.render.resolution_percentage = 16, 1, 20
    session.sky(scene, (1.0, 1.0, 1.0), 0.0)
    bpy.ops.object.light_add(type="SUN", rotation=(np.pi / 2, 0.0, 0.0))  # shines along +y, into the face
    return root, scene


def unseen_board(root: bpy.types.Object, size_m: float, location: tuple[float, float, float]) -> bpy.types.Object:
    """An upright board that only casts shadows; the portrait stays the active object."""
    bpy.ops.mesh.primitive_plane_add(size=size_m, location=location, rotation=(np.pi / 2, 0.0, 0.0))
    board = bpy.context.object
    board.visible_camera = False
    bpy.context.view_layer.objects.active = root
    return board


def check_shadow_on_portrait(folder: Path) -> None:
    """A board between the sun and the head darkens the left half of the picture's portrait, and nothing else."""
    root, scene = sunlit(folder)
    board = unseen_board(root, 2.0, (-1.0, -3.0, 0.0))
    for _ in range(2):
        OPERATORS.setup_compositing()
    assert len([layer for layer in scene.view_layers if "shadow" in layer.name]) == 1
    shaded = session.rendered(scene, folder)
    board.hide_render = True
    lit = session.rendered(scene, folder)
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    portrait = op_picture(folder, folder / "small.portrait", view, samples=2)[..., :4]
    np.testing.assert_allclose(lit, portrait, atol=5e-3)
    head = portrait[..., 3] > 0.99
    middle = round(float(view.project(np.zeros(3))[0][0]))
    ratio = shaded[..., :3].sum(axis=-1) / np.maximum(lit[..., :3].sum(axis=-1), 1e-3)
    left, right = ratio[:, : middle - 4][head[:, : middle - 4]], ratio[:, middle + 4 :][head[:, middle + 4 :]]
    print(f"left {np.median(left):.3f}, right {np.median(right):.3f}")
    assert np.median(left) < 0.1 and np.median(right) > 0.98
    np.testing.assert_allclose(shaded[..., 3], portrait[..., 3], atol=5e-3)


def check_shadows_switched_off(folder: Path) -> None:
    """Where the layer of shadows is not rendered, or by another engine, the portrait is as it is without shadows."""
    root, scene = sunlit(folder)
    unseen_board(root, 9.0, (0.0, -3.0, 0.0))
    OPERATORS.setup_compositing()
    layer = scene.view_layers["Portrait shadows"]
    shaded = session.rendered(scene, folder)
    layer.use = False
    bare = session.rendered(scene, folder)
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    portrait = op_picture(folder, folder / "small.portrait", view, samples=2)[..., :4]
    np.testing.assert_allclose(bare, portrait, atol=5e-3)
    layer.use = True
    np.testing.assert_allclose(session.rendered(scene, folder), shaded, atol=5e-3)
    assert shaded[..., :3].max() < 0.1 * bare[..., :3].max()
    scene.eevee.taa_render_samples = 1
    scene.render.engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
    np.testing.assert_allclose(session.rendered(scene, folder), portrait, atol=5e-3)


def check_match_light(folder: Path) -> None:
    """Under a neutral sky nothing changes; under a dim red one the portrait is dim and red, also from the engine.

    The film's exposure counts where it brightens the scene and not the portrait.
    """
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.resolution_percentage = 20
    look = {socket.name: socket for socket in look_sockets(sheets_of(root).active_material)}
    plain = session.rendered(scene, folder)
    for colour, strength in (((1.0, 1.0, 1.0), 1.0), ((1.0, 0.5, 0.25), 0.25)):
        session.sky(scene, colour, strength)
        settings = (scene.render.engine, scene.render.filepath, scene.cycles.samples, len(bpy.data.scenes))
        assert OPERATORS.match_light() == {"FINISHED"}
        after = (scene.render.engine, scene.render.filepath, scene.cycles.samples, len(bpy.data.scenes))
        assert settings == after and sheets_of(root).visible_camera
        np.testing.assert_allclose(look["Exposure"].default_value, np.log2(strength), atol=0.1)
        np.testing.assert_allclose(look["Tint"].default_value[:3], colour, atol=0.03)
    scene.cycles.film_exposure = 4.0
    for engine, hidden, stops in (("CYCLES", False, 0.0), ("CYCLES", True, 2.0), ("BLENDER_WORKBENCH", True, 0.0)):
        scene.render.engine, sheets_of(root).hide_render = engine, hidden
        assert OPERATORS.match_light() == {"FINISHED"}
        assert abs(look["Exposure"].default_value - np.log2(strength) - stops) < 0.1, (engine, hidden)
    scene.cycles.film_exposure, scene.render.engine, sheets_of(root).hide_render = 1.0, "CYCLES", False
    factor = 2.0 ** look["Exposure"].default_value * np.array(look["Tint"].default_value[:3])
    np.testing.assert_allclose(session.rendered(scene, folder)[..., :3], plain[..., :3] * factor, atol=2e-3)
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    scene.render.engine, scene.portrait_manifolds.samples = "PORTRAIT_MANIFOLDS", 1
    expected = op_picture(folder, folder / "small.portrait", view)
    np.testing.assert_allclose(session.rendered(scene, folder)[..., :3], expected[..., :3] * factor, atol=1e-5)
    session.sky(scene, (1.0, 1.0, 1.0), 0.0)
    assert "add a light" in session.raised(OPERATORS.match_light)
    sheets_of(root).data.materials.clear()
    assert "import the portrait again" in session.raised(OPERATORS.match_light)


def check_light_on_set(folder: Path) -> None:
    """Objects of a linked set light the portrait and are not taken for it; on a keyed exposure a key is set."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.resolution_percentage = 20
    session.sky(scene, (1.0, 1.0, 1.0), 1.0)
    wall = session.glowing_cube("wall", (0.0, 2.5, 0.0), 4.0, (50.0, 0.0, 0.0))
    wall.visible_diffuse = False
    film_set = bpy.data.collections.new("set")
    film_set.objects.link(wall)
    bpy.data.libraries.write(str(folder / "set.blend"), {film_set})
    bpy.data.objects.remove(wall)
    bpy.data.collections.remove(film_set)
    with bpy.data.libraries.load(str(folder / "set.blend"), link=True) as (_, linked):
        linked.collections = ["set"]
    scene.collection.children.link(linked.collections[0])
    look = {socket.name: socket for socket in look_sockets(sheets_of(root).active_material)}
    bpy.context.view_layer.objects.active = root
    assert OPERATORS.match_light() == {"FINISHED"}
    np.testing.assert_allclose(look["Exposure"].default_value, 0.0, atol=0.1)
    np.testing.assert_allclose(look["Tint"].default_value[:3], 1.0, atol=0.03)
    (wall,) = linked.collections[0].objects
    assert wall.library is not None and wall.visible_camera and not wall.hide_render
    for frame in (1, 9):
        look["Exposure"].default_value = -4.0
        look["Exposure"].keyframe_insert("default_value", frame=frame)
    session.sky(scene, (1.0, 1.0, 1.0), 0.25)
    scene.frame_set(5)
    assert OPERATORS.match_light() == {"FINISHED"}
    for frame, stops in ((1, -4.0), (5, -2.0), (9, -4.0)):
        scene.frame_set(frame)
        np.testing.assert_allclose(look["Exposure"].default_value, stops, atol=0.1)
    tree = look["Tint"].id_data
    assert fcurve(tree, look["Tint"].path_from_id("default_value"), 0) is None, "what is not animated stays so"


def check_light_in_layers(folder: Path) -> None:
    """The light is measured in a view layer that has the portrait, whether the first is rendered or not."""
    root, scene = sunlit(folder)
    look = {socket.name: socket for socket in look_sockets(sheets_of(root).active_material)}
    bpy.context.view_layer.objects.active = root
    OPERATORS.match_light()
    alone = look["Exposure"].default_value
    heads = bpy.data.collections.new("heads")
    scene.collection.children.link(heads)
    for item in (root, *root.children_recursive):
        scene.collection.objects.unlink(item)
        heads.objects.link(item)
    first, second = scene.view_layers[0], scene.view_layers.new("Char")
    for used, excluded in ((False, False), (True, True), (False, True)):
        first.use, first.layer_collection.children["heads"].exclude = used, excluded
        second.use = used or not excluded  # in the last none is rendered
        bpy.data.objects.remove(part_of(root, "STAND_IN"))
        look["Exposure"].default_value = 9.0
        assert OPERATORS.match_light() == {"FINISHED"}
        assert abs(look["Exposure"].default_value - alone) < 0.05, (used, excluded)
        assert (first.use, len(bpy.data.scenes)) == (used, 1)
    scene.render.use_multiview = True  # for two eyes as for one
    look["Exposure"].default_value = 9.0
    assert OPERATORS.match_light() == {"FINISHED"} and scene.render.use_multiview
    assert abs(look["Exposure"].default_value - alone) < 0.05


def check_light_on_namesakes(folder: Path) -> None:
    """Of a portrait and a linked one of the same name it is the active one that is lit and composited."""
    root, scene = sunlit(folder)
    bpy.data.libraries.write(str(folder / "cast.blend"), {root, *root.children_recursive})
    with bpy.data.libraries.load(str(folder / "cast.blend"), link=True) as (there, linked):
        linked.objects = [name for name in there.objects if "camera" not in name]
    for item in linked.objects:
        scene.collection.objects.link(item)
    twin = next(item for item in linked.objects if item.portrait_manifolds.role == "PORTRAIT")
    assert twin.name == root.name and twin != root
    looks = [{socket.name: socket for socket in look_sockets(sheets_material(each))} for each in (root, twin)]
    for look in looks:
        look["Exposure"].default_value = 9.0
    bpy.context.view_layer.objects.active = twin
    assert OPERATORS.match_light() == {"FINISHED"}
    exposures = [look["Exposure"].default_value for look in looks]
    assert exposures[0] == 9.0 and exposures[1] != 9.0
    assert OPERATORS.setup_compositing() == {"FINISHED"}
    assert sheets_of(twin).hide_render and not sheets_of(root).hide_render


def check_light_and_shadow(folder: Path) -> None:
    """With compositing's shadows a shaded half of the head does not dim the lit half: shadows count once."""
    root, scene = sunlit(folder)
    bpy.context.object.data.energy = 3.0
    look = {socket.name: socket for socket in look_sockets(sheets_of(root).active_material)}
    bpy.context.view_layer.objects.active = root
    OPERATORS.match_light()
    lit = look["Exposure"].default_value
    bpy.ops.mesh.primitive_plane_add(size=2.0, location=(-1.0, -3.0, 0.0), rotation=(np.pi / 2, 0.0, 0.0))
    bpy.context.view_layer.objects.active = root
    OPERATORS.match_light()
    alone = look["Exposure"].default_value
    look["Exposure"].default_value = 0.0
    OPERATORS.setup_compositing()
    shaded = session.rendered(scene, folder)
    OPERATORS.match_light()
    composited = look["Exposure"].default_value
    print(f"exposure without the board {lit:.2f}, with it {alone:.2f}, with compositing's shadows {composited:.2f}")
    assert alone < lit - 0.6, "half the head in shadow is half the light"
    assert abs(composited - lit) < 0.15
    drawn = scene.portrait_manifolds.drawn_by.render
    assert (drawn.resolution_x, drawn.resolution_y) == (scene.render.resolution_x, scene.render.resolution_y)
    # In the picture: the lit half as bright as without the board, and the other one dark.
    both = session.rendered(scene, folder)
    bright = (shaded[..., :3].min(axis=-1) > 0.05) & (shaded[..., 3] > 0.99)
    ratio = np.median(both[bright][:, :3] / shaded[bright][:, :3])
    assert bright.sum() > 100 and abs(np.log2(ratio) - lit) < 0.15, np.log2(ratio)
    assert not any(item.hide_render for item in scene.objects if item.type in {"LIGHT", "CAMERA", "EMPTY"})


if __name__ == "__main__":
    session.main(globals())
