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
    rows, columns = _window(np.logical_or.reduce([rgba[..., 3] > 0.0 for rgba, _ in drawn]))
    parts = [_premultiplied(rgba[rows, columns], depth[rows, columns]) for rgba, depth in drawn]
    if len(parts) == 1:
        return parts[0], rows.start, columns.start
    stack = np.stack(parts)  # [L, h, w, 5]
    stack = np.take_along_axis(stack, np.argsort(stack[..., 4], axis=0)[..., None], axis=0)
    picture = stack[-1]
    for nearer in stack[-2::-1]:
        picture[..., :4] = nearer[..., :4] + (1.0 - nearer[..., 3:4]) * picture[..., :4]
        picture[..., 4] = np.minimum(nearer[..., 4], picture[..., 4])
    return picture, rows.start, columns.start


def _premultiplied(rgba: np.ndarray, depth: np.ndarray) -> np.ndarray:
    colour = srgb_to_linear(rgba[..., :3]) * rgba[..., 3:]
    return np.concatenate([colour, rgba[..., 3:], depth[..., None]], axis=-1).astype(np.float32)


def _window(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
