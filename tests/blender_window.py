"""The extension in a real window, step by step, with a picture of each: what only a screen can show.

    xvfb-run -s '-screen 0 1400x900x24 +extension GLX' blender --python tests/blender_window.py -- PHOTO FOLDER

Made for Debian's Blender 3.4, the one that is at hand for a screen; the extension itself needs 4.2. What 3.4 lacks is
put in its place here, so its pictures show the extension's own panels and operators, but neither the progress bar nor
drag and drop. Needs xdotool, ImageMagick's import, and PORTRAIT_MANIFOLDS_PYTHON.
"""

import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

ROOT = Path(__file__).parents[1]
PORTRAIT_TAB = (1143, 203)
"""Where the sidebar's tab lies on a screen of 1400 x 900."""
LIMIT_S = 240.0


def adapt_to_older_blender() -> None:
    """Gives Blender 3.4 what the extension takes from later ones."""
    types, props = bpy.types, bpy.props
    types.FileHandler = type("FileHandler", (types.PropertyGroup,), {})
    bpy.utils.register_cli_command = lambda *_: object()
    bpy.utils.unregister_cli_command = lambda *_: None
    types.Material.surface_render_method = props.StringProperty(update=_blend)
    types.Material.use_transparency_overlap = props.BoolProperty()
    types.Mesh.shade_flat = types.Mesh.shade_smooth = lambda self: None
    types.UILayout.progress = lambda self, factor, text: self.label(text=f"{text}, {factor:.0%}", icon="TIME")
    from portrait_manifolds.blender_addon import materials, sheets_mesh

    def interface(tree: bpy.types.NodeTree) -> None:
        for kind, name in (("Color", "Color"), ("Float", "Alpha"), ("Float", "Exposure"), ("Color", "Tint"),
                           ("Float", "Opacity"), ("Float", "Edge Softness")):  # fmt: skip
            socket = tree.inputs.new(f"NodeSocket{kind}", name)
            socket.default_value = (1.0, 1.0, 1.0, 1.0) if kind == "Color" else float(name in {"Alpha", "Opacity"})
            socket.hide_value = name in {"Color", "Alpha"}
        tree.outputs.new("NodeSocketShader", "Shader")

    def fill_mesh(mesh: bpy.types.Mesh, arrays: "sheets_mesh.MeshArrays") -> Iterator:
        uv = arrays.uv
        yield from original(mesh, sheets_mesh.MeshArrays(arrays.points, arrays.faces))
        if uv is not None:
            mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.ravel())

    original, materials._interface = sheets_mesh.fill_mesh, interface
    from portrait_manifolds.blender_addon import native_object, stand_in

    native_object.fill_mesh = stand_in.fill_mesh = fill_mesh


def _blend(material: bpy.types.Material, context: bpy.types.Context) -> None:
    material.blend_method = "BLEND"


