"""Draws a list of cameras: to a film, or to a folder of frames that a later run completes."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import inf
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .. import progress
from ..atomic import make_folder
from ..camera import Camera
from ..errors import InputError
from ..outputs.exr import save_linear_exr
from ..outputs.mp4 import Mp4Writer
from ..outputs.png import save_png
from ..picture.compositing import over_background
from ..picture.layered_picture import whole_picture
from ..picture.look import Look
from ..portrait import Portrait
from ..render import check_samples
from .frame_files import Frame, frame_name, made_of, read_frame

WRITERS = 2
"""Frames that are compressed at a time, which takes longer than to draw one."""

CAMERAS = "cameras.json"
"""Those of all frames of a folder, beside them."""

Draw = Callable[[Portrait, Sequence[Camera], int, tuple[float, float, float]], Iterator[np.ndarray]]
"""What makes a film's frames of a portrait, cameras, samples and background: [H, W, 3] uint8 sRGB, in order."""


def draw_frames(
    portrait: Portrait, cameras: Sequence[Camera], samples: int, background: tuple[float, float, float]
) -> Iterator[np.ndarray]:
    """The frames one after another, in this process."""
    colour = np.asarray(background, np.float32)
    for camera in tqdm(cameras, "frames", disable=None):
        yield over_background(portrait.renderer.picture(camera, samples)[0], colour)


def render_film(
    portrait: Portrait,
    cameras: Sequence[Camera],
    path: Path,
    fps: float,
    samples: int = 2,
    background: tuple[float, float, float] = (0.5, 0.5, 0.5),
    draw: Draw = draw_frames,
) -> None:
    """H.264 MP4 over `background` (sRGB); InputError if the cameras differ in size or no film has such fps."""
    width_px, height_px = film_size_px(cameras)
    with Mp4Writer(path, width_px, height_px, fps, provenance=portrait.provenance) as film:
        for pixels in draw(portrait, cameras, samples, background):
            film.write(pixels)


def film_size_px(cameras: Sequence[Camera]) -> tuple[int, int]:
    """Width and height of all of a film's cameras; raises InputError where they differ."""
    sizes = {(camera.width_px, camera.height_px) for camera in cameras}
    if len(sizes) != 1:
        raise InputError("The path's cameras differ in size: give one with --size.")
    return sizes.pop()


def render_frames(
    portrait: Portrait,
    cameras: Sequence[Camera],
    folder: Path,
    kind: str,
    samples: int = 2,
    first_frame: int = 1,
    frame_step: int = 1,
    depth_scale: float = 1.0,
    looks: Sequence[Look] = (),
) -> list[Path]:
    """frame_0001.png (or .exr) and so on, each whole or absent; frames of the same portrait and camera are kept.

    The first is numbered `first_frame`, each after it `frame_step` more, which is at least 1.
    `depth_scale` is what a metre of the portrait is in the units that depth is wanted in (a scaled portrait's scene);
    `looks`, one a frame, change what is drawn; without them it is as reconstructed. Frames whose camera sees nothing
    of the portrait are clear.
    Each frame carries a note of what made it, and is drawn again where that differs; so processes and machines may
    draw parts of one animation into one folder at a time. Returns the frames' paths.
    """
    check_samples(samples)  # before stale frames go
    if frame_step < 1:
        raise InputError(f"Frames {frame_step} apart cannot be written: give 1 or more.")
    if not 0.0 < depth_scale < inf:
        raise InputError(f"Frames of {depth_scale} units to a metre cannot be written: give more than none.")
    paths = [folder / frame_name(first_frame + frame_step * index, kind) for index in range(len(cameras))]
    shown = list(looks) or [Look()] * len(cameras)
    if len(shown) != len(cameras):
        raise InputError(f"There are {len(shown)} looks for {len(cameras)} cameras: give one a frame.")
    settings = [f"{samples} {depth_scale}" + (f" {look}" if look != Look() else "") for look in shown]
    notes = list(_frame_notes(portrait, cameras, settings))
    make_folder(folder)
    work = list(zip(paths, cameras, shown, notes, _kept(paths, notes), strict=True))
    opacity, thinned = 1.0, portrait
    writing: deque[Future[None]] = deque()
    with ThreadPoolExecutor(WRITERS) as writer:  # frames are written while the next is drawn
        for index, (path, camera, look, note, keep) in enumerate(tqdm(work, "frames", disable=None)):
            progress.report(index / len(work), path.name)
            if keep:
                continue
            if look.opacity != opacity:
                opacity, thinned = look.opacity, look.thinned(portrait)
            with progress.part(index / len(work), (index + 1) / len(work)):
                frame = _drawn(thinned, camera, samples, look, kind)
            if len(writing) == WRITERS:
                writing.popleft().result()  # raises what went wrong, before more is drawn
            writing.append(writer.submit(_save_frame, path, *frame, depth_scale, portrait.provenance, note))
        for last in writing:
            last.result()
    return paths


