"""Blender's cameras and the backend's describe the same pictures; rigs move as they say."""

import itertools
import json
import struct
from dataclasses import replace
from pathlib import Path

import blender_session as session
import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from render_on_the_side import op_picture

from portrait_manifolds.backend.camera import Camera, load_cameras
from portrait_manifolds.backend.conventions import PORTRAIT_TO_BLENDER
from portrait_manifolds.blender_addon.cameras import (
    beyond_promise,
    camera_from_blender,
    render_size,
    sample_animation,
    set_blender_camera,
    set_render_size,
)
from portrait_manifolds.blender_addon.keyframes import fcurve
from portrait_manifolds.blender_addon.photo_camera import head_view, photo_view
from portrait_manifolds.blender_addon.steps import finished


def check_round_trip(folder: Path) -> None:
    """Over sensor fit, shape, pixel aspect, shift and percentage: as bpy_extras projects, and back again."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    points = np.random.default_rng(0).uniform(-0.1, 0.1, (8, 3))
    shapes = ((640, 360), (360, 640), (500, 500))
    aspects = ((1.0, 1.0), (1.5, 1.0), (1.0, 1.3))
    shifts = ((0.0, 0.0), (0.12, -0.2))
    fits = ("AUTO", "HORIZONTAL", "VERTICAL")
    count = 0
    for fit, shape, aspect, shift, percent in itertools.product(fits, shapes, aspects, shifts, (100, 50)):
        render, data = scene.render, camera.data
        render.resolution_x, render.resolution_y, render.resolution_percentage = *shape, percent
        render.pixel_aspect_x, render.pixel_aspect_y = aspect
        data.sensor_fit, data.sensor_width, data.sensor_height, data.lens = fit, 32.0, 18.0, 70.0
        data.shift_x, data.shift_y = shift
        depsgraph = bpy.context.evaluated_depsgraph_get()
        view, _ = camera_from_blender(camera, root, depsgraph)
        pixels, depth = view.project(points)
        for point, pixel, distance in zip(points, pixels, depth, strict=True):
            x, y, z = world_to_camera_view(scene, camera, Vector(PORTRAIT_TO_BLENDER @ point))
            expected = np.array([x, 1.0 - y]) * (view.width_px, view.height_px)
            np.testing.assert_allclose(pixel, expected, atol=2e-3)
            assert abs(z - distance) < 1e-5
        assert (view.width_px, view.height_px) == render_size(scene)
        set_blender_camera(camera, view)
        set_render_size(scene, view)
        bpy.context.view_layer.update()
        again, _ = camera_from_blender(camera, root, bpy.context.evaluated_depsgraph_get())
        for name in ("fx_px", "fy_px", "cx_px", "cy_px"):
            assert abs(getattr(again, name) - getattr(view, name)) < 2e-3, (fit, shape, aspect, shift, percent, name)
        np.testing.assert_allclose(again.camera_to_world, view.camera_to_world, atol=1e-5)
        count += 1
    assert count == 108


def check_refused(folder: Path) -> None:
    """Cameras and portraits that the backend cannot draw say so."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    frames = {"directory": str(folder / "refused"), "frame_start": 1, "frame_end": 1}
    scene.camera.data.type = "ORTHO"
    assert "not perspective" in session.raised(session.OPERATORS.render_portrait, **frames)
    scene.camera.data.type = "PERSP"
    root.scale = (1.0, 2.0, 1.0)
    assert "scaled unevenly" in session.raised(session.OPERATORS.render_portrait, **frames)
    root.scale = (-1.0, -1.0, -1.0)
    assert "mirrored" in session.raised(session.OPERATORS.render_portrait, **frames)
    root.scale = (1.0, 1.0, 1.0)
    parent = bpy.data.objects.new("uneven", None)
    scene.collection.objects.link(parent)
    camera, parent.scale = scene.camera, (1.0, 1.0, 3.0)
    camera.scale.x = -1.0
    assert f"{camera.name} is mirrored" in session.raised(session.OPERATORS.render_portrait, **frames)
    camera.scale, camera.parent, camera.rotation_euler.x = (1.0, 1.0, 1.0), parent, camera.rotation_euler.x + 0.4
    assert f"{camera.name} is mirrored or sheared" in session.raised(session.OPERATORS.render_portrait, **frames)
    camera.parent = root
    for first, last in ((-5, -3), (-20, 40), (0, -2)):
        asked = {"frame_start": first, "frame_end": last}
        assert "from 0 on" in session.raised(session.OPERATORS.render_portrait, **(frames | asked))
        assert "from 0 on" in session.raised(session.OPERATORS.add_rig, **asked)
    scene.camera = None
    assert "no camera" in session.raised(session.OPERATORS.render_portrait, **frames)
    assert not (folder / "refused").exists()


