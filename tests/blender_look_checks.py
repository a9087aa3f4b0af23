"""Checks of how a portrait looks, and of its edits, run in Blender by test_blender_addon.py."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import blender_session as session
import bpy
import numpy as np
from render_on_the_side import op_picture

from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.blender_addon import backend_home, engine
from portrait_manifolds.blender_addon.backend_home import folder_for_portraits, user_folder
from portrait_manifolds.blender_addon.import_operators import new_portrait_path
from portrait_manifolds.blender_addon.keyframes import fcurve
from portrait_manifolds.blender_addon.look import shown_look
from portrait_manifolds.blender_addon.materials import atlas_nodes, look_group, look_sockets
from portrait_manifolds.blender_addon.naming import GROUP_NAME
from portrait_manifolds.blender_addon.native_object import portrait_path, sheets_of

OPERATORS = session.OPERATORS


def check_look(folder: Path) -> None:
    """Cycles, the engine and Render Portrait agree on exposure, with keyframes, on tint, opacity and edge softness."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.resolution_percentage, scene.portrait_manifolds.samples = 20, 1
    plain = session.rendered(scene, folder)
    look = {socket.name: socket for socket in look_sockets(sheets_of(root).active_material)}
    for frame, stops in ((1, 0.5), (5, -2.5)):
        look["Exposure"].default_value = stops
        look["Exposure"].keyframe_insert("default_value", frame=frame)
    look["Tint"].default_value, look["Opacity"].default_value = (1.0, 0.7, 0.4, 1.0), 0.6
    scene.frame_set(3)
    cycles = session.rendered(scene, folder)
    scene.render.engine = "PORTRAIT_MANIFOLDS"
    engines = session.rendered(scene, folder)
    scene.frame_set(1)
    OPERATORS.render_portrait(directory=str(folder / "look"), frame_start=3, frame_end=3, file_format="png")
    frame = session.premultiplied(session.loaded(folder / "look" / "frame_0003.png"))
    print([round(255 * session.mean_difference(cycles, other), 3) for other in (engines, frame, plain)])
    assert session.mean_difference(cycles, engines) < 1.0 / 255.0 and session.mean_difference(cycles, frame) < 1.0 / 255
    assert session.mean_difference(cycles, plain) > 8.0 / 255.0, "the look is seen at all"
    half_clear = engines[..., 3][plain[..., 3] > 0.99]
    assert 0.0 < half_clear.mean() < 0.999
    sheets_of(root).data.materials.append(bpy.data.materials.new("other"))
    sheets_of(root).active_material_index = 1  # what is drawn is the first slot's
    scene.frame_set(3)
    np.testing.assert_array_equal(session.rendered(scene, folder), engines)
    sheets_of(root).active_material_index = 0
    look["Edge Softness"].default_value = 0.7
    scene.frame_set(3)
    soft = session.rendered(scene, folder)
    scene.render.engine = "CYCLES"
    cycles_soft = session.rendered(scene, folder)
    print("soft:", 255 * session.mean_difference(cycles_soft, soft), 255 * session.mean_difference(engines, soft))
    assert session.mean_difference(cycles_soft, soft) < 1.0 / 255.0
    assert session.mean_difference(engines, soft) > 2.0 / 255.0, "softness is seen at all"
    assert not engine.failures


