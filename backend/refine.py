"""Sharpening: the textures matched to the photograph itself, in its own view and at its own detail."""

import numpy as np
from scipy import ndimage

from .alignment import crop_half_size_px, sample_crop
from .backprojection import match_colours
from .portrait import Portrait

SOLID = 0.97
"""Opacity from which a pixel is the person alone, without background."""

EDGE_SHARE = 0.006
"""Pixels nearer than this share of the crop's side to its silhouette may hold background, and do not count."""


def refine(portrait: Portrait, photo: np.ndarray, steps: int) -> Portrait:
    """The portrait with the detail of its photo [H, W, 3] uint8, by `steps` of back-projection.

    Only colours that the photograph shows change, so that other views lose nothing.
    """
    if steps < 1:
        return portrait
    to_photo = portrait.crop.to_photo
    side_px = _side_px(to_photo, portrait.texture_size)
    wanted = sample_crop(photo, to_photo, side_px)
    inside = sample_crop(np.full((*photo.shape[:2], 1), 255, np.uint8), to_photo, side_px, "zero")[..., 0] > 250
    camera = portrait.camera(side_px, side_px)
    rgba, _ = portrait.render(camera)
    solid = (rgba[..., 3] > SOLID) & inside
    solid = ndimage.binary_erosion(solid, iterations=max(1, round(EDGE_SHARE * side_px)), border_value=1)
    weight = ndimage.gaussian_filter(solid.astype(np.float32), 1.0) * solid
    return match_colours(portrait, camera, wanted / np.float32(255.0), weight, steps, "sharpening")


def _side_px(crop_to_photo: np.ndarray, texture_size: int) -> int:
    """Side of the compared picture: the photograph's own, as far as textures of this size can tell."""
    return int(np.clip(np.ceil(2.0 * crop_half_size_px(crop_to_photo)), texture_size // 2, 1.5 * texture_size))
