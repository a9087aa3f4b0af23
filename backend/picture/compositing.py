"""Pictures with opacity laid over a plain background."""

import numpy as np

from ..conventions import linear_to_srgb, srgb_to_linear

GREY = 0.5
"""Linear light behind pictures that are compared, looked at by a detector or read by the networks."""


def over_grey(rgba: np.ndarray) -> np.ndarray:
    """A picture [H, W, 4] (straight, sRGB-encoded) over mid-grey: [H, W, 3] in 0..1, sRGB-encoded."""
    return over_light(rgba, np.array(GREY))


def over_light(rgba: np.ndarray, light: np.ndarray) -> np.ndarray:
    """As `over_grey`, over linear light [3] or [] in 0..1."""
    return np.asarray(linear_to_srgb(srgb_to_linear(rgba[..., :3]) * rgba[..., 3:] + light * (1.0 - rgba[..., 3:])))


def over_background(rgba: np.ndarray, background: np.ndarray) -> np.ndarray:
    """RGBA [H, W, 4] (straight sRGB, 0..1) over one sRGB colour [3], composited in linear light: [H, W, 3] uint8."""
    opacity = rgba[..., 3]
    pixels = to_bytes(np.where((opacity > 0.0)[..., None], rgba[..., :3], background))
    soft = (opacity > 0.0) & (opacity < 1.0)  # few: only they need the conversion there and back
    alpha = opacity[soft][:, None]
    linear = srgb_to_linear(rgba[..., :3][soft]) * alpha + srgb_to_linear(background) * (1.0 - alpha)
    pixels[soft] = to_bytes(linear_to_srgb(linear))
    return pixels


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Values 0..1 to 0..255, rounded and clipped, uint8."""
    scaled = np.clip(values, 0.0, 1.0)
    scaled *= 255.0
    return np.rint(scaled, out=scaled).astype(np.uint8)
