"""The extension in a real window, step by step: what only a screen can show.

    blender --factory-startup --python tests/blender_window.py -- ZIP PHOTO FOLDER [light]

on a screen of 1400 x 900, in Blender 4.2 or later, with PORTRAIT_MANIFOLDS_PYTHON and BLENDER_USER_RESOURCES set;
`make window-pictures` does all of it on a virtual screen. Installs ZIP, plays a session of PHOTO, saves a picture of
the screen at each point, and prints what it has found: the undo key before and after, and by kind of work how long the
window stood still. Needs xdotool and ImageMagick's import. Ends with 0 only if all went as it should.
"""

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

MODULE = "bl_ext.user_default.portrait_manifolds"
LIMIT_S = 300.0
TICK_S = 0.02
found: dict[str, object] = {}


class Gaps:
    """The longest that the window's event loop has not come round, by kind of work."""

    def __init__(self) -> None:
        self.label = ""
        self._last = (time.monotonic(), time.thread_time())
        bpy.app.timers.register(self._tick, first_interval=TICK_S)

    def _tick(self) -> float:
        """`own`: processor time of Blender's main thread alone, which a busy machine does not stretch."""
        now = (time.monotonic(), time.thread_time())
        if self.label:
            worst: Any = found.setdefault(f"longest gap, {self.label}", {"s": 0.0, "own_s": 0.0})
            for name, late, early in zip(("s", "own_s"), now, self._last, strict=True):
                worst[name] = max(worst[name], round(late - early, 3))
        self._last = now
        return TICK_S


class Session:
    """Blender's window as its user has it."""

    def __init__(self, photo: Path, folder: Path) -> None:
        self.photo, self.folder, self.gaps = photo, folder, Gaps()
        self.operators = bpy.ops.portrait_manifolds
        self.drawn = 0
        bpy.types.SpaceView3D.draw_handler_add(self._count, (), "WINDOW", "POST_PIXEL")

    def _count(self) -> None:
        self.drawn += 1

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[0]

    @property
    def area(self) -> bpy.types.Area:
        """The 3D viewport, the largest area."""
        return max(self.window.screen.areas, key=lambda area: area.width * area.height)

    def ask(self, operator: Callable, how: str = "EXEC_DEFAULT", **arguments: Any) -> None:
        """Calls an operator as a button in the viewport would: undo counts it."""
        area = self.area
        region = next(each for each in area.regions if each.type == "WINDOW")
        with bpy.context.temp_override(window=self.window, area=area, region=region):
            operator(how, True, **arguments)

    def work(self, label: str, operator: Callable, **arguments: Any) -> Iterator[float]:
        """Calls an operator and waits until its work is done, taking the time of gaps."""
        yield 1.0
        print(label, flush=True)
        self.gaps.label = label
        start = time.monotonic()
        self.ask(operator, **arguments)
        while (work := running_work()) is not None:
            assert time.monotonic() < start + LIMIT_S, work.stage
            yield 0.05
        found[f"seconds, {label}"] = round(time.monotonic() - start, 2)
        yield 0.5  # what Blender does after it, undo's step for one, counts
        self.gaps.label = ""

    def redrawn(self, times: int = 2) -> Iterator[float]:
        """Waits until the viewport has been drawn again and its shaders are compiled."""
        until_s, drawn = time.monotonic() + LIMIT_S, self.drawn
        while self.drawn < drawn + times or bpy.app.is_job_running("SHADER_COMPILATION"):
            assert time.monotonic() < until_s, "the viewport is not drawn"
            self.area.tag_redraw()
            yield 0.2

    def key(self, keys: str) -> Iterator[float]:
        """Presses keys over the viewport."""
        area = self.area
        place = area.x + area.width // 3, self.window.height - area.y - area.height // 2
        subprocess.run(["xdotool", "mousemove", *map(str, place)], check=True)
        yield 0.5
        subprocess.run(["xdotool", "key", keys], check=True)
        yield 2.0

    def shot(self, name: str) -> None:
        """A picture of the whole screen."""
        subprocess.run(["import", "-window", "root", str(self.folder / f"{name}.png")], check=True)
        print(name, flush=True)


