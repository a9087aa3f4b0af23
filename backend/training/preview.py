"""Contact sheets: what the data looks like, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..atomic import atomic_path
from ..conventions import linear_to_srgb, srgb_to_linear
from .shards import Example
from .views import SubjectViews, View

PAPER = 0.72
"""Linear grey that novel views are shown on."""


def on_paper(view: View) -> np.ndarray:
    """A view over grey, composited in linear light, [S, S, 3] uint8."""
    alpha = view.rgba[..., 3:] / 255.0
    linear = srgb_to_linear(view.rgba[..., :3] / 255.0) * alpha + PAPER * (1.0 - alpha)
    return (linear_to_srgb(np.clip(linear, 0, 1)) * 255 + 0.5).astype(np.uint8)


def subject_tile(views: SubjectViews, side_px: int) -> np.ndarray:
    """Input photograph and novel views in a row, [side, (1 + N) side, 3]."""
    pictures = [views.photo, *(on_paper(view) for view in views.novel)]
    return np.concatenate([_resized(picture, side_px) for picture in pictures], axis=1)


def sheet(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles of one size in rows of `columns`, the last filled up with grey."""
    blank = np.full_like(tiles[0], 200)
    rows = [
        np.concatenate([*tiles[i : i + columns], *[blank] * (columns - len(tiles[i : i + columns]))], axis=1)
        for i in range(0, len(tiles), columns)
    ]
    return np.concatenate(rows, axis=0)


def save_sheet(path: Path, picture: np.ndarray, max_bytes: int = 300_000) -> None:
    """Writes a sheet; a JPEG at the best quality that stays under `max_bytes`."""
    with atomic_path(path) as temporary:
        image = Image.fromarray(picture)
        if path.suffix.lower() not in (".jpg", ".jpeg"):
            image.save(temporary)
            return
        for quality in (92, 88, 84, 80, 75, 70, 60, 50, 40):
            image.save(temporary, quality=quality, optimize=True)
            if temporary.stat().st_size <= max_bytes:
                return


def _resized(picture: np.ndarray, side_px: int) -> np.ndarray:
    if picture.shape[0] == side_px:
        return picture
    return np.asarray(Image.fromarray(picture).resize((side_px, side_px), Image.Resampling.LANCZOS))


def portrait_tile(example: Example, side_px: int) -> np.ndarray:
    """A real portrait: crop, cut-out, depth, and where depth was measured; [side, 4 side, 3]."""
    alpha = example["opacity"][..., None] / 255.0
    cut = srgb_to_linear(example["foreground"] / 255.0) * alpha + PAPER * (1.0 - alpha)
    pictures = [
        example["photo"],
        (linear_to_srgb(cut) * 255).astype(np.uint8),
        depth_picture(example["depth"]),
        np.where(example["measured"][..., None] > 127, depth_picture(example["depth"]), np.uint8(40)),
    ]
    return np.concatenate([_resized(picture, side_px) for picture in pictures], axis=1)


def pair_tile(example: Example, side_px: int) -> np.ndarray:
    """A lifted pair: warped input, what of it is the photograph, target, what of that the input shows."""
    pictures = [
        example["lifted_photo"],
        np.repeat(example["lifted_shown"][..., None], 3, -1),
        example["photo"],
        (example["photo"] * (0.2 + 0.8 * (example["target_visible"][..., None] > 127))).astype(np.uint8),
    ]
    return np.concatenate([_resized(picture, side_px) for picture in pictures], axis=1)


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """Stored depth [S, S] uint16 as greys, near is bright, [S, S, 3] uint8."""
    on = depth > 0
    if not on.any():
        return np.zeros((*depth.shape, 3), np.uint8)
    near, far = np.percentile(depth[on], [0.5, 99.5])
    grey = np.where(on, 255 - 215 * np.clip((depth - near) / max(far - near, 1), 0, 1), 0)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, -1)
