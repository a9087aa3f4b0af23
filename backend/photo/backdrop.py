"""Where a photograph can show a person: not where its file is clear, nor on a ground of one colour around the person.

Scans and figures that were cut out lie on such grounds, and many end at the neck: a segmentation of people takes the
ground below for their clothes.
"""

import numpy as np
from scipy import ndimage

from .alignment import sample_crop
from .photograph import Photograph

GROUND_LEVELS = 2
"""Colours that differ by so many levels of 255 are one."""

LEAST_FLAT = 0.99
"""Where there is a ground so much of the picture's border above and beside has one colour."""

LEAST_BELOW = 0.6
"""And so much of it below: less is a body's, whose clothes may be as light or as dark."""

DARK, LIGHT = 40, 220
"""A ground with all channels below or above these, as clothes often have, goes around the person below, too."""

MOST_PX = 2048
"""Of larger pictures only so many rows and columns are looked at."""


def where_person_can_be(photograph: Photograph) -> np.ndarray | None:
    """Where a person can be, [H, W] uint8, 255 where nothing speaks against it; None if that is everywhere."""
    rgb, opacity = photograph.rgb, photograph.opacity
    step = -(-max(rgb.shape[:2]) // MOST_PX)
    ground = _ground(rgb[::step, ::step])
    if ground is None:
        return opacity
    full = np.repeat(np.repeat(ground, step, 0), step, 1)[: rgb.shape[0], : rgb.shape[1]]
    beside = np.where(full, np.uint8(0), np.uint8(255))
    return beside if opacity is None else np.minimum(beside, opacity)


def sampled(can_be: np.ndarray | None, crop_to_photo: np.ndarray, size_px: int) -> np.ndarray:
    """What `where_person_can_be` says of a photo, in a crop of it: [size, size] float32, 0..1."""
    if can_be is None:
        return np.ones((size_px, size_px), np.float32)
    return sample_crop(can_be[..., None], crop_to_photo, size_px)[..., 0] / np.float32(255.0)


def _ground(rgb: np.ndarray) -> np.ndarray | None:
    """The ground of a picture [h, w, 3], [h, w] bool, but for its outline; None if it has none of one colour."""
    around = np.concatenate([rgb[0], rgb[:, 0], rgb[:, -1]])
    colour = np.median(around, 0)
    least_below = LEAST_FLAT if colour.max() < DARK or colour.min() > LIGHT else LEAST_BELOW
    if _like(around, colour).mean() < LEAST_FLAT or _like(rgb[-1], colour).mean() < least_below:
        return None
    parts, _ = ndimage.label(_like(rgb, colour))
    reached = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return ndimage.binary_erosion(np.isin(parts, reached[reached > 0]), border_value=1)


def _like(pixels: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Where pixels [..., 3] have a colour [3], [...] bool."""
    return (np.abs(pixels - colour.astype(np.int16)) <= GROUND_LEVELS).all(-1)
