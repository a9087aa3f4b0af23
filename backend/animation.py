"""Draws a list of cameras: to a film, or to a folder of frames that a later run completes."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import progress
from .atomic import atomic_path
from .camera import Camera
from .errors import InputError
from .outputs.exr import save_exr
from .outputs.mp4 import Mp4Writer, over_background
from .outputs.png import save_png
from .portrait import Portrait

SETTINGS_FILE = "frames.json"

Draw = Callable[[Portrait, Sequence[Camera], int, tuple[float, float, float]], Iterator[np.ndarray]]
"""What makes a film's frames of a portrait, cameras, samples and background: [H, W, 3] uint8 sRGB, in order."""


def draw_frames(
    portrait: Portrait, cameras: Sequence[Camera], samples: int, background: tuple[float, float, float]
) -> Iterator[np.ndarray]:
    """The frames one after another, in this process."""
    colour = np.asarray(background, np.float32)
    for camera in tqdm(cameras, "frames", disable=None):
        yield over_background(portrait.render(camera, samples)[0], colour)


def render_film(
    portrait: Portrait,
    cameras: Sequence[Camera],
    path: Path,
    fps: float,
    samples: int = 2,
    background: tuple[float, float, float] = (0.5, 0.5, 0.5),
    draw: Draw = draw_frames,
) -> None:
    """H.264 MP4 over `background` (sRGB); InputError if the cameras differ in size or fps is not positive."""
    sizes = {(camera.width_px, camera.height_px) for camera in cameras}
    if len(sizes) != 1:
        raise InputError("The path's cameras differ in size: give one with --size.")
    width_px, height_px = sizes.pop()
    with Mp4Writer(path, width_px, height_px, fps, provenance=portrait.provenance) as film:
        for pixels in draw(portrait, cameras, samples, background):
            film.write_pixels(pixels)


def render_frames(
    portrait: Portrait,
    cameras: Sequence[Camera],
    folder: Path,
    kind: str,
    samples: int = 2,
    first_frame: int = 1,
    depth_scale: float = 1.0,
) -> list[Path]:
    """frame_0001.png (or .exr) and so on, each whole or absent; frames of the same portrait and camera are kept.

    `depth_scale` is what a metre of the portrait is in the units that depth is wanted in (a scaled portrait's scene).
    What made each frame is noted beside them; a frame whose note differs is drawn again. Returns the frames' paths.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: name a folder for the frames.")
    names = [f"frame_{index:04d}.{kind}" for index in range(first_frame, first_frame + len(cameras))]
    notes = dict(zip(names, _frame_notes(portrait, cameras, f"{samples} {depth_scale}"), strict=True))
    # Stale frames go, and the notes come, before any drawing: a run killed later leaves nothing to mistake.
    before = _read_notes(folder / SETTINGS_FILE)
    for name in names:
        if before.get(name) != notes[name]:
            (folder / name).unlink(missing_ok=True)
    with atomic_path(folder / SETTINGS_FILE) as temporary:
        temporary.write_text(json.dumps(before | notes, indent=0), encoding="utf-8")
    for index, (name, camera) in enumerate(zip(tqdm(names, "frames", disable=None), cameras, strict=True)):
        progress.report(index / len(names), name)
        if (folder / name).is_file():
            continue
        rgba, depth = portrait.render(camera, samples)
        if kind == "exr":
            save_exr(folder / name, rgba, depth * depth_scale, provenance=portrait.provenance)
        else:
            save_png(folder / name, rgba, provenance=portrait.provenance)
    return [folder / name for name in names]


def _frame_notes(portrait: Portrait, cameras: Sequence[Camera], settings: str) -> Iterator[str]:
    """A hash for each frame of all that its picture depends on."""
    content = hashlib.sha256(portrait.textures.tobytes())
    for values in (portrait.manifolds.total_radius_m(), portrait.manifolds.spread, portrait.manifolds.offsets_m):
        content.update(values.tobytes())
    for camera in cameras:
        yield hashlib.sha256(f"{content.hexdigest()} {settings} {camera.to_dict()}".encode()).hexdigest()[:16]


def _read_notes(path: Path) -> dict[str, str]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(note) for name, note in notes.items()} if isinstance(notes, dict) else {}
