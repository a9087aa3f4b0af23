"""A head in a room of Blender's: behind a rail, before a wall, its shadow on it, all put together by depth.

Usage: python composite_over_scene.py [FOLDER [PHOTO or HEAD.portrait]]

The same by hand: File > Import > Portrait, Match Photo Camera, Set Up Compositing, F12.
"""

import sys
from math import pi, radians
from pathlib import Path

import bpy
from PIL import Image

from portrait_manifolds import blender_addon
from portrait_manifolds.backend.made.example_portrait import example_portrait
from portrait_manifolds.blender_addon.cameras import set_blender_camera


def main(
    folder: Path, source: Path | None = None, width_px: int = 800, height_px: int = 600, samples: int = 48
) -> None:
    head = folder / "head.portrait"
    portrait = example_portrait(source)
    portrait.save(head)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    operators = bpy.ops.portrait_manifolds
    operators.import_portrait(filepath=str(head.absolute()))
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = width_px, height_px
    scene.view_settings.view_transform = "Standard"
    root = bpy.context.view_layer.objects.active
    operators.match_photo_camera()
    set_blender_camera(scene.camera, portrait.camera(width_px, height_px).orbited(18.0, 4.0))
    build_room()
    bpy.context.view_layer.objects.active = root
    operators.setup_compositing()

    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = samples, False
    scene.render.filepath = str((folder / "composite.png").absolute())
    bpy.ops.wm.save_as_mainfile(filepath=str((folder / "composite.blend").absolute()))
    bpy.ops.render.render(write_still=True)
    blender_addon.unregister()
    with Image.open(folder / "composite.png") as picture:
        picture.convert("RGB").save(folder / "composite_over_scene.jpg", quality=88)
    print(folder / "composite.blend", folder / "composite_over_scene.jpg", sep="\n")


def build_room() -> None:
    """A wall, a rail before the chest, a lamp's globe behind a shoulder, and a lamp; z is up, the face looks to -y."""
    add, colours = bpy.ops.mesh, {"wall": (0.12, 0.22, 0.24), "rail": (0.30, 0.10, 0.04), "globe": (0.9, 0.55, 0.2)}
    add.primitive_plane_add(size=4.0, location=(0.0, 0.45, 0.0), rotation=(pi / 2, 0.0, 0.0))
    give(bpy.context.object, colours["wall"])
    for height_m in (-0.17, -0.21):
        add.primitive_cylinder_add(
            radius=0.012, depth=2.0, location=(0.0, -0.22, height_m), rotation=(0.0, pi / 2, 0.0)
        )
        give(bpy.context.object, colours["rail"])
    add.primitive_uv_sphere_add(radius=0.07, location=(-0.17, 0.25, 0.05))
    bpy.ops.object.shade_smooth()
    give(bpy.context.object, colours["globe"], glow=1.0)
    bpy.ops.object.light_add(type="AREA", location=(0.9, -0.9, 0.9), rotation=(radians(55), 0.0, radians(45)))
    bpy.context.object.data.energy, bpy.context.object.data.size = 25.0, 0.2
    world = bpy.context.scene.world = bpy.data.worlds.new("dim")
    world.color = (0.05, 0.05, 0.06)


def give(thing: bpy.types.Object, colour: tuple[float, float, float], glow: float = 0.0) -> None:
    """A plain material of linear `colour`."""
    material = bpy.data.materials.new(thing.name)
    if material.node_tree is None:
        material.use_nodes = True
    surface = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    surface.inputs["Base Color"].default_value = (*colour, 1.0)
    surface.inputs["Emission Color"].default_value = (*colour, 1.0)
    surface.inputs["Emission Strength"].default_value = glow
    thing.data.materials.append(material)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3] or ["out/composite_over_scene"]))
