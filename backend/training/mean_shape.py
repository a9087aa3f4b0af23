"""The mean radius that displacements start from: the median outermost surface of many subjects."""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from ..conventions import CHART_HALF_EXTENT
from ..manifolds import map_grid, resample_map
from ..networks.geometry import RADIUS_SIZE

MAX_RADIUS_M = 0.24
"""The body goes on below the picture; the sheets need not."""


def mean_shape_m(radii_m: Iterable[np.ndarray], template_m: np.ndarray) -> np.ndarray:
    """Radius maps [R, R] of subjects (0 where nothing is) to their median, [128, 128] float32, smooth and symmetric.

    Where few subjects have a surface it is the template's [G, G].
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
    logs = ndimage.gaussian_filter(logs[tuple(nearest)], 1.0)
    return resample_map(np.exp(logs), RADIUS_SIZE)
