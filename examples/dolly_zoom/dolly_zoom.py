"""A photograph, its portrait and a dolly zoom keyframed in Blender: film, stills, scene, and Cycles' view of a frame.

Usage: python dolly_zoom.py [FOLDER [PHOTO or HEAD.portrait]]     (by default scikit-image's astronaut, public domain)

The same steps by hand: File > Import > Portrait, Match Photo Camera, Dolly Zoom, Render Portrait.
"""

import sys
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from portrait_manifolds import blender_addon
from portrait_manifolds.backend.camera import load_cameras
from portrait_manifolds.backend.conventions import linear_to_srgb, srgb_to_linear
from portrait_manifolds.backend.frames.animation import render_film
from portrait_manifolds.backend.made.example_portrait import example_portrait
from portrait_manifolds.backend.outputs.contact_sheet import save_contact_sheet
from portrait_manifolds.backend.outputs.png import save_png


def main(folder: Path, source: Path | None = None, width_px: int = 640, height_px: int = 480, frames: int = 48) -> None:
    head = folder / "head.portrait"
    portrait = example_portrait(source)
    portrait.save(head)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    build_scene(head, width_px, height_px, frames)
    bpy.ops.wm.save_as_mainfile(filepath=str((folder / "dolly_zoom.blend").absolute()))

    # The backend's frames, as the panel's Render Portrait makes them; and a film of the same cameras.
    stills = (1, frames // 2, frames)
    for frame in stills:
        bpy.ops.portrait_manifolds.render_portrait(
            directory=str(folder / "stills"), frame_start=frame, frame_end=frame, file_format="png"
        )
    bpy.ops.portrait_manifolds.export(filepath=str(folder / "cameras.json"))
    cameras = load_cameras(folder / "cameras.json")
    render_film(portrait, cameras, folder / "dolly_zoom.mp4", fps=24)

    # Cycles draws the same frame from the mesh in the scene.
    middle = stills[1]
    rendered = cycles_frame(middle, folder / "cycles.exr")
    expected, _ = portrait.render(cameras[middle - 1])
    over_grey = [0.5 * (1.0 - alpha) + colour for colour, alpha in (rendered, premultiplied(expected))]
    difference = np.abs(np.subtract(*(linear_to_srgb(np.clip(picture, 0.0, 1.0)) for picture in over_grey))).mean()
    save_png(folder / "cycles.png", straight(*rendered), provenance=portrait.provenance)
    print(f"Cycles and the backend differ by {255.0 * difference:.2f}/255 on average at frame {middle}.")
    blender_addon.unregister()
    drawn = [*sorted((folder / "stills").glob("*.png")), folder / "cycles.png"]
    save_contact_sheet(folder / "dolly_zoom.jpg", [[half_size(picture) for picture in drawn]])
    print(folder / "dolly_zoom.mp4", folder / "dolly_zoom.jpg", sep="\n")


def half_size(path: Path) -> np.ndarray:
    """A picture file at half its size, RGBA [H, W, 4] in 0..1."""
    with Image.open(path) as picture:
        return np.asarray(picture.reduce(2), np.float32) / 255.0


def build_scene(head: Path, width_px: int, height_px: int, frames: int) -> None:
    """The portrait, and a camera whose lens widens as it nears; the face keeps its size."""
    operators, scene = bpy.ops.portrait_manifolds, bpy.context.scene
    operators.import_portrait(filepath=str(head.absolute()))
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.resolution_x, scene.render.resolution_y = width_px, height_px
    operators.add_rig(type="DOLLY_ZOOM")
    operators.standard_view()


def cycles_frame(frame: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The native object in Cycles: premultiplied linear colour [H, W, 3] and alpha [H, W, 1]."""
    scene = bpy.context.scene
    scene.frame_set(frame)
    scene.world = bpy.data.worlds.new("black")
    scene.render.engine, scene.render.film_transparent, scene.render.dither_intensity = "CYCLES", True, 0.0
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 1, False, False
    scene.cycles.max_bounces, scene.cycles.filter_width = 0, 0.01
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.filepath = str(path.absolute())
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path.absolute()))
    width_px, height_px = image.size
    pixels = np.empty(4 * width_px * height_px, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height_px, width_px, 4)[::-1]
    return pixels[..., :3], pixels[..., 3:]


def premultiplied(rgba: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Straight sRGB [H, W, 4] as `cycles_frame` gives it."""
    return srgb_to_linear(rgba[..., :3]) * rgba[..., 3:], rgba[..., 3:]


def straight(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The inverse: straight sRGB [H, W, 4]."""
    return np.concatenate([linear_to_srgb(np.clip(colour / np.maximum(alpha, 1e-6), 0.0, 1.0)), alpha], axis=-1)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3] or ["out/dolly_zoom"]))
