"""Where a photograph can show a person: not where its file is clear, nor on a ground of one colour around the person.

Scans and figures that were cut out lie on such grounds, and many end at the neck: a segmentation of people takes the
ground below for their clothes.
"""

import numpy as np
from scipy import ndimage

from .photograph import Photograph

GROUND_LEVELS, LEAST_FLAT = 2, 0.99
"""So many levels of 255 are one colour, and so much of the picture's border has it where there is a ground."""

BLACK, WHITE = 5, 250
"""Clothes can be as dark or as light as these, too: such a ground has to go all around the person."""

MOST_PX = 2048
"""Of larger pictures only so many rows and columns are looked at."""


def possible(photograph: Photograph) -> np.ndarray | None:
    """Where a person can be, [H, W] uint8, 255 where nothing speaks against it; None if that is everywhere."""
    rgb, opacity = photograph.rgb, photograph.opacity
    step = -(-max(rgb.shape[:2]) // MOST_PX)
    ground = _ground(rgb[::step, ::step])
    if ground is None:
        return opacity
    full = np.repeat(np.repeat(ground, step, 0), step, 1)[: rgb.shape[0], : rgb.shape[1]]
    beside = np.where(full, np.uint8(0), np.uint8(255))
    return beside if opacity is None else np.minimum(beside, opacity)


def _ground(rgb: np.ndarray) -> np.ndarray | None:
    """The ground of a picture [h, w, 3], [h, w] bool, but for its own border; None if it has none of one colour."""
    middle = len(rgb) // 2
    above = np.concatenate([rgb[0], rgb[:middle, 0], rgb[:middle, -1]])
    colour = np.median(above, 0)
    if not _has(above, colour):
        return None
    below = np.concatenate([rgb[-1], rgb[middle:, 0], rgb[middle:, -1]])
    if (colour.max() <= BLACK or colour.min() >= WHITE) and not _has(below, colour):
        return None
    parts, _ = ndimage.label(_like(rgb, colour))
    reached = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return ndimage.binary_erosion(np.isin(parts, reached[reached > 0]), border_value=1)


def _has(pixels: np.ndarray, colour: np.ndarray) -> bool:
    return bool(_like(pixels, colour).mean() >= LEAST_FLAT)


def _like(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return (np.abs(pixels - colour.astype(np.int16)) <= GROUND_LEVELS).all(-1)
