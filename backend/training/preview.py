"""Contact sheets: what the data looks like, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..atomic import atomic_path
from ..conventions import linear_to_srgb, srgb_to_linear
from ..outputs.jpeg import save_small_jpeg
from .examples import UNKNOWN_DEPTH, Example

PAPER = 0.72
"""Linear grey that views are shown on."""

UNKNOWN = 0.2
"""Brightness of what is not to be learned."""


def on_paper(example: Example, view: int) -> np.ndarray:
    """A view over grey, composited in linear light and dark where it is unknown, [S, S, 3] uint8."""
    rgba = example.rgba[view]
    alpha = rgba[..., 3:] / 255.0
    linear = srgb_to_linear(rgba[..., :3] / 255.0) * alpha + PAPER * (1.0 - alpha)
    linear[example.depth[view] == UNKNOWN_DEPTH] *= UNKNOWN
    return (linear_to_srgb(np.clip(linear, 0, 1)) * 255 + 0.5).astype(np.uint8)


def subject_tile(example: Example, side_px: int) -> np.ndarray:
    """A subject: photograph and novel views; [side, N side, 3]."""
    return _row([example.photo, *(on_paper(example, view) for view in range(1, len(example.rgba)))], side_px)


def sheet(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles of one size in rows of `columns`, the last filled up with grey."""
    blank = np.full_like(tiles[0], 200)
    rows = [
        np.concatenate([*tiles[i : i + columns], *[blank] * (columns - len(tiles[i : i + columns]))], axis=1)
        for i in range(0, len(tiles), columns)
    ]
    return np.concatenate(rows, axis=0)


def save_sheet(path: Path, picture: np.ndarray) -> None:
    """Writes a sheet; a JPEG as `save_small_jpeg` does."""
    with atomic_path(path) as temporary:
        image = Image.fromarray(picture)
        if path.suffix.lower() in (".jpg", ".jpeg"):
            save_small_jpeg(image, temporary)
        else:
            image.save(temporary)


def _resized(picture: np.ndarray, side_px: int) -> np.ndarray:
    if picture.shape[0] == side_px:
        return picture
    return np.asarray(Image.fromarray(picture).resize((side_px, side_px), Image.Resampling.LANCZOS))


def portrait_tile(example: Example, side_px: int) -> np.ndarray:
    """A real portrait: photograph, segmentation, cut-out, and the depth that is known; [side, 4 side, 3]."""
    pictures = [example.photo, _grey(example.person), on_paper(example, 0), depth_picture(example.depth[0])]
    return _row(pictures, side_px)


def pair_tile(example: Example, side_px: int) -> np.ndarray:
    """A lifted pair: warped photograph, segmentation, its own view, and the photograph; [side, 4 side, 3]."""
    return _row([example.photo, _grey(example.person), on_paper(example, 0), on_paper(example, 1)], side_px)


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """Stored depth [S, S] uint16 as greys, near is bright, [S, S, 3] uint8."""
    on = (depth > 0) & (depth < UNKNOWN_DEPTH)
    if not on.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = np.percentile(depth[on], [0.5, 99.5])
    return _grey(np.where(on, 255 - 215 * np.clip((depth - near) / max(far - near, 1), 0, 1), 0))


def _row(pictures: Sequence[np.ndarray], side_px: int) -> np.ndarray:
    return np.concatenate([_resized(picture, side_px) for picture in pictures], axis=1)


def _grey(values: np.ndarray) -> np.ndarray:
    """[S, S] in 0..255 to [S, S, 3] uint8."""
    return np.repeat(values.astype(np.uint8)[..., None], 3, -1)
