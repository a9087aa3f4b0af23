"""What the render engine and the viewport show of portraits."""

import time
from pathlib import Path
from types import SimpleNamespace

import blender_session as session
import bpy
import numpy as np
from mathutils import Matrix
from render_on_the_side import op_picture

from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.blender_addon import engine
from portrait_manifolds.blender_addon.backend_process import Backend, Job
from portrait_manifolds.blender_addon.cameras import camera_from_blender, view_from_matrices
from portrait_manifolds.blender_addon.live_picture import LivePicture, Wanted
from portrait_manifolds.blender_addon.native_object import raise_transparent_bounces, sheets_of
from portrait_manifolds.blender_addon.pictures import Picture
from portrait_manifolds.blender_addon.viewport import viewport_request

OPERATORS = session.OPERATORS


def check_engine(folder: Path) -> None:
    """F12 and Render Animation with the engine give the renderer's picture; the nearer of two portraits is in front."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.engine = "PORTRAIT_MANIFOLDS"
    scene.portrait_manifolds.samples = 1
    scene.render.resolution_percentage = 20
    scene.camera.data.shift_x, scene.render.pixel_aspect_y = 0.1, 1.25
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    expected = op_picture(folder, folder / "small.portrait", view)
    np.testing.assert_allclose(session.rendered(scene, folder), expected[..., :4], atol=1e-5)
    scene.frame_start, scene.frame_end, scene.render.filepath = 1, 3, str(folder / "film_")
    assert bpy.ops.render.render(animation=True) == {"FINISHED"}
    assert len(list(folder.glob("film_*.exr"))) == 3
    OPERATORS.import_portrait(filepath=str(folder / "small.portrait"))
    second = bpy.context.view_layer.objects.active
    second.location = (0.05, 0.6, 0.0)
    far = session.rendered(scene, folder)
    solid = expected[..., 3] > 0.999
    np.testing.assert_allclose(far[solid], expected[solid][:, :4], atol=5e-3)
    second.location = (0.05, -0.3, 0.0)
    assert np.abs(session.rendered(scene, folder)[solid] - expected[solid][:, :4]).mean() > 0.01
    # Beside each other and turned, one's shoulder before the other's: what Cycles draws of the two by depth.
    second.location, second.rotation_euler = (0.12, 0.02, 0.0), (0.0, 0.0, 0.5)
    two = session.rendered(scene, folder)
    scene.render.engine = "CYCLES"
    difference = session.mean_difference(two, session.rendered(scene, folder))
    print(f"two portraits, to Cycles: {255 * difference:.2f}/255")
    assert difference < 1.0 / 255.0
    assert not engine.failures


def check_looking_away(folder: Path) -> None:
    """A camera that turns past a portrait draws nothing of it and all of the others, in frames and by the engine."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    session.exact_cycles(scene)
    scene.render.engine, scene.render.resolution_percentage = "PORTRAIT_MANIFOLDS", 10
    alone = session.rendered(scene, folder)
    OPERATORS.import_portrait(filepath=str(folder / "small.portrait"))
    behind = bpy.context.view_layer.objects.active
    behind.location.y = -3.0
    np.testing.assert_array_equal(session.rendered(scene, folder), alone)
    behind.location = camera.matrix_world.translation  # around the camera
    np.testing.assert_allclose(session.rendered(scene, folder), alone, atol=1e-6)
    bpy.data.objects.remove(sheets_of(behind))
    bpy.data.objects.remove(behind)
    for frame, turn in ((1, 0.0), (2, np.pi)):
        camera.rotation_euler.z += turn
        camera.keyframe_insert("rotation_euler", frame=frame)
    scene.frame_set(2)
    assert not session.rendered(scene, folder).any()
    bpy.context.view_layer.objects.active = root
    for kind in ("exr", "png"):
        OPERATORS.render_portrait(directory=str(folder / "pan"), frame_start=1, frame_end=2, file_format=kind)
        assert len(list((folder / "pan").glob(f"*.{kind}"))) == 2
    seen = [session.loaded(folder / "pan" / f"frame_000{frame}.png")[..., 3].max() for frame in (1, 2)]
    assert seen[0] > 0.99 and seen[1] == 0.0
    assert not engine.failures


