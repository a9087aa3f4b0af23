"""Pictures of floats at another size."""

import numpy as np
from PIL import Image


def resized(picture: np.ndarray, size_px: tuple[int, int], kind: Image.Resampling) -> np.ndarray:
    """A picture [H, W, C] of floats at a width and height, [height, width, C] float32, unrounded: Pillow has floats in
    single channels alone."""
    channels = np.moveaxis(picture, -1, 0)
    return np.stack([np.asarray(Image.fromarray(channel).resize(size_px, kind)) for channel in channels], -1)
