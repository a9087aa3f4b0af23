"""Linear light for compositors: several portraits in one picture, and pictures that were encoded."""

from collections.abc import Sequence

import numpy as np

from ...cuda_ops.native import Light
from ..conventions import srgb_to_linear


def layered_picture(drawn: Sequence[Light]) -> Light:
    """Pixel by pixel the nearer over the farther; there is at least one."""
    if len(drawn) == 1:
        return drawn[0]
    left, bottom = min(light.left_px for light in drawn), min(light.bottom_px for light in drawn)
    right = max(light.left_px + light.depth.shape[1] for light in drawn)
    top = max(light.bottom_px + light.depth.shape[0] for light in drawn)
    stack = np.zeros((len(drawn), top - bottom, right - left, 5), np.float32)
    stack[..., 4] = np.inf
    for light, layer in zip(drawn, stack, strict=True):
        rows, columns = light.depth.shape
        row, column = light.bottom_px - bottom, light.left_px - left
        layer[row : row + rows, column : column + columns] = np.dstack([light.rgba, light.depth])
    stack = np.take_along_axis(stack, np.argsort(stack[..., 4], axis=0)[..., None], axis=0)
    picture = stack[-1]
    for nearer in stack[-2::-1]:
        picture[..., :4] = nearer[..., :4] + (1.0 - nearer[..., 3:4]) * picture[..., :4]
        picture[..., 4] = np.minimum(nearer[..., 4], picture[..., 4])
    return Light(np.ascontiguousarray(picture[..., :4]), np.ascontiguousarray(picture[..., 4]), left, bottom)


def whole_picture(light: Light, width_px: int, height_px: int) -> tuple[np.ndarray, np.ndarray]:
    """RGBA [H, W, 4] (premultiplied linear light, half precision) and depth [H, W] float32, first row at the top."""
    rgba = np.zeros((height_px, width_px, 4), np.float16)
    depth = np.full((height_px, width_px), np.inf, np.float32)
    rows, columns = light.depth.shape
    top = height_px - light.bottom_px - rows
    window = slice(top, top + rows), slice(light.left_px, light.left_px + columns)
    rgba[window], depth[window] = light.rgba[::-1], light.depth[::-1]
    return rgba, depth


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
