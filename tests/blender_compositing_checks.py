"""The portrait in a rendered scene: in front of some things, behind others, and casting its shadow."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import blender_session as session
import bpy
import numpy as np
from render_on_the_side import op_picture

from portrait_manifolds.blender_addon import engine
from portrait_manifolds.blender_addon.cameras import camera_from_blender
from portrait_manifolds.blender_addon.compositor_nodes import Compositor
from portrait_manifolds.blender_addon.native_object import part_of, portraits, sheets_of

OPERATORS = session.OPERATORS


def check_compositing(folder: Path) -> None:
    """A cube half in front: the portrait is before what is behind it and behind what is before it, on both sides."""
    root, _ = session.new_scene(folder, "head.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.resolution_percentage = 25
    session.sky(scene, (1.0, 1.0, 1.0), 0.0)  # no light, so that no shadow falls on the portrait
    near = session.glowing_cube("near", (0.05, -0.25, 0.0), 0.06, (1.0, 0.0, 0.0))
    far = session.glowing_cube("far", (-0.08, 0.3, 0.0), 0.2, (0.0, 1.0, 0.0))
    bpy.context.view_layer.objects.active = root
    scene.render.use_compositing = False
    for _ in range(2):  # pressed again, it must not stack up
        assert OPERATORS.setup_compositing() == {"FINISHED"}
    picture = session.rendered(scene, folder)
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    portrait = op_picture(folder, folder / "head.portrait", view, samples=2)
    sheets_of(root).hide_render = True
    on_near, on_far = _cover(scene, near, far, folder), _cover(scene, far, near, folder)
    masks = _masks(portrait, on_near, on_far)
    assert all(mask.sum() > 5 for mask in masks.values()), {name: mask.sum() for name, mask in masks.items()}
    assert _wrong(picture, portrait, masks) == []
    # The check can fail: with the depths compared the other way round, and with the far cube moved before the head.
    compare = next(node for node in _compositor(scene).nodes if getattr(node, "operation", "") == "LESS_THAN")
    compare.operation = "GREATER_THAN"
    assert {"near", "behind"} <= set(_wrong(session.rendered(scene, folder), portrait, masks))
    compare.operation = "LESS_THAN"
    far.location.y = -0.3
    assert "behind" in _wrong(session.rendered(scene, folder), portrait, masks)


def check_followed(folder: Path) -> None:
    """The portrait is composited as the engine draws it alone: cameras of markers, stretched time, Render Region.

    And a still between two frames.
    """
    root, _ = _small_composite(folder)
    scene, near = bpy.context.scene, bpy.context.scene.camera
    far, behind = (bpy.data.objects.new(name, near.data.copy()) for name in ("far", "behind"))
    far.data.lens, behind.data.lens = 0.5 * near.data.lens, 0.7 * near.data.lens
    for camera in (far, behind):
        scene.collection.objects.link(camera)
        camera.matrix_world = near.matrix_world
    for frame, camera in ((3, far), (2, near), (4, None), (5, behind)):
        scene.timeline_markers.new("", frame=frame).camera = camera
    for frame, place in ((1, 0.0), (8, 0.2)):
        root.location.x = place
        root.keyframe_insert("location", frame=frame)
    scene.frame_start, scene.frame_end = 1, 6
    for stretched in (100, 200):
        scene.render.frame_map_new = stretched
        for far.hide_render in (True, False):  # markers of hidden cameras do not count
            _assert_composited_as_drawn(scene, folder)
    scene.render.frame_map_new, scene.frame_end = 100, 1
    scene.frame_set(6, subframe=0.75)
    _assert_composited_as_drawn(scene, folder, _still)
    scene.render.use_border, scene.render.border_min_x, scene.render.border_max_y = True, 0.4, 0.7
    for crop in (False, True):
        scene.render.use_crop_to_border = crop
        _assert_composited_as_drawn(scene, folder)


def check_tracked(folder: Path) -> None:
    """A portrait pinned to a track of the scene's movie clip is composited where the engine draws it alone."""
    root, _ = _small_composite(folder)
    scene = bpy.context.scene
    plate = bpy.data.images.new("plate", 64, 48)
    plate.filepath_raw, plate.file_format = str(folder / "plate.png"), "PNG"
    plate.save()
    scene.active_clip = bpy.data.movieclips.load(str(folder / "plate.png"))
    markers = scene.active_clip.tracking.tracks.new(name="nose", frame=1).markers
    pin = bpy.data.objects.new("pin", None)
    scene.collection.objects.link(pin)
    follow = pin.constraints.new("FOLLOW_TRACK")
    follow.use_active_clip, follow.track, follow.camera = True, "nose", scene.camera
    root.parent = pin
    for frame, place in ((1, (0.3, 0.5)), (5, (0.7, 0.5))):
        markers.insert_frame(frame, co=place)
    middles = []
    for frame in (1, 5):
        scene.frame_set(frame)
        scene.render.engine, scene.render.use_compositing = "CYCLES", True
        composited = session.rendered(scene, folder)
        scene.render.engine, scene.render.use_compositing = "PORTRAIT_MANIFOLDS", False
        np.testing.assert_array_equal(composited, session.rendered(scene, folder))
        middles.append(np.flatnonzero((composited[..., 3] > 0.5).any(axis=0)).mean())
    assert middles[1] - middles[0] > 0.2 * composited.shape[1], middles