def check_region(folder: Path) -> None:
    """Render Region gives the whole picture's part, cropped or not: the portrait cut, whole in it, and outside it."""
    session.new_scene(folder, "small.portrait")
    scene, render = bpy.context.scene, bpy.context.scene.render
    session.exact_cycles(scene)
    render.engine, scene.portrait_manifolds.samples = "PORTRAIT_MANIFOLDS", 1
    render.resolution_x, render.resolution_y, render.resolution_percentage = 97, 61, 100
    lens = scene.camera.data.lens
    for zoom, shares in ((1.0, (0.3, 0.75, 0.4, 0.9)), (0.2, (0.1, 0.9, 0.2, 0.99)), (0.2, (0.0, 0.2, 0.0, 0.3))):
        scene.camera.data.lens = zoom * lens
        render.use_border = False
        whole = session.rendered(scene, folder)
        render.use_border = True
        render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = shares
        left, right = (int(97 * share) for share in shares[:2])
        bottom, top = (int(61 * share) for share in shares[2:])
        inside = (slice(61 - top, 61 - bottom), slice(left, right))
        alone = np.zeros_like(whole)
        alone[inside] = whole[inside]
        for crop, expected in ((False, alone), (True, whole[inside])):
            render.use_crop_to_border = crop
            np.testing.assert_array_equal(session.rendered(scene, folder), expected)
        assert (alone[..., 3].max() > 0.99) == (shares[0] > 0.0), "seen in the first two"
    assert not engine.failures


def check_hidden(folder: Path) -> None:
    """What is hidden from renders, by its collection, its layer or a key, is hidden from the engine."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.exact_cycles(scene)
    scene.render.engine, scene.render.resolution_percentage = "PORTRAIT_MANIFOLDS", 10
    heads = bpy.data.collections.new("heads")
    scene.collection.children.link(heads)
    for item in (root, sheets_of(root)):
        scene.collection.objects.unlink(item)
        heads.objects.link(item)
    layer = bpy.context.view_layer.layer_collection.children["heads"]

    def covered() -> float:
        return float(session.rendered(scene, folder)[..., 3].max())

    assert covered() > 0.99
    heads.hide_render = True
    assert covered() == 0.0
    heads.hide_render, layer.exclude = False, True
    assert covered() == 0.0
    layer.exclude, layer.indirect_only = False, True
    assert covered() == 0.0, "cameras do not see it"
    layer.indirect_only, heads.hide_viewport = False, True  # of no matter to renders
    assert covered() > 0.99
    heads.hide_viewport = False
    for frame, hidden in ((1, False), (2, True), (3, False)):
        root.hide_render = hidden
        root.keyframe_insert("hide_render", frame=frame)
    scene.frame_start, scene.frame_end, scene.render.filepath = 1, 3, str(folder / "film_")
    assert bpy.ops.render.render(animation=True) == {"FINISHED"}
    film = [session.loaded(folder / f"film_{frame:04d}.exr")[..., 3].max() > 0.99 for frame in (1, 2, 3)]
    assert film == [True, False, True], film
    assert not engine.failures


def check_background_set(folder: Path) -> None:
    """Portraits of a scene's background set are drawn as by Cycles; what needs one of the scene's own says so."""
    root, _ = session.new_scene(folder, "small.portrait")
    film_set, shot = bpy.context.scene, bpy.data.scenes.new("shot")
    shot.background_set, shot.camera, bpy.context.window.scene = film_set, film_set.camera, shot
    shot.render.resolution_x = shot.render.resolution_y = 64
    session.exact_cycles(shot)
    raise_transparent_bounces(shot, root.portrait_manifolds.sheets)
    cycles = session.rendered(shot, folder)
    shot.render.engine, shot.portrait_manifolds.samples = "PORTRAIT_MANIFOLDS", 1
    drawn = session.rendered(shot, folder)
    assert session.mean_difference(drawn, cycles) < 2.0 / 255.0 and drawn[..., 3].mean() > 0.1
    root.hide_render = True
    assert not session.rendered(shot, folder).any()
    reason = session.raised(OPERATORS.render_portrait, directory=str(folder / "frames"))
    assert "small is in the background set Scene: link its collection to shot" in reason, reason


def check_live_picture(folder: Path) -> None:
    """The viewport's picture without its window: asked for once a view, not waited for; errors said, not repeated."""
    root, _ = session.new_scene(folder, "small.portrait")
    bpy.context.view_layer.update()
    place, lens = Matrix.Translation((0.0, -1.2, 0.0)) @ Matrix.Rotation(np.pi / 2, 4, "X"), Matrix.Identity(4)
    lens[0][0], lens[1][1], lens[2][2], lens[2][3], lens[3][2], lens[3][3] = 4.0, 5.0, -1.0, -0.2, -1.0, 0.0
    view = SimpleNamespace(view_matrix=place.inverted(), window_matrix=lens)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    live, size = LivePicture(), (100, 80)
    wanted = viewport_request(depsgraph, view, size)
    assert viewport_request(depsgraph, view, (3200, 1600))[1] == (1600, 800), "large regions are drawn coarser"
    asked: list[str] = []
    original = Backend.request

    def request(self: Backend, method: str, params: dict, what: str) -> Job:
        asked.append(what)
        return original(self, method, params, what)

    Backend.request = request
    start = time.monotonic()
    assert live.follow(wanted) and live.picture is None, "nothing is there yet"
    root.location.x = 0.05
    bpy.context.view_layer.update()
    moved = viewport_request(depsgraph, view, size)
    assert moved != wanted and live.follow(moved), "the first is still under way"
    print(f"asked in {time.monotonic() - start:.3f} s")
    assert len(asked) == 1
    _arrived(live, moved)
    assert len(asked) == 2
    camera, _ = view_from_matrices(view.view_matrix, lens, root, size)
    expected = op_picture(folder, folder / "small.portrait", camera)
    assert live.picture is not None
    np.testing.assert_allclose(_whole(live.picture, size)[::-1], expected[..., :4], atol=1e-5)
    assert expected[..., 3].max() > 0.99 and not live.follow(moved) and not live.problem
    before = live.picture
    (folder / "small.portrait").write_bytes(b"no portrait")
    broken = ([moved[0][0] | {"look": {"opacity": 0.5}}], size)
    _arrived(live, broken)
    count = len(asked)
    assert "small.portrait" in live.problem and not live.follow(broken) and live.problem and len(asked) == count
    assert live.picture is before, "the last picture stays"
    root.hide_set(True)
    assert not live.follow(viewport_request(depsgraph, view, size)) and live.picture is None and not live.problem
    root.hide_set(False)
    heads = bpy.data.collections.new("heads")
    bpy.context.scene.collection.children.link(heads)
    bpy.context.scene.collection.objects.unlink(root)
    heads.objects.link(root)
    bpy.context.view_layer.update()
    assert viewport_request(depsgraph, view, size)[0]
    for name in ("hide_viewport", "exclude"):
        setattr(bpy.context.view_layer.layer_collection.children["heads"], name, True)
        assert not viewport_request(depsgraph, view, size)[0], name
        setattr(bpy.context.view_layer.layer_collection.children["heads"], name, False)
    lens[3][3] = 1.0
    try:
        viewport_request(depsgraph, view, size)
        raise AssertionError("an orthographic view was taken")
    except InputError as error:
        assert "perspective" in str(error)
    Backend.request = original