def running_work() -> Any:
    """The extension's work under way, or None."""
    return module("job_operator").running_work()


def module(name: str) -> ModuleType:
    """A module of the installed extension."""
    return sys.modules[f"{MODULE}.blender_addon.{name}"]


def portraits() -> list[bpy.types.Object]:
    return module("native_object").portraits(bpy.context.scene)


def story(session: Session) -> Iterator[float]:
    """What a user does; yields the seconds to wait."""
    operators = session.operators
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    space = session.area.spaces.active
    space.show_region_ui, space.show_gizmo = True, False
    yield 1.0
    sidebar = next(region for region in session.area.regions if region.type == "UI")
    sidebar.active_panel_category = "Portrait"
    yield from session.redrawn()
    session.shot("1_before")

    # As dropping a file on the viewport does: the file handler's operator, invoked with the path.
    session.gaps.label = "import of a photograph, viewport shown"
    handler = bpy.types.PORTRAIT_MANIFOLDS_FH_portrait
    assert session.photo.suffix in handler.bl_file_extensions.split(";")
    drop = getattr(operators, handler.bl_import_operator.partition(".")[2])
    session.ask(drop, "INVOKE_DEFAULT", filepath=str(session.photo))
    while running_work().stage != "making the portrait":
        yield 0.02
    yield 0.2
    session.shot("2_importing")
    while running_work() is not None:
        yield 0.05
    yield 0.5
    session.gaps.label = ""
    assert len(portraits()) == 1
    yield from undone(session, "import", lambda: len(portraits()))

    session.ask(operators.match_photo_camera)
    session.ask(operators.standard_view)
    # Measured without the viewport: to draw hundreds of thousands of faces takes a processor long.
    session.area.type = "TEXT_EDITOR"
    yield from session.work("Set Up Compositing", operators.setup_compositing)
    session.ask(bpy.ops.ed.undo)
    yield 1.0
    yield from session.work("Edit Front View", operators.edit_front_view)
    root = portraits()[0]
    paint(root.portrait_manifolds.edited_image)
    session.ask(bpy.ops.ed.undo_push, message="Paint")
    yield from session.work("Apply Edit", operators.apply_edit)
    assert " edit 1" in portraits()[0].portrait_manifolds.filepath
    yield from undone(session, "Apply Edit", lambda: Path(portraits()[0].portrait_manifolds.filepath).name)
    file = portraits()[0].portrait_manifolds.filepath
    yield from session.work("import of a .portrait", operators.import_portrait, filepath=file)
    second = portraits()[1]
    bpy.data.batch_remove([second, *second.children_recursive])

    session.area.type = "VIEW_3D"
    space = session.area.spaces.active
    space.region_3d.view_perspective, space.shading.type = "CAMERA", "MATERIAL"
    space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = 30.0, (-0.02, 0.17)
    # Blender draws a camera's background image over see-through surfaces: what is shown is to be the portrait.
    bpy.context.scene.camera.data.show_background_images = False
    session.gaps.label = "first drawing of the material (Blender's upload and shaders)"
    yield from session.redrawn(4)
    session.gaps.label = ""
    session.shot("3_after")

    space.shading.type = "WIREFRAME"
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.frame_end = 1920, 1440, 240
    portraits()[0].select_set(True)
    bpy.context.view_layer.objects.active = portraits()[0]
    session.ask(operators.add_rig, type="DOLLY_ZOOM", frame_start=1, frame_end=240)
    yield 1.0
    frames = str(session.folder / "frames")
    session.ask(operators.render_portrait, directory=frames, samples=1)
    while not running_work().stage.startswith("frame_"):
        yield 0.02
    yield 1.0
    session.shot("4_rendering")
    operators.cancel()
    while running_work() is not None:
        yield 0.05
    scene.render.resolution_percentage = 50
    space = session.area.spaces.active
    scene.render.engine, space.shading.type = "PORTRAIT_MANIFOLDS", "RENDERED"
    space.region_3d.view_perspective = "CAMERA"
    space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = 0.0, (0.0, 0.0)
    yield 3.0
    yield from session.redrawn(4)
    session.shot("5_rendered")

    nobody = session.folder / "nobody.png"
    image = bpy.data.images.new("nobody", 512, 512)
    image.filepath_raw, image.file_format = str(nobody), "PNG"
    image.save()
    session.ask(operators.import_portrait, filepath=str(nobody))
    while running_work() is not None:
        yield 0.05
    yield 1.0
    session.shot("6_no_face")
    yield from session.key("Escape")

    preferences = bpy.context.preferences
    preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Portrait"
    session.ask(operators.check_backend)
    session.area.type = "PREFERENCES"
    yield 1.0
    bpy.ops.preferences.addon_expand(module=MODULE)
    yield 8.0
    session.area.tag_redraw()
    yield 2.0
    session.shot("7_preferences")