def check_engines(folder: Path) -> None:
    """The portrait is composited alike whatever draws the scene; Workbench, too, does not show the stand-in."""
    root, _ = _small_composite(folder)
    scene, stand_in = bpy.context.scene, part_of(root, "STAND_IN")
    cycles = session.rendered(scene, folder)
    for by in ("BLENDER_WORKBENCH", "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"):
        scene.render.engine = by
        empty = 5.4e-4 if by == "BLENDER_WORKBENCH" and bpy.app.version < (4, 5, 0) else 0.0  # of its own, everywhere
        np.testing.assert_allclose(session.rendered(scene, folder), cycles, atol=1e-4 + empty, err_msg=by)
    assert not stand_in.hide_render
    stand_in.hide_render = True  # by the user: it stays
    for scene.render.engine in ("BLENDER_WORKBENCH", "CYCLES"):
        session.rendered(scene, folder)
    assert stand_in.hide_render


def check_nodes(folder: Path) -> None:
    """The user's nodes stay before and behind ours, pressed again or not; the nearest of several layers covers."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.resolution_percentage = 15
    session.sky(scene, (1.0, 1.0, 1.0), 0.0)
    cube = session.glowing_cube("near", (0.0, -0.3, 0.0), 0.08, (0.25, 0.0, 0.0))
    apart = bpy.data.collections.new("apart")
    scene.collection.children.link(apart)
    scene.collection.objects.unlink(cube)
    apart.objects.link(cube)
    back, front = scene.view_layers[0], scene.view_layers.new("front")
    back.layer_collection.children["apart"].exclude = True
    front.layer_collection.exclude, front.layer_collection.children["apart"].exclude = True, False
    tree = Compositor(scene).tree
    output = next(node for node in tree.nodes if node.type in {"COMPOSITE", "GROUP_OUTPUT"}).inputs[0]
    layers = [_user_node(tree, "CompositorNodeRLayers") for _ in (back, front)]
    for node, layer in zip(layers, (back, front), strict=True):
        node.scene, node.layer = scene, layer.name
    both = _user_node(tree, "CompositorNodeAlphaOver", *(node.outputs["Image"] for node in layers))
    tree.links.new(both.outputs[0], output)
    alone = session.rendered(scene, folder)
    red = np.abs(alone - (0.25, 0.0, 0.0, 1.0)).max(axis=-1) < 1e-6
    bpy.context.view_layer.objects.active = root
    OPERATORS.setup_compositing()
    placed = session.rendered(scene, folder)
    assert red.sum() > 20 and (placed[..., 3] > 0.99).sum() > 2 * red.sum(), "a cube before the head"
    np.testing.assert_allclose(placed[red], alone[red], atol=1e-6)
    # A node of the user's between ours and the output, and another one beside it.
    ours = output.links[0].from_socket
    brighter, viewer = (_user_node(tree, f"CompositorNode{kind}", ours) for kind in ("Exposure", "Viewer"))
    brighter.inputs["Exposure"].default_value = 1.0
    tree.links.new(brighter.outputs[0], output)
    for _ in range(2):
        count = len(tree.nodes)
        assert OPERATORS.setup_compositing() == {"FINISHED"}
        np.testing.assert_allclose(session.rendered(scene, folder)[..., :3], 2.0 * placed[..., :3], atol=1e-5)
        assert len(tree.nodes) == count and viewer.inputs[0].links[0].from_node == brighter.inputs[0].links[0].from_node
    # The user's nodes put out without ours: that is the scene's picture now.
    tree.links.new(both.outputs[0], brighter.inputs[0])
    OPERATORS.setup_compositing()
    both_brighter = session.rendered(scene, folder)
    np.testing.assert_allclose(both_brighter[red][:, :3], 2.0 * alone[red][:, :3], atol=1e-5)
    head = (placed[..., 3] > 0.99) & ~red
    np.testing.assert_allclose(both_brighter[head], placed[head], atol=1e-5)
    # Another of our nodes put out than the last, and no other taker.
    tree.nodes.remove(viewer)
    over = next(node for node in tree.nodes if node.type == "ALPHAOVER" and node != both)
    tree.links.new(over.outputs[0], output)
    OPERATORS.setup_compositing()
    np.testing.assert_array_equal(session.rendered(scene, folder), both_brighter)


def check_outputs(folder: Path) -> None:
    """Of several nodes that put the picture out the one that Blender renders gets the portrait."""
    root, _ = _small_composite(folder)
    scene = bpy.context.scene
    expected = session.rendered(scene, folder)
    tree = Compositor(scene).tree  # this takes our nodes out
    first = next(node for node in tree.nodes if node.type in {"COMPOSITE", "GROUP_OUTPUT"})
    second, layers = tree.nodes.new(first.bl_idname), tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    for node in (first, second):
        tree.links.new(layers.outputs["Image"], node.inputs[0])
    told = hasattr(second, "is_active_output")
    for node, other in ((second, first), (first, second)):
        tree.nodes.active = node
        if told:
            node.is_active_output = True
        assert OPERATORS.setup_compositing() == {"FINISHED"}
        np.testing.assert_array_equal(session.rendered(scene, folder), expected)
        assert other.inputs[0].links[0].from_node.type == "R_LAYERS"
        tree.links.new(layers.outputs["Image"], node.inputs[0])
    tree.nodes.active = layers
    sheets_of(root).hide_render = False
    if not told:
        assert "2 Composite nodes: click the one" in session.raised(OPERATORS.setup_compositing)
        assert not sheets_of(root).hide_render


def _user_node(tree: bpy.types.NodeTree, kind: str, *sources: bpy.types.NodeSocket) -> bpy.types.Node:
    """A node with what it takes of pictures linked."""
    node = tree.nodes.new(kind)
    for source, socket in zip(sources, (each for each in node.inputs if each.type == "RGBA"), strict=False):
        tree.links.new(source, socket)
    return node


def check_portraits_come_and_go(folder: Path) -> None:
    """Copies of a composited portrait are composited, in their own scene only; deleted and hidden ones are not.

    Nor is one whose sheets are rendered again.
    """
    root, drawn = _small_composite(folder)
    scene, parts = bpy.context.scene, [root, *root.children_recursive]
    heads = bpy.data.collections.new("heads")
    scene.collection.children.link(heads)
    for part in parts:
        scene.collection.objects.unlink(part)
        heads.objects.link(part)
    layer = bpy.context.view_layer.layer_collection.children["heads"]
    picture = session.rendered(scene, folder)
    assert picture[..., 3].max() > 0.99
    heads.hide_render = True
    assert not session.rendered(scene, folder).any()
    heads.hide_render, layer.exclude = False, True
    assert not session.rendered(scene, folder).any()
    layer.exclude, layer.indirect_only = False, True
    assert not session.rendered(scene, folder).any()
    layer.indirect_only = False
    sheets_of(root).hide_render = False  # taken back
    assert session.rendered(scene, folder)[..., 3].max() > 0.99 and not list(drawn.collection.objects)
    sheets_of(root).hide_render = True
    for item in bpy.context.view_layer.objects:
        item.select_set(item in parts)
    bpy.ops.object.duplicate()
    root.location.x = 5.0
    np.testing.assert_array_equal(session.rendered(scene, folder), picture)
    bpy.ops.object.delete(use_global=False)
    root.location.x = 0.0
    np.testing.assert_array_equal(session.rendered(scene, folder), picture)
    assert list(drawn.collection.objects) == [root] and not engine.failures
    assert bpy.ops.scene.new(type="FULL_COPY") == {"FINISHED"}
    copy, twin = bpy.context.scene, portraits(bpy.context.scene)[0]
    twin.location.x = 5.0
    assert copy != scene and twin != root and not session.rendered(copy, folder).any()
    bpy.context.window.scene = scene
    np.testing.assert_array_equal(session.rendered(scene, folder), picture)
    # Linked into another scene, too, it keeps in this one what casts and catches shadows.
    OPERATORS.setup_compositing()
    shadows = {part.name for part in root.children_recursive if part.type == "MESH"}
    assert shadows <= set(scene.objects.keys()) and len(shadows) == 3
    other = bpy.data.scenes.new("other")
    for part in (root, sheets_of(root)):
        other.collection.objects.link(part)
    bpy.context.window.scene = other
    other.render.engine, other.camera = "CYCLES", scene.camera
    bpy.context.view_layer.objects.active = root
    for _ in range(2):
        assert OPERATORS.setup_compositing() == {"FINISHED"}
        assert shadows <= set(scene.objects.keys()) and shadows <= set(other.objects.keys())
    assert len(other.collection.children) == 2, "of the stand-in, and of the catcher"
    assert other.portrait_manifolds.drawn_by != drawn


def _small_composite(folder: Path) -> tuple[bpy.types.Object, bpy.types.Scene]:
    """A portrait set up for compositing in a dark and else empty scene; its empty, and the scene that draws it."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.camera.parent, scene.camera.matrix_world = None, scene.camera.matrix_world.copy()
    scene.render.resolution_percentage = 10
    scene.render.engine = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"  # no shadows
    bpy.context.view_layer.objects.active = root
    assert OPERATORS.setup_compositing() == {"FINISHED"}
    scene.render.engine = "CYCLES"
    return root, scene.portrait_manifolds.drawn_by


