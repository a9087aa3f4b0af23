"""Camera paths: lists of cameras made from one.

Loops (`orbit`, `swing`) end one frame before they start again; `dolly_zoom` includes both ends.
"""

from collections.abc import Callable
from dataclasses import replace
from math import atan, cos, degrees, floor, pi, sin
from pathlib import Path

import numpy as np

from ..camera import MAX_CAMERAS, Camera, check_fov, focal_px, load_cameras
from ..errors import InputError
from ..ramps import smoothstep

NEAREST_M = 0.25
"""A dolly zoom keeps at least this far from the head's centre, so that the camera stays outside of it."""

FOV_END_DEG = 45.0
"""A dolly zoom ends with this lens unless told otherwise."""


def orbit(camera: Camera, frames: int, yaw_deg: float = 30.0, pitch_deg: float = 12.0) -> list[Camera]:
    """An ellipse around the camera's own place: right, up, left, down; returns to its start."""
    check_frames(frames)
    phases = (2.0 * pi * frame / frames for frame in range(frames))
    return [camera.orbited(yaw_deg * sin(phase), pitch_deg * (1.0 - cos(phase)) / 2.0) for phase in phases]


def swing(camera: Camera, frames: int, yaw_deg: float = 35.0) -> list[Camera]:
    """From side to side at one height; returns to its start."""
    check_frames(frames)
    return [camera.orbited(yaw_deg * sin(2.0 * pi * frame / frames)) for frame in range(frames)]


def dolly_zoom(
    camera: Camera, frames: int, fov_start_deg: float | None = None, fov_end_deg: float = FOV_END_DEG
) -> list[Camera]:
    """Distance and lens change together: what is at the head's centre keeps its place and its size in the picture.

    The camera moves along its optical axis. With Z the depth of the head's centre, f / Z is constant, and so is the
    centre's pixel c + f X / Z, since X does not change. Fields of view are vertical, by default from the camera's own
    to FOV_END_DEG; the path is eased and even in the logarithm of the distance.
    Raises InputError where the camera looks away from the head, or a lens would put it inside.
    """
    check_frames(frames)
    _, depth = camera.project(np.zeros(3))
    if depth <= 0:
        raise InputError("The camera looks away from the head: turn it round for a dolly zoom.")
    ends = []
    for fov in (camera.fov_deg if fov_start_deg is None else fov_start_deg, fov_end_deg):
        check_fov(fov)
        scale = focal_px(fov, camera.height_px) / camera.fy_px
        if scale * depth < NEAREST_M:
            nearest_px = NEAREST_M / depth * camera.fy_px
            widest_deg = degrees(2.0 * atan(0.5 * camera.height_px / nearest_px))
            raise InputError(
                f"A lens of {fov} degrees puts the camera inside the head: give at most {floor(widest_deg)} degrees."
            )
        ends.append(np.log(scale))
    cameras = []
    for eased in smoothstep(np.arange(frames) / max(frames - 1, 1)).tolist():
        scale = float(np.exp(ends[0] + (ends[1] - ends[0]) * eased))
        pose = camera.camera_to_world.copy()
        pose[:3, 3] += pose[:3, 2] * depth * (scale - 1.0)
        cameras.append(replace(camera, camera_to_world=pose, fx_px=camera.fx_px * scale, fy_px=camera.fy_px * scale))
    return cameras


PATHS: dict[str, Callable[[Camera, int], list[Camera]]] = {"orbit": orbit, "swing": swing, "dolly-zoom": dolly_zoom}
"""The paths by their names on the command line."""


def path_cameras(path: str, camera: Camera, frames: int) -> list[Camera]:
    """The cameras of a named path about `camera`, or those of a JSON file (`frames` then does not count)."""
    return PATHS[path](camera, frames) if path in PATHS else json_cameras(path)


def json_cameras(path: str) -> list[Camera]:
    """The cameras of a JSON file; raises InputError where `path` is neither that nor one of PATHS."""
    if not Path(path).is_file():
        raise InputError(f"There is no camera path {path!r}: use {', '.join(PATHS)} or a JSON file of cameras.")
    return load_cameras(path)


def check_frames(frames: int) -> None:
    """Raises InputError for a number of frames that no path has."""
    if not 1 <= frames <= MAX_CAMERAS:
        raise InputError(f"{frames} frames cannot be made: give 1 to {MAX_CAMERAS}.")
