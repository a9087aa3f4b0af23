"""Portraits against other true views of the same person: a folder a person, with pictures and their cameras."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..camera import Camera, load_cameras
from ..compositing import over_grey
from ..edit import load_painted
from ..errors import InputError
from ..manifolds import direction_to_chart
from ..networks.geometry import ON_FACE, face_distance
from ..portrait import Portrait
from ..reconstruct import reconstruct
from .pictures import medians, picture_figures

log = logging.getLogger(__name__)

CAMERAS_FILE = "cameras.json"
INPUT_NAMES = ("input.png", "input.jpg")
DEPTH_UNIT = 1e-4
"""Depths are 16-bit PNG pictures of multiples of this in the cameras' own unit, 0 where nothing is."""


def subject_folders(folder: Path) -> list[Path]:
    """The sub-folders that hold cameras, by name; empty where there are none."""
    return sorted(path.parent for path in folder.glob(f"*/{CAMERAS_FILE}"))


def evaluate_subjects(folders: list[Path], texture_size: int = 512) -> dict[str, dict[str, float]]:
    """Medians over each person's novel views, by folder name; who cannot be reconstructed is logged and left out."""
    figures = {}
    for folder in folders:
        inputs = [folder / name for name in INPUT_NAMES if (folder / name).is_file()]
        cameras = load_cameras(folder / CAMERAS_FILE)
        if not inputs:
            raise InputError(f"{folder} holds no input picture: add {' or '.join(INPUT_NAMES)}.")
        try:
            portrait = reconstruct(inputs[0], texture_size=texture_size)
        except InputError as error:
            log.warning("%s: %s", folder.name, error)
            continue
        rows = []
        for index, camera in enumerate(cameras_about_head(cameras, portrait.input_camera)[1:], 1):
            depth_file = folder / f"depth_{index:02d}.png"
            depth_m = None
            if depth_file.is_file():
                depth_m = depth_about_head(load_depth(depth_file), cameras[index], cameras[0], portrait.input_camera)
            rows.append(view_figures(portrait, camera, load_painted(folder / f"view_{index:02d}.png"), depth_m))
        figures[folder.name] = medians(rows)
    return figures


def cameras_about_head(cameras: list[Camera], estimate: Camera) -> list[Camera]:
    """The true cameras of a person, the input's first, in the portrait's own space, whose input camera is `estimate`.

    Their space may be any; its origin is to lie in the head. The origin's pixel and depth stay: the input camera
    becomes `estimate`, the others turn with it about the head, their distances scaled by that of the head and their
    focal lengths by the input's. Raises InputError where the origin is not before the input camera, or the input
    camera is of another picture size.
    """
    first = cameras[0]
    size, given = (estimate.width_px, estimate.height_px), (first.width_px, first.height_px)
    if size != given:
        raise InputError(f"The input picture is {size[0]} x {size[1]}, its camera {given[0]} x {given[1]}: correct it.")
    pixel, distance = first.project(np.zeros(3))
    _, distance_seen = estimate.project(np.zeros(3))
    if distance <= 0:
        raise InputError("The head's centre lies behind the input camera: put the cameras' origin into the head.")
    factor, zoom = float(distance_seen / distance), estimate.fx_px / first.fx_px
    local = np.array([(pixel[0] - estimate.cx_px) / estimate.fx_px, -(pixel[1] - estimate.cy_px) / estimate.fy_px, -1])
    centre = estimate.position_m + estimate.camera_to_world[:3, :3] @ (local * distance_seen)
    turn = estimate.camera_to_world[:3, :3] @ first.camera_to_world[:3, :3].T
    moved = []
    for camera in cameras:
        pose = np.eye(4)
        pose[:3, :3] = turn @ camera.camera_to_world[:3, :3]
        pose[:3, 3] = centre + factor * (turn @ camera.position_m)
        moved.append(replace(camera, camera_to_world=pose, fx_px=camera.fx_px * zoom, fy_px=camera.fy_px * zoom))
    return moved


def depth_about_head(depth: np.ndarray, camera: Camera, first: Camera, estimate: Camera) -> np.ndarray:
    """A true camera's depth picture [H, W] (its unit, 0 where nothing is) in metres, as `cameras_about_head` moves it.

    The head is as large as `estimate` sees it: another lens from another distance leaves its own depth as it is.
    """
    factor = estimate.project(np.zeros(3))[1] / first.project(np.zeros(3))[1]
    _, centre = camera.project(np.zeros(3))
    moved = factor * (centre + (depth - centre) * first.fx_px / estimate.fx_px)
    return np.where(depth > 0, moved, 0.0)


def view_figures(
    portrait: Portrait, camera: Camera, truth: np.ndarray, true_depth_m: np.ndarray | None
) -> dict[str, float]:
    """Figures of one view against RGBA [H, W, 4] in 0..1 and depth [H, W] (0 where nothing is) from the same camera."""
    if truth.shape != (camera.height_px, camera.width_px, 4):
        raise InputError(f"A true view of shape {list(truth.shape)} does not fit its camera: give RGBA of its size.")
    rgba, depth_m = portrait.render(camera, 2)
    return drawn_figures(camera, rgba, depth_m, truth, true_depth_m)


def drawn_figures(
    camera: Camera, rgba: np.ndarray, depth_m: np.ndarray, truth: np.ndarray, true_depth_m: np.ndarray | None
) -> dict[str, float]:
    """novel_psnr_db, novel_ssim inside the union of silhouettes; opacity_iou; depth_error_mm: median where both are,
    face_depth_error_mm: there of the face."""
    drawn_in, truth_in = rgba[..., 3] > 0.5, truth[..., 3] > 0.5
    union = drawn_in | truth_in
    if not union.any():
        return {"opacity_iou": 0.0}
    figures = picture_figures(over_grey(rgba), over_grey(truth), union)
    figures = {f"novel_{name}": value for name, value in figures.items()}
    figures["opacity_iou"] = float((drawn_in & truth_in).sum() / union.sum())
    if true_depth_m is not None:
        both = drawn_in & truth_in & (true_depth_m > 0) & np.isfinite(depth_m)
        error_mm = 1e3 * np.abs(depth_m - true_depth_m)
        for name, where in (("depth_error_mm", both), ("face_depth_error_mm", both & on_face(camera, true_depth_m))):
            figures[name] = float(np.median(error_mm[where])) if where.any() else np.inf
    return figures


def on_face(camera: Camera, depth_m: np.ndarray) -> np.ndarray:
    """Whether what is seen at a depth [H, W] lies on the face: in the chart's ellipse that the mean face fills."""
    origin, directions = camera.rays()
    points = origin + directions * depth_m[..., None]
    chart = direction_to_chart(points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-6))
    return face_distance(chart) < ON_FACE


def load_depth(path: Path) -> np.ndarray:
    """[H, W] float32 in the cameras' unit of a 16-bit PNG."""
    try:
        with Image.open(path) as image:
            return np.asarray(image, np.float32) * DEPTH_UNIT
    except OSError as error:
        raise InputError(f"Cannot read {path} as a depth picture ({error}): write 16-bit PNG.") from error
