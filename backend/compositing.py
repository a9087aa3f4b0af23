"""Pictures with opacity laid over a plain background."""

import numpy as np

from .conventions import linear_to_srgb, srgb_to_linear

GREY = 0.5
"""Linear light behind pictures that are compared, looked at by a detector or read by the networks."""


def over_grey(rgba: np.ndarray) -> np.ndarray:
    """A picture [H, W, 4] (straight, sRGB-encoded) over mid-grey: [H, W, 3] in 0..1, sRGB-encoded."""
    return over_light(rgba, np.array(GREY))


def over_light(rgba: np.ndarray, light: np.ndarray) -> np.ndarray:
    """As `over_grey`, over linear light [3] or [] in 0..1."""
    return np.asarray(linear_to_srgb(srgb_to_linear(rgba[..., :3]) * rgba[..., 3:] + light * (1.0 - rgba[..., 3:])))
