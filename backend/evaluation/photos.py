"""Portraits against the one photograph each was made from."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..conventions import PHOTO_SUFFIXES, TEXTURE_SIZE
from ..errors import InputError
from ..photo.alignment import LandmarkTemplate, invert_crop, sample_crop
from ..photo.landmarks import LandmarkDetector
from ..photo.photograph import load_photograph
from ..picture.compositing import over_grey, to_bytes
from ..portrait import Portrait
from ..reconstruct import choose_device, reconstruct
from .groups import GROUPS_FILE, measured_groups, read_groups
from .identity import FaceEmbedder, distances, embedder_if_installed
from .pictures import away_from_edge, hole_share, laplacian_energy, picture_figures, silhouette
from .pose import seen_turn_deg

log = logging.getLogger(__name__)

VIEW_PX = 512

VIEWS = {
    "own": (0.0, 0.0),
    "yaw -30": (-30.0, 0.0),
    "yaw -15": (-15.0, 0.0),
    "yaw 15": (15.0, 0.0),
    "yaw 30": (30.0, 0.0),
    "pitch -15": (0.0, -15.0),
    "pitch 15": (0.0, 15.0),
}
"""Yaw and pitch in degrees of the views that are measured and shown."""


@dataclass(frozen=True)
class Evaluated:
    """One photograph's figures and views."""

    name: str
    figures: dict[str, float]
    pictures: dict[str, np.ndarray]  # [side, side, 3] uint8: "photo", those of VIEWS, "depth"; empty if not kept
    groups: dict[str, str] = field(default_factory=dict)  # name of the group by kind


def photo_paths(folder: Path) -> list[Path]:
    """The pictures of a folder by name, hidden ones left out; raises InputError if there is no such folder, or none."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}: name a folder of photographs.")
    named = (path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    paths = sorted(path for path in named if not path.name.startswith("."))
    if not paths:
        raise InputError(f"{folder} holds no picture: put {', '.join(PHOTO_SUFFIXES)} files of people into it.")
    return paths


def evaluate_photos(paths: list[Path], texture_size: int = TEXTURE_SIZE, kept_px: int = 0) -> Iterator[Evaluated]:
    """Reconstructs and measures photographs one after the other; those without a usable face are logged, left out.

    Pictures are kept `kept_px` large, by default not at all. Figures and groups: see docs/evaluation.md. Without the
    face embedding `identity_*` is left out, and said so once.
    """
    from ..networks.weights import load_weights

    template = load_weights(choose_device("auto")).template  # where `reconstruct` loads the network, too
    embedder = embedder_if_installed()
    said = read_groups(paths[0].parent) if paths else {}
    if said and not any(path.name in said for path in paths):
        log.warning("%s names none of the photographs: its first column must hold file names", GROUPS_FILE)
    with logging_redirect_tqdm(), LandmarkDetector() as detector:
        for path in tqdm(paths, "photographs", unit="photo", disable=None):
            try:
                began = time.perf_counter()
                photograph = load_photograph(path)
                portrait = reconstruct(photograph, texture_size=texture_size)
                seconds = time.perf_counter() - began
            except InputError as error:
                log.warning("%s: %s", path.name, error)
                continue
            figures, pictures = photo_figures(portrait, photograph.rgb, detector, template, embedder)
            groups = _measured(pictures["photo"], detector) | said.get(path.name, {})
            kept = {name: shrunk(picture, kept_px) for name, picture in pictures.items()} if kept_px else {}
            yield Evaluated(path.name, figures | {"seconds": seconds}, kept, groups)


def shrunk(picture: np.ndarray, side_px: int) -> np.ndarray:
    """A square picture [side, side, 3] uint8, smaller."""
    return np.asarray(Image.fromarray(picture).resize((side_px, side_px), Image.Resampling.LANCZOS))


def _measured(crop: np.ndarray, detector: LandmarkDetector) -> dict[str, str]:
    faces = detector.faces(crop)
    return measured_groups(crop, detector.person(crop) > 0.5, faces[0]) if len(faces) else {}


def photo_figures(
    portrait: Portrait,
    photo: np.ndarray,  # [H, W, 3] uint8
    detector: LandmarkDetector,
    template: LandmarkTemplate,
    embedder: FaceEmbedder | None,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Figures of a portrait against its photograph, and the pictures they were measured on."""
    crop = sample_crop(photo, portrait.crop.to_photo, VIEW_PX)
    blank = np.full((*photo.shape[:2], 1), 255, np.uint8)
    inside = sample_crop(blank, portrait.crop.to_photo, VIEW_PX, "zero")[..., 0] > 250
    person = detector.person(crop) > 0.5
    camera = portrait.camera(VIEW_PX, VIEW_PX)
    drawn, depth_m = portrait.render(camera, 2)
    views = {name: portrait.render(camera.orbited(*turn), 2)[0] for name, turn in VIEWS.items() if any(turn)}
    views = {"own": drawn} | views
    pictures = {name: to_bytes(over_grey(rgba)) for name, rgba in views.items()}

    sure, off = away_from_edge(person) & inside, away_from_edge(~person) & inside
    figures = own_view_figures(portrait, photo, person)
    if sure.any():
        in_crop = picture_figures(pictures["own"] / 255.0, crop / 255.0, sure)
        figures |= {f"crop_{name}": value for name, value in in_crop.items()}
        figures["covered"] = float((drawn[..., 3] > 0.5)[sure].mean())
    figures["left_over"] = float((drawn[..., 3] > 0.5)[off].mean()) if off.any() else 0.0
    figures |= _whole(views)
    figures |= _bands({"photo": crop} | pictures, views, sure)
    figures |= _turned(pictures, detector, template)
    figures |= _identity(distances(crop, pictures, detector, embedder))
    origin_m = camera.project(np.zeros(3))[1]
    near = np.clip(0.5 - (depth_m - origin_m) / 0.30, 0.0, 1.0)
    shown = np.repeat(to_bytes(np.where(np.isfinite(depth_m), near, 0.0))[..., None], 3, -1)
    return figures, {"photo": crop} | pictures | {"depth": shown}