def check_photo_camera(folder: Path) -> None:
    """Match Photo Camera stands where the photograph was taken, on its pixels, also when the portrait was moved."""
    root, portrait = session.new_scene(folder, "small.portrait")
    root.location, root.scale = (3.0, 1.0, 2.0), (0.5, 0.5, 0.5)
    root.rotation_euler = (0.2, 0.3, 2.0)
    session.OPERATORS.match_photo_camera()
    bpy.context.view_layer.update()
    scene = bpy.context.scene
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    photo = portrait.input_camera
    assert (view.width_px, view.height_px) == (photo.width_px, photo.height_px)
    np.testing.assert_allclose(view.camera_to_world, photo.camera_to_world, atol=1e-5)
    np.testing.assert_allclose((view.fx_px, view.cx_px, view.cy_px), (photo.fx_px, photo.cx_px, photo.cy_px), atol=1e-2)
    assert not beyond_promise(view, photo) and beyond_promise(photo.orbited(60), photo)
    assert len([item for item in scene.objects if item.type == "CAMERA"]) == 1, "found again, not added"
    # Under a controller, with or without a matrix between it and its child.
    controller = bpy.data.objects.new("controller", None)
    scene.collection.objects.link(controller)
    controller.parent, controller.location, controller.rotation_euler = root, (0.2, 0.0, 0.1), (0.0, 0.3, 0.0)
    for between in (Matrix(), Matrix.Translation((0.0, 1.0, 0.0))):
        scene.camera.parent, scene.camera.matrix_parent_inverse = controller, between
        session.OPERATORS.match_photo_camera()
        bpy.context.view_layer.update()
        view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
        np.testing.assert_allclose(view.camera_to_world, photo.camera_to_world, atol=1e-5)


