"""Portraits against other true views of the same person: a folder a person, with pictures and their cameras."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

import numpy as np
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..camera import Camera
from ..edit import load_painted
from ..errors import InputError
from ..manifolds import direction_to_chart
from ..networks.chart_maps import ON_FACE, face_distance
from ..photo.alignment import LandmarkTemplate
from ..photo.landmarks import LandmarkDetector
from ..photo.photograph import load_photograph, open_picture, read_photograph
from ..picture.compositing import over_grey, over_light, to_bytes
from ..portrait import Portrait
from ..reconstruct import choose_device, reconstruct
from .identity import FaceEmbedder, distances, embedder_if_installed
from .pictures import medians, picture_figures
from .true_cameras import CAMERAS_FILE, TURNS_FILE, true_cameras, with_depth_seen
from .true_picture import TruePicture, true_picture

log = logging.getLogger(__name__)

INPUT_NAMES = ("input.png", "input.jpg")
DEPTH_UNIT = 1e-4
"""16-bit PNG depths are multiples of this in the cameras' own unit, 0 where nothing is."""

ANGLE_STEP_DEG = 10
"""Views are put together by their turn against the input, rounded to this."""


@dataclass(frozen=True)
class ViewFigures:
    """What one true view gave."""

    yaw_deg: float
    pitch_deg: float  # both against the input camera
    figures: dict[str, float]

    @property
    def angle_deg(self) -> int:
        """How far the camera turned, rounded to ANGLE_STEP_DEG."""
        cosine = np.cos(np.radians(self.yaw_deg)) * np.cos(np.radians(self.pitch_deg))
        return ANGLE_STEP_DEG * round(float(np.degrees(np.arccos(cosine))) / ANGLE_STEP_DEG)


def subject_folders(folder: Path) -> list[Path]:
    """The sub-folders that hold cameras or turns, by name; empty where there are none."""
    return sorted({path.parent for name in (CAMERAS_FILE, TURNS_FILE) for path in folder.glob(f"*/{name}")})


def evaluate_subjects(folders: list[Path], texture_size: int) -> Iterator[tuple[str, list[ViewFigures]]]:
    """Each person's folder name and novel views; who cannot be reconstructed is logged and left out.

    Raises InputError where a folder lacks a picture, or one does not fit its camera; of depths before any other work.
    """
    for folder in folders:
        check_depths(folder)
    from ..networks.weights import load_weights

    template = load_weights(choose_device("auto")).template  # where `reconstruct` loads the network, too
    embedder = embedder_if_installed()
    with logging_redirect_tqdm(), LandmarkDetector() as detector:
        for folder in tqdm(folders, "persons", unit="person", disable=None):
            inputs = [folder / name for name in INPUT_NAMES if (folder / name).is_file()]
            if not inputs:
                raise InputError(f"{folder} holds no input picture: add {' or '.join(INPUT_NAMES)}.")
            try:
                portrait = reconstruct(inputs[0], texture_size=texture_size)
            except InputError as error:
                log.warning("%s: %s", folder.name, error)
                continue
            yield folder.name, subject_figures(portrait, folder, inputs[0], detector, template, embedder)


def subject_figures(
    portrait: Portrait,
    folder: Path,
    input_file: Path,
    detector: LandmarkDetector,
    template: LandmarkTemplate,
    embedder: FaceEmbedder | None,
) -> list[ViewFigures]:
    """Figures of each view of a person's folder; raises InputError where a picture does not fit its camera."""
    true = true_cameras(folder, portrait.input_camera)
    _check_pairs(folder, len(true.cameras) - 1)
    paths = [view_file(folder, index) for index in range(1, len(true.cameras))]
    truths = [true_picture(load_painted(path), detector, path) for path in paths]
    for path, truth, camera in zip(paths, truths, true.cameras[1:], strict=True):
        _check_size(path, truth, camera)
    seen = [load_photograph(input_file).rgb, *(truth.shown for truth in truths)]
    true = with_depth_seen(true, portrait, seen, detector, template)
    rows = []
    for index, (camera, turn) in enumerate(zip(true.in_portrait(), true.turns_deg(), strict=True)):
        if index == 0:
            continue
        truth, depth = truths[index - 1], load_depth(folder, index)
        depth_m = None if depth is None else true.depth_in_portrait(depth, index)
        try:
            rgba, drawn_m = portrait.render(camera, 2)
        except InputError as error:
            raise InputError(f"{paths[index - 1]}: {error}") from error
        figures = view_figures(camera, rgba, drawn_m, truth, depth_m)
        drawn = to_bytes(over_grey(rgba))
        figures |= distances(seen[0], {"identity": drawn, "identity_true": truth.shown}, detector, embedder)
        rows.append(ViewFigures(*turn, figures))
    return rows