def _film(scene: bpy.types.Scene, folder: Path, name: str) -> list[np.ndarray]:
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.filepath = str(folder / name)
    assert bpy.ops.render.render(animation=True) == {"FINISHED"}
    frames = range(scene.frame_start, scene.frame_end + 1)
    return [session.loaded(folder / f"{name}{frame:04d}.exr") for frame in frames]


def _still(scene: bpy.types.Scene, folder: Path, name: str) -> list[np.ndarray]:
    return [session.rendered(scene, folder)]


def _assert_composited_as_drawn(scene: bpy.types.Scene, folder: Path, render: Callable = _film) -> None:
    """Renders twice: composited, and by the engine without the compositor."""
    films = []
    for name, by in (("composited_", "CYCLES"), ("drawn_", "PORTRAIT_MANIFOLDS")):
        scene.render.engine, scene.render.use_compositing = by, by == "CYCLES"
        films.append(render(scene, folder, name))
    scene.render.engine, scene.render.use_compositing = "CYCLES", True
    assert min(picture[..., 3].max() for picture in films[1]) > 0.9, "it is in the picture"
    for composited, drawn in zip(*films, strict=True):
        np.testing.assert_allclose(composited, drawn, atol=1e-4)


def _masks(portrait: np.ndarray, on_near: np.ndarray, on_far: np.ndarray) -> dict[str, np.ndarray]:
    """Where the near cube covers the head, the head the far cube, nothing that cube, and faint hair that cube."""
    alpha, on_far = portrait[..., 3], on_far & ~on_near
    return {
        "near": on_near & (alpha > 0.999),
        "behind": on_far & (alpha > 0.999),
        "beside": on_far & (alpha == 0.0),
        "faint": on_far & (alpha > 0.2) & (alpha < 0.8),
    }


