"""The mean radius that displacements start from: the median outermost surface of many subjects."""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from ..conventions import CHART_HALF_EXTENT
from ..manifolds import map_grid, resample_map
from ..networks.chart_maps import beside_face
from ..networks.sheet_geometry import RADIUS_SIZE

MAX_RADIUS_M = 0.24
"""The body goes on below the picture; the sheets need not."""

SMOOTHING, RELIEF_SMOOTHING = 1.0, 1.2
"""Of the median's texels, and of those of the face's relief, which are half as large."""


def mean_shape_m(radii_m: Iterable[np.ndarray], template_m: np.ndarray, face_m: np.ndarray) -> np.ndarray:
    """Radius maps [R, R] of subjects (0 where nothing is) to their median, [128, 128] float32, smooth and symmetric.

    Where few subjects have a surface it is the template's [G, G]. What smoothing takes off the nose and out of the
    eyes is put back from `face_m` [128, 128], the mean head's skin (0 where there is none).
    """
    stack = np.stack(list(radii_m))  # [N, R, R]
    size = stack.shape[1]
    known = stack > 0
    capped = np.where(known, np.minimum(stack, MAX_RADIUS_M), np.nan)
    enough = known.mean(0) > 0.5
    median = np.nanmedian(np.where(enough, capped, 1.0), axis=0)
    logs = np.log(np.where(enough, median, resample_map(template_m, size)))
    logs = 0.5 * (logs + logs[:, ::-1])
    # Beyond the chart's disc nothing is ever seen: carry the border on.
    outside = np.linalg.norm(map_grid(size), axis=-1) > CHART_HALF_EXTENT * 1.08
    nearest = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    logs = ndimage.gaussian_filter(logs[tuple(nearest)], SMOOTHING)
    return resample_map(np.exp(logs), RADIUS_SIZE) * np.exp(_relief(face_m, size))


def _relief(face_m: np.ndarray, size: int) -> np.ndarray:
    """Log radius [128, 128] that a map of `size` texels a side loses of the face by smoothing; zero beside the face."""
    hollow = face_m < 0.5 * np.median(face_m[face_m > 0])  # between the lids and the lips
    nearest = ndimage.distance_transform_edt(hollow, return_distances=False, return_indices=True)
    logs = np.log(face_m[tuple(nearest)])
    smooth = resample_map(ndimage.gaussian_filter(resample_map(logs, size), SMOOTHING), RADIUS_SIZE)
    relief = ndimage.gaussian_filter(logs - smooth, RELIEF_SMOOTHING)
    return ((1.0 - beside_face(RADIUS_SIZE, CHART_HALF_EXTENT).numpy()) * relief).astype(np.float32)
