"""Figures of pictures: likeness to the truth, holes, bands."""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

EDGE_SHARE = 0.02
"""Figures leave out what is nearer than this share of the picture's height to the silhouette."""

SOFT_OPACITY = 0.95


def picture_figures(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """PSNR and SSIM (mean of channels) of [H, W, 3] in 0..1 inside a mask [H, W] that is not empty."""
    from skimage.metrics import structural_similarity

    squared = ((picture - truth) ** 2)[mask].mean()
    _, similarity = structural_similarity(truth, picture, channel_axis=-1, data_range=1.0, full=True)
    return {"psnr_db": float(-10.0 * np.log10(max(squared, 1e-10))), "ssim": float(similarity[mask].mean())}


def hole_share(opacity: np.ndarray) -> float:
    """Share of the filled silhouette away from its edge that is not opaque, of a drawn opacity [H, W]."""
    sure = silhouette(opacity)
    return float((opacity < SOFT_OPACITY)[sure].mean()) if sure.any() else 1.0


def silhouette(opacity: np.ndarray) -> np.ndarray:
    """The filled silhouette of a drawn opacity [H, W], away from its edge, [H, W] bool."""
    return away_from_edge(ndimage.binary_fill_holes(opacity > 0.5))


def laplacian_energy(picture: np.ndarray, mask: np.ndarray) -> float:
    """Mean square of the Laplacian of the channels' mean of [H, W, 3] inside a mask [H, W]; contour bands raise it."""
    return float((ndimage.laplace(picture.mean(-1)) ** 2)[mask].mean()) if mask.any() else 0.0


def away_from_edge(mask: np.ndarray) -> np.ndarray:
    """What of a mask [H, W] is farther than EDGE_SHARE of the height from its edge; the picture's border is none."""
    if mask.all():
        return mask
    return np.asarray(ndimage.distance_transform_edt(mask) > EDGE_SHARE * mask.shape[0])


def medians(figures: Iterable[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over those rows that have it."""
    rows = list(figures)
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: round(float(np.median([row[name] for row in rows if name in row])), 4) for name in names}
