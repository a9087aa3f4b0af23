"""Cancelled in every stage of every kind of work: said, nothing half made left behind, and the backend still there."""

import time
from collections.abc import Callable
from pathlib import Path

import blender_session as session
import bpy

from portrait_manifolds import blender_addon
from portrait_manifolds.blender_addon import job_operator
from portrait_manifolds.blender_addon.backend_process import backend
from portrait_manifolds.blender_addon.steps import REST_S, Step, Steps, Work

OPERATORS = session.OPERATORS
BUILDING = ("unfolding the sheets", "packing the textures", "building the mesh", "putting it into the scene")


def check_import(folder: Path) -> None:
    """Reading and building a .portrait: no data block stays, and the next import works."""
    before = _data()
    for stage in BUILDING:
        _cancelled_at(stage, OPERATORS.import_portrait, filepath=str(folder / "small.portrait"))
        assert _data() == before, stage
    assert OPERATORS.import_portrait(filepath=str(folder / "small.portrait")) == {"FINISHED"}


def check_photograph(folder: Path) -> None:
    """Finding the face, running the networks, painting, building: no .portrait and no object stays."""
    photo = folder / "Astro naut ü.png"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "Szene.blend"))
    before = _data()
    for stage in ("finding the face", "making the portrait", "painting the sheets"):
        _cancelled_at(stage, OPERATORS.import_portrait, filepath=str(photo), texture_size=256)
        assert _data() == before and not list(folder.glob("*Astro*.portrait")), stage
    _cancelled_at("building the mesh", OPERATORS.import_portrait, filepath=str(photo), texture_size=256)
    assert _data() == before and not list(folder.glob("*Astro*.portrait"))
    assert backend().request("hello", {}, "Hello").wait(), "the next request is answered"


def check_frames(folder: Path) -> None:
    """While the scene is read its frame comes back; while frames are drawn the finished ones stay whole."""
    session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    scene.render.resolution_percentage = 50
    OPERATORS.add_rig(type="SWING", frame_start=1, frame_end=60)
    frames = folder / "Bilder"
    arguments = {"directory": str(frames), "frame_start": 1, "frame_end": 60, "file_format": "png"}
    scene.frame_set(7)
    _cancelled_at("reading the scene", OPERATORS.render_portrait, **arguments)
    assert scene.frame_current == 7 and not frames.exists()
    _cancelled_at("frame_0004", OPERATORS.render_portrait, **arguments)
    drawn = sorted(frames.iterdir())
    assert [path.name for path in drawn[:3]] == [f"frame_{number:04d}.png" for number in (1, 2, 3)]
    assert len(drawn) < 60 and all(session.loaded(path).shape[2] == 4 for path in drawn)


def check_edit_and_export(folder: Path) -> None:
    """An edit keeps the old sheets; an export leaves no half a file; compositing leaves the scene as it was."""
    root, _ = session.new_scene(folder, "small.portrait")
    OPERATORS.edit_front_view()
    image = root.portrait_manifolds.edited_image
    image.pixels[0] = 0.5  # painted on
    before, filepath = _data(), root.portrait_manifolds.filepath
    for stage in ("saving the painted view", "starting", *BUILDING):
        _cancelled_at(stage, OPERATORS.apply_edit)
        assert _data() == before and root.portrait_manifolds.filepath == filepath, stage
        assert not list(folder.glob("small edit*")), stage
    for name, stage in (("x.json", "reading the scene"), ("x.glb", "starting"), ("x.ply", "starting")):
        _cancelled_at(stage, OPERATORS.export, filepath=str(folder / name))
        # The backend may be done before it hears of it: then the file is whole. There is never a half one.
        assert not list(folder.glob(".x*")) and (name != "x.json" or not (folder / name).exists()), name
    _cancelled_at("reading the portrait", OPERATORS.setup_compositing)
    _cancelled_at("reading the portrait", OPERATORS.match_light)
    assert _data() == before and bpy.context.scene.portrait_manifolds.drawn_by is None


def check_disabled(folder: Path) -> None:
    """The add-on disabled while work goes on in a window: the work ends, and enabled again there is none under way."""
    ended = []

    def steps() -> Steps[None]:
        try:
            while True:
                yield Step(0.5, "working", waits=True)
        finally:
            ended.append(True)

    work, window = Work("Work", steps()), bpy.context.window
    work.advance(0.0)
    job_operator._running[work] = bpy.context.window_manager.event_timer_add(1.0, window=window)
    assert "under way" in session.raised(OPERATORS.import_portrait, filepath=str(folder / "small.portrait"))
    blender_addon.unregister()
    assert ended and job_operator.running_work() is None
    blender_addon.register()
    assert OPERATORS.import_portrait(filepath=str(folder / "small.portrait")) == {"FINISHED"}


def _cancelled_at(stage: str, operator: Callable, **arguments: object) -> None:
    """Runs an operator and cancels it, as Esc does, when it says `stage`; fails if it gets past or never there."""
    reached = False

    def run(work: Work) -> None:
        nonlocal reached
        while not work.advance(0.0):  # a step at a time
            if not reached and work.stage.startswith(stage):
                work.cancel()
                reached = True
            if work.waits:
                time.sleep(REST_S)

    original, Work.run = Work.run, run
    try:
        reason = session.raised(operator, **arguments)
    finally:
        Work.run = original
    assert reached and reason.strip().endswith("was cancelled."), (stage, reason)


def _data() -> dict[str, list[str]]:
    """Names of all data blocks that the add-on makes."""
    kinds = ("objects", "meshes", "materials", "images", "scenes", "collections")
    return {kind: sorted(item.name for item in getattr(bpy.data, kind)) for kind in kinds}


if __name__ == "__main__":
    session.main(globals())