def _whole(part: Picture, size: tuple[int, int]) -> np.ndarray:
    """[H, W, 4], lowest row first."""
    picture = np.zeros((size[1], size[0], 4), np.float32)
    rows, columns = part.depth.shape
    picture[part.bottom_px : part.bottom_px + rows, part.left_px : part.left_px + columns] = part.rgba
    return picture


def _arrived(live: LivePicture, wanted: Wanted) -> None:
    until_s = time.monotonic() + 60.0
    while live.follow(wanted):
        assert time.monotonic() < until_s
        time.sleep(0.01)


def check_two_eyes(folder: Path) -> None:
    """Stereoscopy is refused with its fix, by the engine, by Set Up Compositing, and by what that has set up."""
    session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("black")
    scene.render.engine, scene.render.resolution_percentage = "PORTRAIT_MANIFOLDS", 10
    render = {"write_still": True}
    scene.render.filepath, scene.render.use_multiview = str(folder / "two.png"), True
    assert "switch Stereoscopy off" in session.raised(bpy.ops.render.render, **render)
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    assert "switch Stereoscopy off" in session.raised(OPERATORS.setup_compositing)
    scene.render.use_multiview = False
    assert OPERATORS.setup_compositing() == {"FINISHED"}
    scene.render.use_multiview = True
    engine.failures.clear()
    try:
        bpy.ops.render.render(**render)
    except RuntimeError as error:
        assert "Stereoscopy" in str(error)
    assert engine.failures and all("switch Stereoscopy off" in failure for failure in engine.failures)
    engine.failures.clear()  # the check's own, so that the process ends well


def check_engine_failures(folder: Path) -> None:
    """Blender says FINISHED whatever an engine does; the failure is kept, and the command line ends with its reason."""
    session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    scene.render.engine = "PORTRAIT_MANIFOLDS"
    (folder / "small.portrait").unlink()
    scene.render.filepath = str(folder / "failed.png")
    try:
        bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        assert "is gone" in str(error)
    assert len(engine.failures) == 1 and "choose it anew" in engine.failures[0]
    engine.failures.clear()  # the check's own, so that the process ends well


if __name__ == "__main__":
    session.main(globals())
