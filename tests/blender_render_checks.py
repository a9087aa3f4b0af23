"""What the backend draws and makes for Blender, and what happens when it is stopped."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import blender_session as session
import bpy
import numpy as np
from render_on_the_side import op_picture

from portrait_manifolds.backend.errors import ProcessingError
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.blender_addon import engine
from portrait_manifolds.blender_addon.backend_process import Cancelled, backend
from portrait_manifolds.blender_addon.cameras import camera_from_blender
from portrait_manifolds.blender_addon.native_object import portrait_path, sheets_of

OPERATORS = session.OPERATORS


def check_frames(folder: Path) -> None:
    """Render Portrait draws what the renderer draws, at the scene's size, and completes a folder it finds."""
    root, _ = session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 128, 96, 50
    OPERATORS.add_rig(type="SWING", frame_start=3, frame_end=6)
    frames = folder / "Bilder ä"
    arguments = {"directory": str(frames), "frame_start": 3, "frame_end": 6, "samples": 1}
    assert OPERATORS.render_portrait(**arguments) == {"FINISHED"}
    assert sorted(path.name for path in frames.glob("*.exr")) == [f"frame_{k:04d}.exr" for k in range(3, 7)]
    scene.frame_set(4)
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    expected = op_picture(folder, folder / "small.portrait", view)
    (frames / "frame_0005.exr").unlink()
    os.utime(frames / "frame_0004.exr", (1, 1))
    assert OPERATORS.render_portrait(**arguments) == {"FINISHED"}
    assert (frames / "frame_0004.exr").stat().st_mtime == 1 and (frames / "frame_0005.exr").is_file()
    assert scene.frame_current == 4
    assert OPERATORS.render_portrait(**(arguments | {"file_format": "png"})) == {"FINISHED"}
    drawn = session.loaded(frames / "frame_0004.png")  # 8 bits, straight, sRGB-encoded
    assert drawn.shape == (48, 64, 4)
    np.testing.assert_allclose(session.premultiplied(drawn), expected[..., :4], atol=1.2 / 255.0)
    reason = session.raised(OPERATORS.render_portrait, **(arguments | {"directory": str(folder / "small.portrait")}))
    assert "is a file" in reason


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
    assert not engine.failures


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
    try:
        engine.raise_failures()
    except ProcessingError:
        engine.clear_failures()
    assert not engine.failures


def check_cancel_and_death(folder: Path) -> None:
    """A cancelled render keeps whole frames; a killed backend is noticed, and the next request starts another."""
    _, portrait = session.new_scene(folder, "head.portrait")
    view = portrait.input_camera.resized(512, 512).to_dict()
    params = {
        "portrait": str(folder / "head.portrait"),
        "cameras": [view] * 400,
        "directory": str(folder / "many"),
        "format": "png",
    }
    for stage_fraction in (0.0, 0.01):
        job = backend().request("frames", params, "Render")
        while job.fraction < stage_fraction:
            assert not job.poll()
            job.rest()
        job.cancel()
        try:
            job.wait()
            raise AssertionError("not cancelled")
        except Cancelled:
            pass
        assert backend().alive
    frames = list((folder / "many").glob("*.png"))
    assert 0 < len(frames) < 400 and not list((folder / "many").glob(".*"))
    for path in frames:
        assert session.loaded(path).shape == (512, 512, 4)
    process = backend().request("hello", {}, "Hello").wait()["process"]
    job = backend().request("frames", params | {"directory": str(folder / "killed")}, "Render")
    os.kill(process, signal.SIGKILL)
    start = time.monotonic()
    try:
        job.wait()
        raise AssertionError("death not noticed")
    except ProcessingError as error:
        assert "stopped unexpectedly" in str(error) and "try again" in str(error)
    assert time.monotonic() - start < 5.0
    assert backend().request("hello", {}, "Hello").wait()["process"] != process