def own_view_figures(portrait: Portrait, photo: np.ndarray, person: np.ndarray) -> dict[str, float]:
    """psnr_db and ssim on the photograph's own pixels; `person` [VIEW_PX, VIEW_PX] bool is the crop's foreground."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    at = invert_crop(portrait.crop.to_photo, np.stack([x, y], -1))  # -1..1 in the crop
    column, row = np.moveaxis(np.floor((at + 1.0) * 0.5 * VIEW_PX).astype(int), -1, 0)
    within = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < VIEW_PX)
    mask = within & person[np.clip(row, 0, VIEW_PX - 1), np.clip(column, 0, VIEW_PX - 1)]
    mask = away_from_edge(mask | ~within) & within  # the crop's border is no edge of the person
    if not mask.any():
        return {}
    return picture_figures(over_grey(portrait.render(portrait.input_camera, 2)[0]), photo / 255.0, mask)


def _whole(views: dict[str, np.ndarray]) -> dict[str, float]:
    holes = {name: hole_share(rgba[..., 3]) for name, rgba in views.items()}
    return {
        "holes_15": 0.5 * (holes["yaw -15"] + holes["yaw 15"]),
        "holes_30": 0.5 * (holes["yaw -30"] + holes["yaw 30"]),
        "holes_pitch_15": 0.5 * (holes["pitch -15"] + holes["pitch 15"]),
    }


def _bands(pictures: dict[str, np.ndarray], views: dict[str, np.ndarray], sure: np.ndarray) -> dict[str, float]:
    """Energy of the Laplacian at yaw -30 and 30 over the photograph's; above 1 there are edges it does not have."""
    own = laplacian_energy(pictures["photo"] / 255.0, sure)
    if own < 1e-9:
        return {}
    turned = [
        laplacian_energy(pictures[name] / 255.0, silhouette(views[name][..., 3])) for name in ("yaw -30", "yaw 30")
    ]
    return {"bands_30": float(np.mean(turned)) / own}


def _turned(
    pictures: dict[str, np.ndarray], detector: LandmarkDetector, template: LandmarkTemplate
) -> dict[str, float]:
    """Seen against asked turns: mean of both sides; a view in which no face is found counts as not turned at all."""
    points = {name: detector.faces_3d(pictures[name]) for name in VIEWS}
    if not len(points["own"]):
        return {}
    seen = {
        name: seen_turn_deg(points["own"][0], found[0], template) if len(found) else (0.0, 0.0)
        for name, found in points.items()
    }
    figures = {}
    for angle in (15, 30):
        left, right = (seen[f"yaw {sign * angle}"][0] for sign in (-1, 1))
        figures[f"pose_error_{angle}_deg"] = 0.5 * (abs(left + angle) + abs(right - angle))
        figures[f"yaw_seen_{angle}_deg"] = 0.5 * (right - left)
    figures["pitch_seen_15_deg"] = 0.5 * (seen["pitch 15"][1] - seen["pitch -15"][1])
    return figures


def _identity(away: dict[str, float]) -> dict[str, float]:
    """The mean of both sides of `distances` of the views; nothing of nothing."""
    if not away:
        return {}
    return {
        "identity_0": away["own"],
        "identity_15": 0.5 * (away["yaw -15"] + away["yaw 15"]),
        "identity_30": 0.5 * (away["yaw -30"] + away["yaw 30"]),
    }