def _wrong(picture: np.ndarray, portrait: np.ndarray, masks: dict[str, np.ndarray]) -> list[str]:
    """The masks under which a composited picture is not what it should be."""
    red, green = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0])
    over_green = portrait[..., :4] + (1.0 - portrait[..., 3:4]) * green
    right = {"near": (np.broadcast_to(red, picture.shape), 1e-4), "behind": (portrait[..., :4], 2e-3)}
    right |= {"beside": (np.broadcast_to(green, picture.shape), 1e-4), "faint": (over_green, 2e-3)}
    return [
        name for name, (values, limit) in right.items() if np.abs(picture - values)[masks[name]].max(initial=0) > limit
    ]


def _compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    return scene.compositing_node_group if bpy.app.version >= (5, 0, 0) else scene.node_tree


def check_stand_in(folder: Path) -> None:
    """The stand-in is one closed head, unseen by the camera, whose shadow falls on a wall behind the portrait."""
    _, portrait = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    for _ in range(2):
        OPERATORS.setup_compositing()
    nodes = _compositor(scene).nodes
    for node in [node for node in nodes if node.bl_idname == "CompositorNodeAlphaOver"]:
        nodes.remove(node)  # as a user may: pressed again, it must not miss them
    assert OPERATORS.setup_compositing() == {"FINISHED"}
    stand_ins = [item for item in scene.objects if item.portrait_manifolds.role == "STAND_IN"]
    assert len(stand_ins) == 1 and not stand_ins[0].visible_camera
    mesh = stand_ins[0].data
    assert set(Counter(key for polygon in mesh.polygons for key in polygon.edge_keys).values()) == {2}, "closed"
    assert all(polygon.normal.dot(polygon.center) > 0 for polygon in mesh.polygons), "outwards"
    heights = [vertex.co.z for vertex in mesh.vertices]
    assert 0.2 < max(heights) - min(heights) < 0.6 and portrait.manifolds.sheets == 24
    session.exact_cycles(scene)
    scene.cycles.max_bounces, scene.cycles.samples, scene.render.use_compositing = 1, 8, False
    scene.render.resolution_percentage = 15
    bpy.ops.mesh.primitive_plane_add(size=4.0, location=(0.0, 0.6, 0.0), rotation=(np.pi / 2, 0.0, 0.0))
    bpy.ops.object.light_add(type="SUN", rotation=(np.radians(80), 0.0, np.radians(10)))
    shaded = session.rendered(scene, folder)[..., :3].mean()
    stand_ins[0].hide_render = True
    lit = session.rendered(scene, folder)[..., :3].mean()
    print(f"wall {lit:.3f}, with the shadow {shaded:.3f}")
    assert shaded < 0.9 * lit