def light(session: Session) -> Iterator[float]:
    """Match Light, which is Blender's own render job: Mesa's software OpenGL may end Blender (GLXBadContext) where the
    viewport is drawn beside one, so it never is here."""
    session.area.type = "TEXT_EDITOR"
    operators = session.operators
    for item in list(bpy.data.objects):  # the head would stand in the dark, within the cube
        bpy.data.objects.remove(item)
    yield from session.work(
        "import of a photograph, no viewport", operators.import_portrait, filepath=str(session.photo)
    )
    session.ask(operators.match_photo_camera)
    world = bpy.data.worlds.new("evening")
    world.color = (0.75, 0.6, 0.45)
    bpy.context.scene.world = world
    yield from session.work("Match Light", operators.match_light)
    material = module("native_object").sheets_of(portraits()[0]).active_material
    look = {socket.name: socket.default_value for socket in module("materials").look_sockets(material)}
    found["exposure, tint"] = [round(look["Exposure"], 2), *(round(value, 2) for value in look["Tint"][:3])]
    assert look["Exposure"] < -0.1 and look["Tint"][0] == 1.0 > look["Tint"][2], "a dim warm sky"


def undone(session: Session, what: str, state: Callable[[], object]) -> Iterator[float]:
    """Presses the keys of undo and redo after work, and notes the state before, between and after."""
    states = [state()]
    for keys in ("ctrl+z", "ctrl+shift+z"):
        yield from session.key(keys)
        states.append(state())
    found[f"{what}, undone, redone"] = states
    assert states[0] == states[2] != states[1], states


def paint(image: bpy.types.Image) -> None:
    """Two blue strokes on the cheeks of the front view of scikit-image's astronaut."""
    width, height = image.size
    pixels = list(image.pixels[:])
    for left in (0.383, 0.478):
        for row in range(int(0.765 * height), int(0.775 * height)):
            for column in range(int(left * width), int((left + 0.027) * width)):
                pixels[4 * (row * width + column) : 4 * (row * width + column) + 3] = (0.1, 0.2, 0.8)
    image.pixels[:] = pixels


def main(package: str, photo: str, folder: str, which: str = "story") -> None:
    """Installs the extension and plays the story from a timer."""
    bpy.context.preferences.view.show_splash = False
    bpy.ops.extensions.package_install_files(
        filepath=package, repo="user_default", enable_on_install=True, overwrite=True
    )
    session = Session(Path(photo), Path(folder))
    steps = light(session) if which == "light" else story(session)

    def go_on() -> float | None:
        try:
            wait_s = next(steps, None)
        except BaseException:
            traceback.print_exc()
            session.shot("failed")
            leave(1)
        if wait_s is None:
            leave(0)
        return wait_s

    def leave(code: int) -> None:
        print(json.dumps(found, indent=1), flush=True)
        bpy.ops.preferences.addon_disable(module=MODULE)
        os._exit(code)

    bpy.app.timers.register(go_on, first_interval=3.0)


if __name__ == "__main__":
    main(*sys.argv[sys.argv.index("--") + 1 :])
