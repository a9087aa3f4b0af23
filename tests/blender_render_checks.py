"""What the backend draws and makes for Blender, and what happens when it is stopped."""

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import blender_session as session
import bpy
import numpy as np
from render_on_the_side import op_picture

from portrait_manifolds.backend.errors import ProcessingError
from portrait_manifolds.blender_addon import backend_process
from portrait_manifolds.blender_addon.backend_process import Backend, Cancelled, backend
from portrait_manifolds.blender_addon.cameras import camera_from_blender
from portrait_manifolds.blender_addon.headless import render_file

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
    scene.frame_step = 2  # as Render Animation does
    stepped = arguments | {"directory": str(folder / "stepped"), "file_format": "png"}
    assert OPERATORS.render_portrait(**stepped) == {"FINISHED"}
    assert sorted(path.name for path in (folder / "stepped").glob("*")) == ["frame_0003.png", "frame_0005.png"]
    for number in (3, 5):
        name = f"frame_{number:04d}.png"
        np.testing.assert_array_equal(session.loaded(folder / "stepped" / name), session.loaded(frames / name))
    scene.frame_step = 0
    reason = session.raised(OPERATORS.render_portrait, **(arguments | {"directory": str(folder / "small.portrait")}))
    assert "is a file" in reason
    scene.portrait_manifolds.directory = ""
    assert "choose one" in session.raised(OPERATORS.render_portrait)


def check_one_backend(folder: Path) -> None:
    """The viewport's thread and a render's may ask at once: one process is started, and ended it leaves no pipe."""
    started: list[Backend] = []
    original = Backend.__init__

    def slow(self: Backend, *arguments: object) -> None:
        started.append(self)
        time.sleep(0.3)  # the other thread has come by then
        original(self, *arguments)

    backend_process.stop_backend()
    Backend.__init__ = slow
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: backend(), range(2))
    Backend.__init__ = original
    assert first is second and started == [first]
    assert first.request("hello", {}, "Hello").wait()["process"] == first._process.pid
    first.end()
    until_s = time.monotonic() + 10.0
    while not (first._requests.closed and first._answers.closed):
        assert time.monotonic() < until_s, "the pipes stay open"
        time.sleep(0.01)
    assert backend() is not first and backend().alive


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


def check_another_python(folder: Path) -> None:
    """A Python that does not run the backend is named with its fix; then the right one works."""
    session.new_scene(folder, "small.portrait")
    frame = {"directory": str(folder / "frames"), "frame_start": 1, "frame_end": 1}
    right = os.environ[backend_process.PYTHON_VARIABLE]
    for line, said in (("exit 3", "exit code 3"), ("echo No such module >&2", "No such module")):
        script = folder / "python.sh"
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
        os.environ[backend_process.PYTHON_VARIABLE] = str(script)
        reason = session.raised(OPERATORS.render_portrait, **frame)
        assert f"python.sh does not run the backend ({said}): set it up in the add-on's preferences" in reason, reason
        backend_process.stop_backend()
    os.environ[backend_process.PYTHON_VARIABLE] = right
    assert OPERATORS.render_portrait(**frame) == {"FINISHED"}


def check_command(folder: Path) -> None:
    """The command draws the portrait that is named, else the active or only one; of several it names them."""
    session.new_scene(folder, "small.portrait")
    bpy.context.scene.render.resolution_percentage = 5
    blend, frame = folder / "Szene.blend", folder / "frames" / "frame_0001.png"

    def run(*options: str) -> tuple[int, str]:
        frame.unlink(missing_ok=True)
        arguments = [str(blend), "--output", str(frame.parent), "--format", "png", "--first", "1", "--last", "1"]
        with redirect_stderr(StringIO()) as said:
            return render_file([*arguments, *options]), said.getvalue()

    bpy.context.view_layer.objects.active = None
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    assert run() == (0, "") and session.loaded(frame)[..., 3].max() > 0.9, "the only one"
    OPERATORS.import_portrait(filepath=str(folder / "wide.portrait"))
    bpy.context.view_layer.objects.active.location.x = 5.0  # out of the picture
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    assert run() == (0, "") and session.loaded(frame)[..., 3].max() == 0.0, "the active one"
    assert run("--portrait", "small") == (0, "") and session.loaded(frame)[..., 3].max() > 0.9
    bpy.context.view_layer.objects.active = None
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    code, reason = run()
    assert code == 2 and "2 portraits: give --portrait one of small, wide." in reason and not frame.exists()
    code, reason = run("--portrait", "Small")
    assert code == 2 and "no portrait Small: give --portrait one of small, wide." in reason


def check_export(folder: Path) -> None:
    """Every ending writes its file; others are refused."""
    session.new_scene(folder, "small.portrait")
    bpy.context.scene.frame_end = 3
    for name in ("Kopf ä.glb", "Kopf ä.ply", "Kopf ä.portrait", "Kopf ä.json"):
        assert OPERATORS.export(filepath=str(folder / name)) == {"FINISHED"}
        assert (folder / name).stat().st_size > 500
    assert len(json.loads((folder / "Kopf ä.json").read_text())) == 3
    assert "end the name in" in session.raised(OPERATORS.export, filepath=str(folder / "head.obj"))
    for ending in (".portrait", ".json", ".glb"):
        unwritable = str(folder / "small.portrait" / f"x{ending}")  # in a file instead of a folder
        assert "choose a folder" in session.raised(OPERATORS.export, filepath=unwritable)


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