def story(photo: Path, folder: Path) -> Iterator[float]:
    """What a user does; yields the seconds to wait."""
    operators, scene = bpy.ops.portrait_manifolds, bpy.context.scene
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    area = next(each for each in bpy.context.window.screen.areas if each.type == "VIEW_3D")
    space = area.spaces[0]
    space.show_region_ui = True
    yield 2.0
    subprocess.run(["xdotool", "mousemove", *map(str, PORTRAIT_TAB), "click", "1"], check=True)
    yield 2.0
    shot(folder, "1_before")
    with bpy.context.temp_override(**window_of(area)):
        print(operators.import_portrait("EXEC_DEFAULT", filepath=str(photo)))
    yield 9.0
    shot(folder, "2_importing")
    yield from until_done()
    with bpy.context.temp_override(**window_of(area)):
        operators.match_photo_camera()
        operators.standard_view()
    space.region_3d.view_perspective, space.shading.type = "CAMERA", "MATERIAL"
    space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = 30.0, (-0.02, 0.17)
    yield 45.0  # without a graphics card shaders take their time
    shot(folder, "3_after")
    with bpy.context.temp_override(**window_of(area)):
        scene.world = bpy.data.worlds.new("evening")
        scene.world.color = (0.75, 0.6, 0.45)
        print(operators.match_light("EXEC_DEFAULT"))
    yield from until_done()
    yield 5.0
    shot(folder, "4_light")
    scene.render.resolution_x, scene.render.resolution_y, scene.frame_end = 960, 720, 48
    with bpy.context.temp_override(**window_of(area)):
        operators.add_rig(type="DOLLY_ZOOM", frame_start=1, frame_end=48)
        print(operators.render_portrait("EXEC_DEFAULT", directory=str(folder / "frames"), samples=1))
    yield 3.0
    shot(folder, "5_rendering")
    operators.cancel()
    yield from until_done()
    with bpy.context.temp_override(**window_of(area)):
        operators.edit_front_view("EXEC_DEFAULT")
    yield from until_done()
    image = next(each for each in bpy.data.images if each.name.endswith("front view"))
    image.pixels[:4] = (0.2, 0.4, 0.8, 1.0)
    with bpy.context.temp_override(**window_of(area)):
        operators.apply_edit("EXEC_DEFAULT")
    yield from until_done()
    scene.render.engine, space.shading.type = "PORTRAIT_MANIFOLDS", "RENDERED"
    space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = 0.0, (0.0, 0.0)
    yield 12.0
    shot(folder, "6_rendered")


def time_operators() -> dict[str, float]:
    """Notes the longest that each operator has held up the window's event loop, in seconds, by its name."""
    from portrait_manifolds.blender_addon.job_operator import JobOperator

    longest: dict[str, float] = {}
    execute, modal = JobOperator.execute, JobOperator.modal

    def timed(operator: JobOperator, call: Callable[[], set[str]]) -> set[str]:
        start = time.monotonic()
        try:
            return call()
        finally:
            longest[operator.bl_label] = max(longest.get(operator.bl_label, 0.0), time.monotonic() - start)

    # Blender counts the arguments of both.
    def timed_execute(self: JobOperator, context: bpy.types.Context) -> set[str]:
        return timed(self, lambda: execute(self, context))

    def timed_modal(self: JobOperator, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return timed(self, lambda: modal(self, context, event))

    JobOperator.execute, JobOperator.modal = timed_execute, timed_modal
    return longest


def until_done() -> Iterator[float]:
    """Waits for the extension's work."""
    from portrait_manifolds.blender_addon.job_operator import running_work

    until_s = time.monotonic() + LIMIT_S
    while (work := running_work()) is not None:
        assert time.monotonic() < until_s, work.stage
        yield 0.1


def window_of(area: bpy.types.Area) -> dict:
    """A context for operators, which timers lack."""
    window = bpy.context.window_manager.windows[0]
    region = next(each for each in area.regions if each.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def shot(folder: Path, name: str) -> None:
    """A picture of the whole screen."""
    subprocess.run(["import", "-window", "root", str(folder / f"{name}.png")], check=True)
    print(name, flush=True)


def main(photo: Path, folder: Path) -> None:
    """Registers the extension and plays the story from a timer."""
    packages = Path(tempfile.mkdtemp(prefix="portrait_window_"))
    (packages / "portrait_manifolds").symlink_to(ROOT)
    sys.path.insert(0, str(packages))
    adapt_to_older_blender()
    from portrait_manifolds import blender_addon

    kept = tuple(cls for cls in blender_addon.CLASSES if not issubclass(cls, bpy.types.FileHandler))
    blender_addon.CLASSES = kept
    longest_s = time_operators()
    blender_addon.register()
    bpy.context.preferences.view.show_splash = False
    steps = story(photo, folder)

    def go_on() -> float | None:
        try:
            wait_s = next(steps, None)
        except BaseException:
            traceback.print_exc()
            shot(folder, "failed")
            os._exit(1)
        if wait_s is None:
            print({label: round(seconds, 3) for label, seconds in longest_s.items()}, flush=True)
            blender_addon.unregister()
            os._exit(0)
        return wait_s

    bpy.app.timers.register(go_on, first_interval=3.0)


if __name__ == "__main__":
    main(*map(Path, sys.argv[sys.argv.index("--") + 1 :][:2]))