def check_look_keys(folder: Path) -> None:
    """The look is read as Blender plays it: beside other keys in an action, muted, in NLA strips, driven, stretched.

    By Render Portrait, and by the engine, which does not see the sheets where compositing hides them.
    """
    root, _ = session.new_scene(folder, "small.portrait")
    scene, material = bpy.context.scene, sheets_of(root).active_material
    session.exact_cycles(scene)
    scene.render.engine, scene.render.resolution_percentage = "PORTRAIT_MANIFOLDS", 10
    plain, drawn = _light(folder, 10), session.rendered(scene, folder)[..., :3].mean()
    exposure = {socket.name: socket for socket in look_sockets(material)}["Exposure"]
    material.keyframe_insert("roughness", frame=1)  # where actions have slots, this takes the first
    for frame, stops in ((1, 0.0), (10, -3.0)):
        exposure.default_value = stops
        exposure.keyframe_insert("default_value", frame=frame)
    animation = material.node_tree.animation_data
    curve = fcurve(material.node_tree, exposure.path_from_id("default_value"), 0)

    def check(frame: int, stops: float) -> None:
        scene.frame_set(frame)
        assert abs(exposure.default_value - stops) < 1e-5, "what Blender plays"
        scene.frame_set(1)
        assert abs(np.log2(_light(folder, frame) / plain) - stops) < 0.05
        scene.frame_set(frame)
        for hidden in (False, True):
            sheets_of(root).hide_render = hidden
            assert abs(np.log2(session.rendered(scene, folder)[..., :3].mean() / drawn) - stops) < 0.01, hidden

    check(10, -3.0)
    curve.mute = True
    exposure.default_value = -1.0
    check(10, -1.0)
    curve.mute = False
    scene.render.frame_map_old, scene.render.frame_map_new = 100, 200
    check(20, -3.0)
    scene.render.frame_map_new = 100
    animation.nla_tracks.new().strips.new("look", 1, animation.action)
    animation.action = None
    check(10, -3.0)
    animation.nla_tracks.remove(animation.nla_tracks[0])
    exposure.driver_add("default_value").driver.expression = "-0.25 * frame"
    check(8, -2.0)
    sheets_of(root).material_slots[0].material = material.copy()  # of which nothing was told
    sheets_of(root).material_slots[0].material.node_tree.animation_data.drivers[0].driver.expression = "-0.5 * frame"
    scene.frame_set(4)
    for hidden in (True, False):
        sheets_of(root).hide_render = hidden
        scene.frame_start = scene.frame_end = 4
        scene.frame_set(1)
        scene.render.filepath = str(folder / "film_")
        assert bpy.ops.render.render(animation=True) == {"FINISHED"}
        film = session.loaded(folder / "film_0004.exr")[..., :3].mean()
        assert abs(np.log2(film / drawn) + 2.0) < 0.01, hidden