def check_scaled_unevenly(folder: Path) -> None:
    """A parent's uneven scale is told when compositing is set up, not by renders, which would lack the head."""
    root, _ = session.new_scene(folder, "small.portrait")
    parent = bpy.data.objects.new("Stretched", None)
    bpy.context.collection.objects.link(parent)
    root.parent, parent.scale = parent, (1.0, 1.0, 1.5)
    assert "scaled unevenly" in session.raised(OPERATORS.setup_compositing)
    assert not sheets_of(root).hide_render


def check_stand_in_renewed(folder: Path) -> None:
    """When the portrait's file is another, the stand-in and its twin take that one's shape."""
    root, _ = session.new_scene(folder, "small.portrait")
    session.exact_cycles(bpy.context.scene)
    OPERATORS.setup_compositing()
    parts = [part_of(root, role) for role in ("STAND_IN", "SHADOW_CATCHER")]
    before = [part.data.vertices[500].co.length for part in parts]
    OPERATORS.setup_compositing()
    assert [part.data.vertices[500].co.length for part in parts] == before
    shutil.copy(folder / "wide.portrait", folder / "small.portrait")
    OPERATORS.setup_compositing()
    for part, length, smooth in zip(parts, before, (False, True), strict=True):
        assert abs(part.data.vertices[500].co.length - length - 0.01) < 1e-4
        assert part.data.polygons[0].use_smooth == smooth and part.data.materials


def check_depth_of_field(folder: Path) -> None:
    """Focused on the face its detail is as without depth of field; focused far in front it is blurred in Cycles."""
    session.new_scene(folder, "head.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.cycles.samples, scene.render.resolution_percentage = 64, 20
    lens = scene.camera.data.dof
    lens.aperture_fstop = 0.5
    distance = scene.camera.matrix_world.translation.length
    detail = {}
    for name, used, focus in (("none", False, 1.0), ("face", True, distance - 0.09), ("front", True, 0.5 * distance)):
        lens.use_dof, lens.focus_distance = used, focus
        picture = session.rendered(scene, folder)
        middle = picture[30:70, 35:65, :3].mean(axis=-1)
        detail[name] = float(np.abs(np.diff(middle, axis=1)).mean())
    print(f"mean step between pixels {detail}")
    assert detail["face"] > 0.6 * detail["none"] and detail["front"] < 0.6 * detail["face"]


def _cover(scene: bpy.types.Scene, shown: bpy.types.Object, hidden: bpy.types.Object, folder: Path) -> np.ndarray:
    """Pixels wholly on a cube, without the compositor."""
    hidden.hide_render, scene.render.use_compositing = True, False
    alpha = session.rendered(scene, folder)[..., 3]
    hidden.hide_render, scene.render.use_compositing = False, True
    inside = alpha > 0.999
    for axis in (0, 1):
        inside = inside & np.roll(inside, 1, axis) & np.roll(inside, -1, axis)
    return inside


if __name__ == "__main__":
    session.main(globals())