def _kept(paths: Sequence[Path], notes: Sequence[str]) -> list[bool]:
    """Which frames are there as their notes want them; others go, so that a run killed later leaves none to mistake."""
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path} is a folder, where a frame is to be: move it, or choose another place.")
    kept = [made_of(path) == note for path, note in zip(paths, notes, strict=True)]
    for path, keep in zip(paths, kept, strict=True):
        if not keep:
            path.unlink(missing_ok=True)
    return kept


def _drawn(portrait: Portrait, camera: Camera, samples: int, look: Look, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """RGBA and depth as `_save_frame` takes them: of an EXR in premultiplied linear light, of a PNG straight sRGB."""
    if kind == "exr":
        light = look.shone(portrait.renderer.light(camera, samples, look.softness))
        return whole_picture(light, camera.width_px, camera.height_px)
    rgba, depth = portrait.renderer.picture(camera, samples, look.softness)
    return look.lit(rgba), depth


def _save_frame(path: Path, rgba: np.ndarray, depth: np.ndarray, scale: float, provenance: str, note: str) -> None:
    """Of a file whose name says its kind; depth is multiplied by the scale."""
    if path.suffix == ".exr":
        save_linear_exr(path, rgba, depth * np.float32(scale), provenance, note)
    else:
        save_png(path, rgba, provenance, note)


def encode_frames(
    folder: Path, frames: tuple[int, int], path: Path, fps: float, background: tuple[float, float, float]
) -> None:
    """H.264 MP4 of the PNG or EXR frames `frames` (first and last) that `render_frames` left in `folder`.

    Raises InputError where a frame is missing, cannot be read, or has another size or portrait than the first.
    """
    first, last = frames
    kinds = [kind for kind in ("exr", "png") if (folder / frame_name(first, kind)).is_file()]
    if len(kinds) == 2:
        raise InputError(f"Frame {first} in {folder} is there as PNG and as EXR: delete those that are not meant.")
    kind = kinds[0] if kinds else "png"
    colour = np.asarray(background, np.float32)
    begun = read_frame(folder / frame_name(first, kind))
    height, width = begun.rgba.shape[:2]
    with Mp4Writer(path, width, height, fps, provenance=begun.provenance) as film:
        film.write(over_background(begun.rgba, colour))
        for number in tqdm(range(first + 1, last + 1), "frames", disable=None):
            frame = read_frame(folder / frame_name(number, kind))
            if frame.rgba.shape != begun.rgba.shape or _portrait_of(frame) != _portrait_of(begun):
                raise InputError(
                    f"Frame {number} in {folder} is of another size or portrait than frame {first}: draw the "
                    "animation into a new folder."
                )
            film.write(over_background(frame.rgba, colour))


def _portrait_of(frame: Frame) -> str:
    """The part of a frame's note that says what portrait it is of."""
    return frame.made_of.partition("-")[0]


def _frame_notes(portrait: Portrait, cameras: Sequence[Camera], settings: Sequence[str]) -> Iterator[str]:
    """For each frame hashes of the portrait and of all else that its picture depends on."""
    manifolds = portrait.manifolds
    content = hashlib.sha256(portrait.textures.tobytes())
    for values in (manifolds.total_radius_m(), manifolds.spread, manifolds.offsets_m, manifolds.half_extent):
        content.update(np.asarray(values).tobytes())
    for camera, setting in zip(cameras, settings, strict=True):
        view = hashlib.sha256(f"{setting} {camera.to_dict()}".encode())
        yield f"{content.hexdigest()[:16]}-{view.hexdigest()[:16]}"