def by_angle(subjects: Iterable[list[ViewFigures]]) -> dict[str, dict[str, float]]:
    """Medians and `views`, a count, of all persons' views by their turn in degrees, rounded to ANGLE_STEP_DEG."""
    views = sorted((view for subject in subjects for view in subject), key=lambda view: view.angle_deg)
    angles = dict.fromkeys(view.angle_deg for view in views)
    members = {angle: [view.figures for view in views if view.angle_deg == angle] for angle in angles}
    return {str(angle): {"views": len(rows)} | medians(rows) for angle, rows in members.items()}


def view_figures(
    camera: Camera, rgba: np.ndarray, depth_m: np.ndarray, truth: TruePicture, true_depth_m: np.ndarray | None
) -> dict[str, float]:
    """Figures of a drawn view against a picture and a depth [H, W] (0 where nothing is) from the same camera."""
    figures = drawn_figures(camera, rgba, depth_m, truth.rgba, true_depth_m)
    if truth.background is not None:
        whole = np.ones(rgba.shape[:2], bool)
        on_plain = picture_figures(over_light(rgba, truth.background), truth.picture, whole)
        figures |= {f"whole_{name}": value for name, value in on_plain.items()}
    return figures


def drawn_figures(
    camera: Camera, rgba: np.ndarray, depth_m: np.ndarray, truth: np.ndarray, true_depth_m: np.ndarray | None
) -> dict[str, float]:
    """novel_psnr_db, novel_ssim inside the union of silhouettes; opacity_iou; depth_error_mm: median where both are,
    face_depth_error_mm: there of the face; each left out where there is nothing to measure."""
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
            if where.any():
                figures[name] = float(np.median(error_mm[where]))
    return figures


def on_face(camera: Camera, depth_m: np.ndarray) -> np.ndarray:
    """Whether what is seen at a depth [H, W] lies on the face: in the chart's ellipse that the mean face fills."""
    origin, directions = camera.rays()
    points = origin + directions * depth_m[..., None]
    chart = direction_to_chart(points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-6))
    return face_distance(chart) < ON_FACE


def load_depth(folder: Path, index: int) -> np.ndarray | None:
    """A view's depth [H, W] float32 in the cameras' unit, or None: depth_NN.png (16-bit) or depth_NN.tif (float).

    Raises InputError where it cannot be read, is too large, or has several channels or 8 bits a pixel.
    """
    for suffix, unit in ((".png", DEPTH_UNIT), (".tif", 1.0)):
        path = folder / f"depth_{index:02d}{suffix}"
        if path.is_file():
            with open_picture(read_photograph(path), str(path)) as image:
                depth, is_deep = np.asarray(image, np.float32), image.mode.startswith(("I", "F"))
            if depth.ndim != 2:
                raise InputError(f"{path} has {depth.shape[2]} channels: write a depth picture with one.")
            if not is_deep:
                raise InputError(f"{path} has 8 bits a pixel: write a depth picture with 16, or a TIFF of floats.")
            return np.nan_to_num(depth, posinf=0.0) * unit
    return None


def check_depths(folder: Path) -> None:
    """Raises InputError where a person's depth picture cannot be read, or does not fit its view."""
    for index in takewhile(lambda index: view_file(folder, index).is_file(), count(1)):
        depth = load_depth(folder, index)
        if depth is not None:
            size, seen = depth.shape[::-1], load_painted(view_file(folder, index)).shape[1::-1]
            if size != seen:
                raise InputError(
                    f"The depth of {view_file(folder, index)} is {size[0]} x {size[1]}, the view {seen[0]} x "
                    f"{seen[1]}: correct one of them."
                )


def view_file(folder: Path, index: int) -> Path:
    """The picture of a person's view, counted from 1."""
    return folder / f"view_{index:02d}.png"


def _check_pairs(folder: Path, cameras: int) -> None:
    """Raises InputError where a view has no camera, or there is none: the picture of a camera is missed when read."""
    further = view_file(folder, cameras + 1)
    if further.is_file():
        raise InputError(f"{further} has no camera: add it to those of {folder}.")
    if not cameras:
        raise InputError(f"{folder} holds no view but the input: add {view_file(folder, 1).name} and its camera.")


def _check_size(path: Path, truth: TruePicture, camera: Camera) -> None:
    height, width = truth.rgba.shape[:2]
    if (width, height) != (camera.width_px, camera.height_px):
        raise InputError(
            f"{path} is {width} x {height}, its camera {camera.width_px} x {camera.height_px}: correct one of them."
        )
