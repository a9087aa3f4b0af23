"""Run by test_exports.py in a process of its own: imports a GLB as a user does and renders it in Cycles.

    python blender_render_glb.py PORTRAIT.glb CAMERAS.json OUT.npy

CAMERAS.json holds a list of N cameras in portrait space. OUT.npy gets [2, N, H, W, 4] float32, linear light,
premultiplied: as imported, and with the sheets' backs hidden, since Cycles ignores a material's backface culling.
"""

import json
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from portrait_manifolds.backend.conventions import PORTRAIT_TO_BLENDER


def main(glb: str, cameras_path: str, out: str) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=glb)
    assert all(material.use_backface_culling for material in bpy.data.materials)
    scene = bpy.context.scene
    _exact_cycles(scene)
    cameras = json.loads(Path(cameras_path).read_text())
    as_imported = [render(scene, camera) for camera in cameras]
    for material in bpy.data.materials:
        hide_backs(material)
    np.save(out, np.stack([as_imported, [render(scene, camera) for camera in cameras]]))


def render(scene: bpy.types.Scene, camera: dict) -> np.ndarray:
    """[H, W, 4] linear premultiplied."""
    width, height = camera["width_px"], camera["height_px"]
    scene.render.resolution_x, scene.render.resolution_y = width, height
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
    data.lens = camera["fx_px"] / width * 36.0
    data.shift_x = 0.5 - camera["cx_px"] / width
    data.shift_y = (camera["cy_px"] - 0.5 * height) / width
    data.clip_start, data.clip_end = 0.01, 100.0
    pose = np.array(camera["camera_to_world"])
    pose[:3] = PORTRAIT_TO_BLENDER @ pose[:3]
    scene.camera = bpy.data.objects.new("camera", data)
    scene.camera.matrix_world = Matrix(pose.tolist())
    scene.collection.objects.link(scene.camera)
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "frame.exr")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def hide_backs(material: bpy.types.Material) -> None:
    """Puts Mix(surface, Transparent) by Geometry > Backfacing before the output."""
    tree = material.node_tree
    output = tree.get_output_node("CYCLES")
    surface = output.inputs["Surface"].links[0].from_socket
    mix, clear = tree.nodes.new("ShaderNodeMixShader"), tree.nodes.new("ShaderNodeBsdfTransparent")
    tree.links.new(tree.nodes.new("ShaderNodeNewGeometry").outputs["Backfacing"], mix.inputs[0])
    tree.links.new(surface, mix.inputs[1])
    tree.links.new(clear.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])


def _exact_cycles(scene: bpy.types.Scene) -> None:
    """Settings with which Cycles composites stacked transparent layers exactly."""
    scene.world = bpy.data.worlds.new("black")
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = 1, False, False
    cycles.max_bounces, cycles.transparent_max_bounces, cycles.min_transparent_bounces = 0, 64, 64
    cycles.pixel_filter_type, cycles.filter_width = "BLACKMAN_HARRIS", 0.01  # the pixel's centre
    scene.render.film_transparent, scene.render.dither_intensity = True, 0.0
    scene.view_settings.view_transform = "Standard"
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"


if __name__ == "__main__":
    main(*sys.argv[1:4])
