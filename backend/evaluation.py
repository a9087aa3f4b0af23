"""How well portraits hold up: against the photograph in its own view, and whole or not when turned."""

import logging
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .alignment import sample_crop
from .conventions import linear_to_srgb, srgb_to_linear
from .errors import InputError
from .landmarks import LandmarkDetector
from .photograph import load_photograph
from .portrait import Portrait
from .reconstruct import reconstruct

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
VIEW_PX = 512
EDGE_SHARE = 0.02
"""Figures leave out what is nearer than this share of the picture's height to the silhouette."""

SOFT_OPACITY = 0.95


def evaluate_photos(folder: Path, texture_size: int = 512) -> dict[str, dict[str, float]]:
    """Figures of every photograph in a folder by name; those without a usable face are logged and left out.

    psnr_db, ssim: the photo's own view in the aligned crop at 512 px, in the foreground away from its edge;
    covered, left_over: share of the foreground (background) there with opacity over one half;
    holes_30: share of the filled silhouette, away from its edge, with opacity under 0.95 at yaw -30 and +30;
    seconds: photo to portrait. Raises InputError if there is no such folder or no picture in it.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}: name a folder of photographs.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"{folder} holds no picture: put {', '.join(SUFFIXES)} files of people into it.")
    figures = {}
    with LandmarkDetector() as detector:
        for path in paths:
            try:
                began = time.perf_counter()
                portrait = reconstruct(path, texture_size=texture_size)
                seconds = time.perf_counter() - began
            except InputError as error:
                log.warning("%s: %s", path.name, error)
                continue
            figures[path.name] = photo_figures(portrait, path, detector) | {"seconds": seconds}
    return figures


def photo_figures(portrait: Portrait, photo: Path, detector: LandmarkDetector) -> dict[str, float]:
    """Figures of one portrait against its photograph."""
    rgb = load_photograph(photo).rgb
    crop = sample_crop(rgb, portrait.crop.to_photo, VIEW_PX)
    inside = (
        sample_crop(np.full((*rgb.shape[:2], 1), 255, np.uint8), portrait.crop.to_photo, VIEW_PX, "zero")[..., 0] > 250
    )
    person = detector.person(crop)
    camera = portrait.camera(VIEW_PX, VIEW_PX)
    rgba, _ = portrait.render(camera, 2)
    over = linear_to_srgb(srgb_to_linear(rgba[..., :3]) * rgba[..., 3:] + 0.5 * (1.0 - rgba[..., 3:]))
    sure, off = _away_from_edge(person > 0.5) & inside, _away_from_edge(person <= 0.5) & inside
    turned = [portrait.render(camera.orbited(yaw), 1)[0][..., 3] for yaw in (-30.0, 30.0)]
    return picture_figures(over, crop / 255.0, sure) | {
        "covered": float((rgba[..., 3] > 0.5)[sure].mean()),
        "left_over": float((rgba[..., 3] > 0.5)[off].mean()) if off.any() else 0.0,
        "holes_30": float(np.mean([hole_share(opacity) for opacity in turned])),
    }


def picture_figures(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """PSNR and SSIM (mean of channels) of [H, W, 3] in 0..1 inside a mask [H, W]."""
    from skimage.metrics import structural_similarity

    squared = ((picture - truth) ** 2)[mask].mean()
    _, similarity = structural_similarity(truth, picture, channel_axis=-1, data_range=1.0, full=True)
    return {"psnr_db": float(-10.0 * np.log10(max(squared, 1e-10))), "ssim": float(similarity[mask].mean())}


def hole_share(opacity: np.ndarray) -> float:
    """Share of the filled silhouette away from its edge that is not opaque, of a drawn opacity [H, W]."""
    from scipy import ndimage

    silhouette = ndimage.binary_fill_holes(opacity > 0.5)
    sure = _away_from_edge(silhouette)
    return float((opacity < SOFT_OPACITY)[sure].mean()) if sure.any() else 1.0


def medians(figures: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    rows = list(figures)
    return {name: round(float(np.median([row[name] for row in rows])), 4) for name in rows[0]} if rows else {}


def _away_from_edge(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return ndimage.binary_erosion(mask, iterations=max(1, round(EDGE_SHARE * mask.shape[0])), border_value=1)