def check_look_nodes(folder: Path) -> None:
    """Nodes that give the look a number or a colour are heard; of others it is said that Blender alone draws them."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene, material = bpy.context.scene, sheets_of(root).active_material
    session.exact_cycles(scene)
    scene.render.resolution_percentage, scene.portrait_manifolds.samples = 20, 1
    look, tree = {socket.name: socket for socket in look_sockets(material)}, material.node_tree
    value, colour, reroute = (tree.nodes.new(kind) for kind in ("ShaderNodeValue", "ShaderNodeRGB", "NodeReroute"))
    value.outputs[0].default_value, colour.outputs[0].default_value = -1.5, (0.2, 1.0, 0.6, 1.0)
    tree.links.new(value.outputs[0], reroute.inputs[0])
    tree.links.new(reroute.outputs[0], look["Exposure"])
    tree.links.new(colour.outputs[0], look["Tint"])
    assert [socket.name for socket in look_sockets(material)] == ["Opacity", "Edge Softness"]
    cycles = session.rendered(scene, folder)
    scene.render.engine = "PORTRAIT_MANIFOLDS"
    difference = session.mean_difference(cycles, session.rendered(scene, folder))
    print(f"fed by nodes: {255 * difference:.2f}/255")
    assert difference < 1.0 / 255.0
    assert "fed by a node" in session.raised(OPERATORS.match_light)
    noise, mix = tree.nodes.new("ShaderNodeTexNoise"), tree.nodes.new("ShaderNodeInvert")
    group, atlas = look["Tint"].node, atlas_nodes(material)[0]
    for source, name in ((noise.outputs[0], "Opacity"), (colour.outputs[0], "Exposure"), (mix.outputs[0], "Color")):
        before = group.inputs[name].links[0].from_socket if group.inputs[name].is_linked else None
        tree.links.new(source, group.inputs[name])
        _refused(folder, f"feeds {name} of small, which Blender alone draws: take it off")
        tree.links.remove(group.inputs[name].links[0])
        if before is not None:
            tree.links.new(before, group.inputs[name])
    assert group.inputs["Color"].links[0].from_node == atlas
    output, blend = tree.get_output_node("ALL"), tree.nodes.new("ShaderNodeMixShader")
    tree.links.new(group.outputs[0], blend.inputs[2])
    tree.links.new(blend.outputs[0], output.inputs["Surface"])
    _refused(folder, "Mix Shader makes small's surface, which Blender alone draws: take it off")
    tree.links.new(group.outputs[0], output.inputs["Surface"])
    for source in (value, colour):
        tree.links.remove(source.outputs[0].links[0])
    look["Exposure"].default_value, group.name = -1.5, "My Look"
    tree.nodes.new("ShaderNodeGroup").name = GROUP_NAME  # some other
    assert look_group(material) == group
    dark = session.rendered(scene, folder)
    look["Exposure"].default_value = -0.5
    np.testing.assert_allclose(2.0 * dark[..., :3], session.rendered(scene, folder)[..., :3], atol=1e-5)
    group.mute = True
    _refused(folder, "is muted: switch it on")


def _refused(folder: Path, reason: str) -> None:
    """By all that draws with the backend."""
    frames = {"directory": str(folder / "refused"), "frame_start": 1, "frame_end": 1}
    setup, still = OPERATORS.setup_compositing, bpy.ops.render.render
    calls: tuple[tuple[Any, dict[str, Any]], ...] = (OPERATORS.render_portrait, frames), (setup, {}), (still, {})
    for call, arguments in calls:
        assert reason in session.raised(call, **arguments), call
    engine.failures.clear()  # the check's own, so that the process ends well


def _light(folder: Path, frame: int) -> float:
    """Of a frame by Render Portrait, on average."""
    frames = folder / "light"
    OPERATORS.render_portrait(directory=str(frames), frame_start=frame, frame_end=frame, file_format="png")
    return float(session.premultiplied(session.loaded(frames / f"frame_{frame:04d}.png"))[..., :3].mean())


def check_edit(folder: Path) -> None:
    """The front view opens as an image; what is painted on it is in the new portrait; undo brings the old one back."""
    root, portrait = session.new_scene(folder, "small.portrait")
    assert "press Edit Front View" in session.raised(OPERATORS.apply_edit)
    assert OPERATORS.edit_front_view() == {"FINISHED"}
    image = root.portrait_manifolds.edited_image
    camera = portrait.input_camera
    assert tuple(image.size) == (camera.width_px, camera.height_px)
    pixels = np.array(image.pixels[:]).reshape(camera.height_px, camera.width_px, 4)[::-1].copy()
    row, column = int(0.55 * camera.height_px), int(0.5 * camera.width_px)
    spot = (slice(row - 12, row + 12), slice(column - 12, column + 12))
    pixels[spot] = (0.0, 1.0, 0.0, 1.0)
    image.pixels[:] = pixels[::-1].ravel()
    mesh, before = sheets_of(root).data, portrait_path(root)
    assert OPERATORS.apply_edit() == {"FINISHED"}
    assert sheets_of(root).data != mesh and portrait_path(root) != before and before.is_file()
    seen = op_picture(folder, portrait_path(root), camera)[row - 4 : row + 4, column - 4 : column + 4]
    assert seen[..., 1].mean() > 0.9 and seen[..., 0].mean() < 0.1, seen.mean((0, 1))
    assert bpy.data.meshes.get(mesh.name) is mesh  # for undo
    kept = Portrait.load(portrait_path(root)).manifolds.displacement_m
    np.testing.assert_array_equal(kept, portrait.manifolds.displacement_m)
    if (Path(__file__).parents[1] / "backend" / "weights").is_dir():
        assert OPERATORS.apply_edit(shape="NEW") == {"FINISHED"}
        assert np.abs(Portrait.load(portrait_path(root)).manifolds.displacement_m - kept).max() > 1e-3, "another shape"


def check_edit_keeps(folder: Path) -> None:
    """An edit keeps all of the look: keys beside others, a driver, a value, and what the artist put between."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene, material = bpy.context.scene, sheets_of(root).active_material
    look, textures = {socket.name: socket for socket in look_sockets(material)}, atlas_nodes(material)[0].image
    material.keyframe_insert("roughness", frame=1)
    for frame, stops in ((1, 0.0), (10, -3.0)):
        look["Exposure"].default_value = stops
        look["Exposure"].keyframe_insert("default_value", frame=frame)
    look["Opacity"].driver_add("default_value").driver.expression = "0.25 + 0.25"
    look["Edge Softness"].default_value = 0.125
    tree = material.node_tree
    between = tree.nodes.new("ShaderNodeInvert")
    tree.links.new(atlas_nodes(material)[0].outputs["Color"], between.inputs["Color"])
    tree.links.new(between.outputs["Color"], next(iter(look.values())).node.inputs["Color"])
    OPERATORS.edit_front_view()
    assert OPERATORS.apply_edit() == {"FINISHED"}
    edited = sheets_of(root).active_material
    assert edited != material and edited.node_tree.nodes.get(between.name)
    assert atlas_nodes(edited)[0].image != textures
    assert atlas_nodes(material)[0].image == textures, "undo needs the old ones"
    for frame, stops in ((1, 0.0), (10, -3.0)):
        scene.frame_set(frame)
        shown = shown_look(root, bpy.context.evaluated_depsgraph_get())
        np.testing.assert_allclose((shown.exposure, shown.opacity, shown.edge_softness), (stops, 0.5, 0.125), atol=1e-6)


