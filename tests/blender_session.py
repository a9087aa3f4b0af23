"""A fresh Blender with the add-on, for the scripts that tests run in processes of their own.

    python blender_NAME.py CHECK FOLDER

runs the script's function `check_CHECK(folder)`. `import bpy` changes a process for good, so pytest's never does it.
"""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from portrait_manifolds import blender_addon
from portrait_manifolds.backend.conventions import linear_to_srgb, srgb_to_linear
from portrait_manifolds.backend.portrait import Portrait

OPERATORS = bpy.ops.portrait_manifolds


def sky(scene: bpy.types.Scene, colour: tuple, strength: float) -> None:
    world = scene.world
    if world.node_tree is None:
        world.use_nodes = True
    background = next((node for node in world.node_tree.nodes if node.type == "BACKGROUND"), None)
    if background is None:
        background = world.node_tree.nodes.new("ShaderNodeBackground")
        output = world.node_tree.nodes.new("ShaderNodeOutputWorld")
        world.node_tree.links.new(background.outputs[0], output.inputs[0])
    background.inputs[0].default_value, background.inputs[1].default_value = (*colour, 1.0), strength


def glowing_cube(name: str, place: tuple, size: float, colour: tuple) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=place)
    cube = bpy.context.object
    cube.name = name
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    emission, output = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    emission.inputs[0].default_value = (*colour, 1.0)
    tree.links.new(emission.outputs[0], output.inputs[0])
    cube.data.materials.append(material)
    return cube


def main(checks: dict) -> None:
    """Runs one check and ends the process with 0 or 1."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    try:
        checks[f"check_{name}"](folder)
        blender_addon.unregister()
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # bpy 4.2.0 crashes at exit once a property group with update callbacks was registered


def new_scene(folder: Path, name: str = "head.portrait") -> tuple[bpy.types.Object, object]:
    """An empty scene with the portrait, seen by the photograph's camera; returns its empty and the portrait read."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert OPERATORS.import_portrait(filepath=str(folder / name)) == {"FINISHED"}
    assert OPERATORS.match_photo_camera() == {"FINISHED"}
    root = bpy.context.view_layer.objects.active
    return root, Portrait.load(folder / name)


def exact_cycles(scene: bpy.types.Scene) -> None:
    """One sample at each pixel's centre: what Cycles then draws is exact. Transparent bounces are the add-on's work."""
    scene.world = scene.world or bpy.data.worlds.new("black")
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling, cycles.max_bounces = 1, False, False, 0
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 0.01
    scene.render.film_transparent, scene.render.dither_intensity = True, 0.0
    scene.view_settings.view_transform = "Standard"


def rendered(scene: bpy.types.Scene, folder: Path) -> np.ndarray:
    """What F12 gives, [H, W, 4] linear light, premultiplied, first row at the top."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.filepath = str(folder / "rendered.exr")
    assert bpy.ops.render.render(write_still=True) == {"FINISHED"}
    return loaded(folder / "rendered.exr")


def loaded(path: Path) -> np.ndarray:
    """An EXR's pixels, [H, W, 4], first row at the top."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    """The renderer's straight sRGB to linear, premultiplied."""
    return np.concatenate([srgb_to_linear(rgba[..., :3]) * rgba[..., 3:], rgba[..., 3:]], axis=-1)


def mean_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over all pixels and channels of the difference of two premultiplied linear pictures, sRGB-encoded, 0..1."""
    encoded = (np.concatenate([linear_to_srgb(np.clip(x[..., :3], 0, 1)), x[..., 3:]], axis=-1) for x in (a, b))
    first, second = encoded
    return float(np.abs(first - second).mean())


def raised(call: Callable, **arguments: object) -> str:
    """The reason with which an operator fails; fails itself if it does not."""
    try:
        result = call(**arguments)
    except RuntimeError as error:
        return str(error)
    raise AssertionError(f"no failure, but {result}")
