"""Several portraits in one picture, as compositors take it: premultiplied linear light, and depth."""

from collections.abc import Sequence

import numpy as np

from .conventions import srgb_to_linear


def layered_picture(drawn: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, int, int]:
    """Pixel by pixel the nearer over the farther of RGBA [H, W, 4] (straight, sRGB-encoded) and depth [H, W].

    Returns the smallest part that holds all that is not empty, [h, w, 5] float32: premultiplied linear RGBA and the
    depth of the nearest, +inf where nothing is; and the row and the column at which it begins. There is at least one
    picture, and all have one size.
    """
    rows, columns = window = covered(np.maximum.reduce([rgba[..., 3] for rgba, _ in drawn]))
    parts = [np.dstack([premultiplied(rgba[window]), depth[window]]) for rgba, depth in drawn]
    if len(parts) == 1:
        return parts[0], rows.start, columns.start
    stack = np.stack(parts)  # [L, h, w, 5]
    stack = np.take_along_axis(stack, np.argsort(stack[..., 4], axis=0)[..., None], axis=0)
    picture = stack[-1]
    for nearer in stack[-2::-1]:
        picture[..., :4] = nearer[..., :4] + (1.0 - nearer[..., 3:4]) * picture[..., :4]
        picture[..., 4] = np.minimum(nearer[..., 4], picture[..., 4])
    return picture, rows.start, columns.start


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    """Straight sRGB-encoded RGBA [H, W, 4] as premultiplied linear light, float32; what is clear costs no time."""
    result = np.zeros(rgba.shape, np.float32)
    window = covered(rgba[..., 3])
    part = rgba[window]
    result[window] = np.concatenate([srgb_to_linear(part[..., :3]) * part[..., 3:], part[..., 3:]], axis=-1)
    return result


def covered(opacity: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest window of [H, W] that holds all that is not zero."""
    mask = opacity > 0.0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