def check_photo_behind(folder: Path) -> None:
    """The photograph lies upright behind the picture however EXIF has it turned; what cannot be shown is not kept.

    Backgrounds of the artist's own stay.
    """
    root, _ = session.new_scene(folder, "small.portrait")
    camera, view = bpy.context.scene.camera, replace(photo_view(root), width_px=480, height_px=640)
    root.portrait_manifolds.input_camera = json.dumps(view.to_dict())
    width, height = 48, 64  # scaled
    upright = np.zeros((height, width, 4), np.float32)
    upright[..., 3], upright[: height // 2, : width // 2, 0], upright[height // 2 :, width // 2 :, 1] = 1.0, 1.0, 1.0
    stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.swapaxes(0, 1)}
    stored |= {6: np.rot90(upright), 7: upright[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(upright, -1)}
    for orientation, pixels in stored.items():
        for order in "<>":
            path = folder / f"{orientation}{ord(order)}.jpg"
            _save_jpeg(path, pixels, orientation, order)
            root.portrait_manifolds.photo = str(path)
            for _ in range(2):
                assert session.OPERATORS.match_photo_camera() == {"FINISHED"}
            (background,) = camera.data.background_images
            assert tuple(background.image.size) == (width, height), orientation
            shown = np.array(background.image.pixels[:]).reshape(height, width, 4)[::-1]
            assert np.abs(shown - upright).mean() < 0.05, orientation
    assert len([image for image in bpy.data.images if "upright" in image.name]) == 1, "the last one"
    camera.data.background_images.clear()
    _save_jpeg(folder / "square.jpg", upright[:width, :width], 1, "<")
    (folder / "moving.gif").write_bytes(b"GIF89a")
    (folder / "other.avif").write_bytes(b"no picture")
    images = set(bpy.data.images)
    for name in ("square.jpg", "moving.gif", "other.avif"):
        root.portrait_manifolds.photo = str(folder / name)
        assert session.OPERATORS.match_photo_camera() == {"FINISHED"}
        assert not camera.data.background_images and set(bpy.data.images) <= images, name
    plate, reference = (camera.data.background_images.new() for _ in range(2))
    plate.source, reference.image = "MOVIE_CLIP", bpy.data.images.new("reference", 8, 8)
    for name, shown in (("162.jpg", 3), ("160.jpg", 3), ("660.jpg", 3), ("square.jpg", 2)):
        root.portrait_manifolds.photo = str(folder / name)
        assert session.OPERATORS.match_photo_camera() == {"FINISHED"}
        left = [(background.source, background.image) for background in camera.data.background_images]
        assert len(left) == shown and left[:2] == [("MOVIE_CLIP", None), ("IMAGE", reference.image)], (name, left)


def _save_jpeg(path: Path, pixels: np.ndarray, orientation: int, order: str) -> None:
    """Pixels [H, W, 4] as a JPEG whose EXIF data, in a byte order, say how it is to be turned."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(path.name, width, height)
    image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1]).ravel())
    image.filepath_raw, image.file_format = str(path), "JPEG"
    image.save()
    bpy.data.images.remove(image)
    tags = (0x010F, 2, 1, 0), (0x0112, 3, 1, orientation)
    exif = b"II*\0" if order == "<" else b"MM\0*"
    exif += struct.pack(f"{order}IH", 8, len(tags)) + b"".join(struct.pack(f"{order}HHIHH", *tag, 0) for tag in tags)
    data = path.read_bytes()
    segment = b"Exif\0\0" + exif
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment + data[2:])


def check_rigs(folder: Path) -> None:
    """Orbit and swing follow the backend's paths; push-in nears; every rig has keys; parameters rewrite them."""
    from portrait_manifolds.backend.frames.camera_paths import orbit, swing

    root, _ = session.new_scene(folder, "small.portrait")
    scene, photo = bpy.context.scene, photo_view(bpy.context.view_layer.objects.active)
    scene.render.resolution_x, scene.render.resolution_y = 96, 64
    for kind, path in (("ORBIT", orbit), ("SWING", swing)):
        assert session.OPERATORS.add_rig(type=kind, framing="PHOTO", frame_start=5, frame_end=28) == {"FINISHED"}
        pivot = scene.camera.parent
        assert fcurve(pivot, "rotation_euler", 2) is not None
        pivot.portrait_rig.yaw_deg = 20.0
        arguments = {"yaw_deg": 20.0} | ({"pitch_deg": 12.0} if kind == "ORBIT" else {})
        for frame, expected in enumerate(path(photo, 24, **arguments), start=5):
            view = _view(scene, root, frame)
            np.testing.assert_allclose(view.camera_to_world, expected.camera_to_world, atol=2e-5)
    session.OPERATORS.add_rig(type="PUSH_IN", framing="PHOTO", frame_start=1, frame_end=10)
    corners = np.array([(0.5, 0.5, 1.0), (photo.width_px, photo.height_px, 1.0)])  # the photograph's, in its pixels
    inverse = np.linalg.inv([[photo.fx_px, 0, photo.cx_px], [0, photo.fy_px, photo.cy_px], [0, 0, 1.0]])
    rays = (corners @ inverse.T * (1, -1, -1)) @ photo.camera_to_world[:3, :3].T
    pixels = _view(scene, root, 1).project(photo.position_m + rays)[0]
    assert pixels.min() >= -0.01 and (pixels <= np.array([96, 64]) + 0.01).all(), "the whole photograph is inside"
    first, last = (np.linalg.norm(_view(scene, root, frame).position_m) for frame in (1, 10))
    assert abs(last / first - 0.6) < 1e-4
    session.OPERATORS.add_rig(type="HANDHELD", frame_start=1, frame_end=40)
    places = np.stack([_view(scene, root, frame).position_m for frame in range(1, 41)])
    assert 0.002 < places.std(axis=0).max() < 0.05
    before = places[7]
    scene.camera.parent.portrait_rig.seed = 3
    assert np.abs(_view(scene, root, 8).position_m - before).max() > 1e-4
    assert "a later end" in session.raised(session.OPERATORS.add_rig, type="ORBIT", frame_start=9, frame_end=9)
    pivot = scene.camera.parent
    pivot.portrait_rig.frame_start = 50
    assert "from frame 50 to 40" in pivot.portrait_rig.problem
    assert fcurve(scene.camera, "rotation_euler", 0).keyframe_points[0].co.x == 1.0, "the rig stays as it was"
    pivot.portrait_rig.frame_end = 60
    assert not pivot.portrait_rig.problem
    # Under a controller the rig still knows its portrait, beside another camera its own.
    controller, other = bpy.data.objects.new("a", None), bpy.data.objects.new("a", bpy.data.cameras.new("a"))
    for item in (controller, other):
        scene.collection.objects.link(item)
    controller.parent, pivot.parent, other.parent = root, controller, pivot
    pivot.portrait_rig.framing, pivot.portrait_rig.type = "PHOTO", "DOLLY_ZOOM"
    assert not pivot.portrait_rig.problem and scene.camera.data.animation_data.drivers
    assert other.data.animation_data is None
    # A photograph from 5 cm: what fails leaves no rig behind.
    inside = np.array(photo.camera_to_world)
    inside[:3, 3] *= 0.05 / np.linalg.norm(photo.position_m)
    root.portrait_manifolds.input_camera = json.dumps(replace(photo, camera_to_world=inside).to_dict())
    objects, camera = set(bpy.data.objects), scene.camera
    assert "behind the camera" in session.raised(session.OPERATORS.add_rig, type="DOLLY_ZOOM", framing="PHOTO")
    assert set(bpy.data.objects) == objects and scene.camera == camera


def check_shared_action(folder: Path) -> None:
    """The lens' keys lie in the camera's own action where actions have slots: a rig writes its own and leaves those."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.OPERATORS.add_rig(type="SWING", frame_start=1, frame_end=20)
    camera, rig = scene.camera, scene.camera.parent.portrait_rig
    for kind in ("DOLLY_ZOOM", "PUSH_IN", "HANDHELD"):
        camera.data.dof.keyframe_insert("focus_distance", frame=1)
        rig.type = kind
        assert not rig.problem
        places = [np.linalg.norm(_view(scene, root, frame).position_m) for frame in (1, 20)]
        assert (abs(places[0] - places[1]) > 0.1) == (kind != "HANDHELD"), (kind, "keys of the rig before are gone")
        assert len(fcurve(camera.data, "dof.focus_distance", 0).keyframe_points) == 1


def check_linked_duplicate(folder: Path) -> None:
    """Another kind of rig for a linked duplicate leaves the original its keys and its lens, and the other way round."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    session.OPERATORS.add_rig(type="DOLLY_ZOOM", frame_start=1, frame_end=20)
    original = scene.camera
    before = [(_view(scene, root, frame), original.data.lens) for frame in (1, 8, 20)]
    for item in scene.objects:
        item.select_set(item in {original, original.parent})
    bpy.ops.object.duplicate(linked=True)
    twin = next(item for item in bpy.context.selected_objects if item.type == "CAMERA")
    assert twin.data == original.data and twin.parent != original.parent
    twin.parent.portrait_rig.type = "SWING"
    assert not twin.parent.portrait_rig.problem and fcurve(twin, "location", 2) is None
    for frame, (view, lens) in zip((1, 8, 20), before, strict=True):
        again = _view(scene, root, frame)
        assert again == view and original.data.lens == lens, frame
        assert abs(twin.data.lens - before[0][1]) < 1e-4
    scene.camera = twin
    swings = [_view(scene, root, frame) for frame in (6, 16)]
    original.parent.portrait_rig.type = "PUSH_IN"
    assert swings == [_view(scene, root, frame) for frame in (6, 16)]
    twin.parent.portrait_rig.yaw_deg = 10.0
    assert swings != [_view(scene, root, frame) for frame in (6, 16)]


def check_hidden_in_viewports(folder: Path) -> None:
    """Hidden from viewports, by itself or by its layer, a portrait moves in Render Portrait as it does in renders."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    place = camera.matrix_world.copy()
    camera.parent, camera.matrix_world = None, place
    heads = bpy.data.collections.new("heads")
    scene.collection.children.link(heads)
    for item in (root, *root.children_recursive):
        scene.collection.objects.unlink(item)
        heads.objects.link(item)
    for frame, x in ((1, 0.0), (3, 0.1)):
        root.location.x = x
        root.keyframe_insert("location", frame=frame)
    scene.frame_set(1)
    layer, objects = bpy.context.view_layer.layer_collection.children["heads"], set(bpy.data.objects)
    expected = np.array([0.0, -0.1])
    scene.frame_end = 3
    for item, name in ((root, None), (heads, "hide_viewport"), (layer, "hide_viewport"), (layer, "exclude")):
        if name:
            setattr(item, name, True)
        path = folder / "moved.json"
        session.OPERATORS.export(filepath=str(path))
        across = np.array([view.position_m[0] for view in load_cameras(path)])
        np.testing.assert_allclose((across - across[0])[[0, 2]], expected, atol=1e-5, err_msg=str((item, name)))
        if name:
            setattr(item, name, False)
        assert set(bpy.data.objects) == objects and scene.frame_current == 1
    for item in (root, *root.children_recursive):
        item.hide_viewport = True
    frames = {"directory": str(folder / "hidden"), "frame_start": 1, "frame_end": 3, "file_format": "png"}
    assert session.OPERATORS.render_portrait(**frames) == {"FINISHED"}
    middles = []
    for frame in (1, 3):
        alpha = session.loaded(folder / "hidden" / f"frame_000{frame}.png")[..., 3]
        middles.append(np.flatnonzero((alpha > 0.5).any(axis=0)).mean())
    assert middles[1] > middles[0] + 20.0 and set(bpy.data.objects) == objects


def check_another_scene(folder: Path) -> None:
    """Cameras are read of the scene that was asked for, though the window shows another one meanwhile."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene, window = bpy.context.scene, bpy.context.window
    session.OPERATORS.add_rig(type="SWING", frame_start=1, frame_end=20)
    expected = finished(sample_animation(scene, root, range(1, 6)))
    empty, copy = bpy.data.scenes.new("empty"), scene.copy()  # the copy has the portrait and the camera, at frame 1
    for other in (empty, copy):
        steps = sample_animation(scene, root, range(1, 6))
        next(steps)
        window.scene = other
        assert finished(steps) == expected, other.name
        window.scene = scene


def check_framing(folder: Path) -> None:
    """Whatever the picture's shape, a rig starts upright on the head, which fills most of the smaller side."""
    root, portrait = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    for width, height in ((160, 90), (90, 160), (120, 120)):
        scene.render.resolution_x, scene.render.resolution_y = width, height
        session.OPERATORS.add_rig(type="DOLLY_ZOOM", frame_start=1, frame_end=9)
        view = _view(scene, root, 1)
        np.testing.assert_allclose(view.position_m, portrait.input_camera.position_m, atol=1e-4)
        assert abs(view.camera_to_world[1, 0]) < 1e-6, "upright"
        assert abs(view.cx_px - width / 2) < 1e-3 and abs(view.cy_px - height / 2) < 1e-3, "no shift"
        middle, _ = view.project(np.zeros(3))
        assert (np.abs(middle / (width, height) - 0.5) < 0.12).all(), middle
        shown = op_picture(folder, folder / "small.portrait", view)[..., 3] > 0.5
        rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
        assert 0 < rows[0] < 0.2 * height + 0.5 * max(0, height - width), "the crown is inside, near the top"
        assert np.ptp(columns) > 0.45 * min(width, height)
    for aspect in ((1.46, 1.0), (1.0, 2.0)):  # pixels that are not square: the same picture, no more, no less
        render = scene.render
        render.resolution_x, render.resolution_y = (round(800 / side) for side in aspect)
        render.pixel_aspect_x, render.pixel_aspect_y = aspect
        for framing in ("HEAD", "PHOTO"):
            session.OPERATORS.add_rig(type="DOLLY_ZOOM", framing=framing, frame_start=1, frame_end=9)
            view = _view(scene, root, 1)
            whole = head_view(root, 800, 800) if framing == "HEAD" else portrait.input_camera.resized(800, 800)
            assert abs(view.fov_deg / whole.fov_deg - 1.0) < 2e-3, (aspect, framing, view.fov_deg, whole.fov_deg)
            assert abs(scene.camera.parent.portrait_rig.fov_start_deg / view.fov_deg - 1.0) < 1e-4
            across = [2.0 * np.arctan(0.5 * each.width_px / each.fx_px) for each in (view, whole)]
            assert abs(across[0] / across[1] - 1.0) < 2e-3
    render.resolution_x = render.resolution_y = 120
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    rig = scene.camera.parent.portrait_rig
    rig.framing = "HEAD"
    rig.framing = "PHOTO"
    photo = portrait.input_camera.resized(120, 120)
    assert abs(_view(scene, root, 1).fov_deg - photo.fov_deg) < 1e-3
    scene.camera.parent.parent = None
    rig.framing = "HEAD"
    assert "has lost its portrait" in rig.problem


def check_dolly_zoom(folder: Path) -> None:
    """What is at the locked depth keeps its size, in the drawn frames too, while the distance shrinks."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 256
    session.OPERATORS.add_rig(type="DOLLY_ZOOM", frame_start=1, frame_end=9)
    rig = scene.camera.parent.portrait_rig
    rig.subject_depth_m = 0.0
    points = np.array([[0.07, 0.0, 0.0], [-0.07, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, -0.1, 0.0]])
    scene.frame_set(5)
    scene.camera.location.z *= 1.2  # keys that the user moves by hand
    scene.camera.keyframe_insert("location", index=2, frame=5)
    views = [_view(scene, root, frame) for frame in (1, 3, 5, 9)]
    distances = [np.linalg.norm(view.position_m) for view in views]
    assert distances[0] > 2.4 * distances[-1]
    for view in views[1:]:
        np.testing.assert_allclose(view.project(points)[0], views[0].project(points)[0], atol=0.02)
    # Drawn: across the eyes' height the ears lie near the locked depth, so the head's width holds within some pixels,
    # where distance alone would have made it 2.5 times as wide.
    widths = []
    for view in views:
        row = int(view.project(np.zeros(3))[0][1])
        alpha = op_picture(folder, folder / "small.portrait", view)[row, :, 3]
        widths.append(np.count_nonzero(alpha > 0.5))
    print("widths in pixels:", widths, "distances:", np.round(distances, 3))
    assert max(widths) / min(widths) < 1.12
    rig.fov_end_deg = 120.0
    assert "inside the head" in rig.problem
    scene.render.engine = "CYCLES"
    scene.frame_start, scene.frame_end = 1, 9
    session.OPERATORS.export(filepath=str(folder / "Kamera weg.json"))
    assert len(load_cameras(folder / "Kamera weg.json")) == 9


def _view(scene: bpy.types.Scene, root: bpy.types.Object, frame: int) -> Camera:
    scene.frame_set(frame)
    return camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())[0]


if __name__ == "__main__":
    session.main(globals())