def check_killed_import(folder: Path) -> None:
    """The backend killed while a photograph is imported: said, nothing left behind, and the next import works."""
    photo = folder / "small.png"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "Szene.blend"))
    image = bpy.data.images.new("small", 64, 64)  # large enough to be looked at for a face, which takes a second
    image.filepath_raw, image.file_format = str(photo), "PNG"
    image.save()
    process = backend().request("hello", {}, "Hello").wait()["process"]
    threading.Timer(0.3, os.kill, (process, signal.SIGKILL)).start()
    reason = session.raised(OPERATORS.import_portrait, filepath=str(photo))
    assert "stopped unexpectedly" in reason and "try again" in reason, reason
    assert not list(folder.glob("small*.portrait.*")) and not (folder / "small_2.portrait").exists()
    assert not [item for item in bpy.data.objects if item.portrait_manifolds.role == "PORTRAIT"]
    assert OPERATORS.import_portrait(filepath=str(folder / "small.portrait")) == {"FINISHED"}
    assert backend().request("hello", {}, "Hello").wait()["process"] != process


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
    seen = Portrait.load(portrait_path(root)).render(camera)[0][row - 4 : row + 4, column - 4 : column + 4]
    assert seen[..., 1].mean() > 0.9 and seen[..., 0].mean() < 0.1, seen.mean((0, 1))
    assert bpy.data.meshes.get(mesh.name) is mesh  # for undo


def check_export(folder: Path) -> None:
    """Every ending writes its file; others are refused."""
    session.new_scene(folder, "small.portrait")
    bpy.context.scene.frame_end = 3
    for name in ("Kopf ä.glb", "Kopf ä.ply", "Kopf ä.portrait", "Kopf ä.json"):
        assert OPERATORS.export(filepath=str(folder / name)) == {"FINISHED"}
        assert (folder / name).stat().st_size > 1000
    assert len(json.loads((folder / "Kopf ä.json").read_text())) == 3
    assert "end the name in" in session.raised(OPERATORS.export, filepath=str(folder / "head.obj"))
    assert "another folder" in session.raised(OPERATORS.export, filepath=str(folder / "none" / "x.portrait"))


def check_photograph(folder: Path) -> None:
    """A photograph becomes an object that lies on it from its camera, and that Cycles draws as the backend does."""
    photo = folder / "Astro naut ü.png"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "Szene.blend"))
    job = backend().request(
        "command", {"arguments": ["reconstruct", str(photo), "-o", str(folder / "no.portrait")]}, ""
    )
    while job.fraction < 0.1:
        assert not job.poll()
        job.rest()
    job.cancel()
    try:
        job.wait()
        raise AssertionError("not cancelled")
    except Cancelled:
        assert not (folder / "no.portrait").exists()
    start = time.monotonic()
    assert OPERATORS.import_portrait(filepath=str(photo), texture_size=256) == {"FINISHED"}
    print(f"imported in {time.monotonic() - start:.1f} s")
    assert OPERATORS.match_photo_camera() == {"FINISHED"}
    root, scene = bpy.context.view_layer.objects.active, bpy.context.scene
    assert root.portrait_manifolds.filepath == "//Astro naut ü.portrait"
    assert root.portrait_manifolds.photo == "//Astro naut ü.png"
    background = scene.camera.data.background_images[0].image
    assert tuple(background.size) == (scene.render.resolution_x, scene.render.resolution_y) == (512, 512)
    session.exact_cycles(scene)
    drawn = session.rendered(scene, folder)
    view, _ = camera_from_blender(scene.camera, root, bpy.context.evaluated_depsgraph_get())
    expected = op_picture(folder, folder / "Astro naut ü.portrait", view)
    # The head only: at the chest the sheets are so steep that rays graze them, and mesh and march differ at the edge.
    head = slice(0, 180)
    difference = session.mean_difference(drawn[head], expected[head, :, :4])
    on_photo = drawn[..., 3] > 0.98
    on_photo[180:] = False
    photograph = session.premultiplied(session.loaded(photo))
    print(f"to the op {255 * difference:.3f}/255 on {on_photo.sum()} pixels")
    assert difference < 1.0 / 255.0 and on_photo.sum() > 4000
    to_photo = session.mean_difference(drawn[on_photo][None], photograph[on_photo][None])
    print(f"to the face in the photograph {255 * to_photo:.1f}/255")
    assert to_photo < 0.04


if __name__ == "__main__":
    session.main(globals())