def check_painted(folder: Path) -> None:
    """Paint packed into the .blend counts, no painting is drawn over, no copies stay, and the path is the .blend's."""
    temporary = folder / "temporary"
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "Szene.blend"))
    OPERATORS.import_portrait(filepath=str(folder / "small.portrait"))
    root = bpy.context.view_layer.objects.active
    OPERATORS.edit_front_view()
    first = root.portrait_manifolds.edited_image
    first.pixels[:] = (0.0, 1.0, 0.0, 1.0) * (first.size[0] * first.size[1])
    first.save()
    file = Path(bpy.path.abspath(first.filepath))
    painting = file.read_bytes()
    OPERATORS.edit_front_view()
    image = root.portrait_manifolds.edited_image
    assert file.read_bytes() == painting and Path(bpy.path.abspath(image.filepath)) != file
    image.pixels[:] = (0.0, 0.0, 1.0, 1.0) * (image.size[0] * image.size[1])
    image.pack()
    assert not image.is_dirty
    assert OPERATORS.apply_edit() == {"FINISHED"}
    assert root.portrait_manifolds.filepath == "//small edit 1.portrait"
    camera = Portrait.load(portrait_path(root)).input_camera
    middle = op_picture(folder, portrait_path(root), camera)[camera.height_px // 2, camera.width_px // 2]
    assert middle[2] > 0.9 and middle[0] < 0.1, middle
    for name, edited in (
        ("my edit of bob", "my edit of bob edit 1"),
        ("my edit of bob edit 1", "my edit of bob edit 2"),
    ):
        shutil.copy(folder / "small.portrait", folder / f"{name}.portrait")
        root.portrait_manifolds.filepath = str(folder / f"{name}.portrait")
        assert OPERATORS.apply_edit() == {"FINISHED"}
        assert root.portrait_manifolds.filepath == f"//{edited}.portrait"
    assert not list(temporary.rglob("*painted*")) and file.is_relative_to(temporary)


def check_read_only(folder: Path) -> None:
    """Where a project's folder cannot be written, new portraits and edits go to the add-on's own."""
    session.new_scene(folder, "small.portrait")
    own = user_folder("portraits")
    assert folder_for_portraits(folder) == folder and folder_for_portraits(folder / "small.portrait") == own
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "Szene.blend"))
    assert new_portrait_path("Ada") == folder / "Ada.portrait"

    def refuse(path: Path) -> None:
        raise InputError(f"Cannot write {path}: choose a folder you may write to.")

    backend_home.check_folder = refuse  # root may write wherever a test can make a folder
    assert new_portrait_path("Ada") == own / "Ada.portrait"
    OPERATORS.edit_front_view()
    assert OPERATORS.apply_edit() == {"FINISHED"}
    edited = own / "small edit 1.portrait"
    assert edited.is_file() and not list(folder.glob("small edit*"))
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(folder / "Szene.blend"))
    assert portrait_path(bpy.data.objects["small"]) == edited


if __name__ == "__main__":
    session.main(globals())
