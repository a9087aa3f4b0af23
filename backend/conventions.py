"""Everything that two parts of the project must agree on: axes, units, pixel centres, colour.

Portrait space   right-handed, metres; x to the right of the input picture, y up, z from the head to the viewer;
                 origin inside the head, at the chart's centre. Mean distance between the eyes' centres 0.064 m.
Camera           pinhole, OpenGL axes (x right, y up, looks along -z), `camera_to_world` 4x4.
Pixels           x to the right, y down; the centre of the first pixel is (0.5, 0.5).
Chart            Lambert azimuthal equal-area about +z: (u, v) = sqrt(2 / (1 + d_z)) (d_x, d_y), y up. A map over the
                 chart is a square picture of [-half_extent, half_extent]^2 with its first row at the top and texel
                 centres at half-integers, whatever its resolution.
Colour           stored sRGB-encoded with straight alpha; composited in linear light.
Depth            distance along the camera's -z axis in metres; +inf where opacity < MIN_OPACITY.
"""

from math import radians, sin
from typing import Literal

import numpy as np

EYE_DISTANCE_M = 0.064
"""Mean distance between the centres of the two eyes."""

CHART_HALF_EXTENT = 2.0 * sin(radians(110.0) / 2.0)
"""Half the side of the chart's square: it reaches 110 degrees from +z at the middle of each side. So the networks have
it, and portraits that do not say otherwise."""

WIDE_HALF_EXTENT = 2.0 * sin(radians(140.0) / 2.0)
"""Of portraits made from photographs: turned by 45 degrees the back of a head is seen to where it ends."""

WHORL = (0.05, 0.87, -0.49)
"""Direction from the head's centre to where its hair grows from."""

SHEETS = 24
"""Number of radiance manifolds in a portrait, innermost first."""

DISPLACEMENT_SIZE = 64
"""Side of a portrait's displacement map."""

TEXTURE_SIZES = (256, 512, 1024)
"""Sides of a sheet's texture that photographs are made into, in texels."""

TEXTURE_SIZE = 512
"""By default: 0.6 to 0.7 mm a texel on the face."""

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp")
"""What counts as a photograph by its name; any name is read where it is given itself."""

MAX_REFINE_STEPS = 10_000
"""Steps by which textures are matched longer to the photograph, at the most."""

SEEN_MARGIN_M = 0.010
"""A texel so far behind the surface that a camera sees still takes its picture's colour; where sheets lie far apart, in
proportion."""

SEEN_SOFTNESS_M = 0.003
"""And farther behind it takes less and less: a logistic function of this width."""

MIN_OPACITY = 1.0 / 255.0
"""Composited opacity below which a pixel has no depth."""

LUMA = (0.2126, 0.7152, 0.0722)
"""Shares of red, green and blue in brightness (ITU-R BT.709)."""

CROP_SCALE = 1.35
"""This project's crop over the FFHQ crop, so that hair and shoulders are inside."""

FFHQ_FOV_DEG = 12.0
"""Field of view across the FFHQ crop where nothing better is known of the lens."""

PROMISED_YAW_DEG, PROMISED_PITCH_DEG = 45.0, 25.0
"""Turns from the photograph's own view, to either side and up or down, within which a portrait is meant to hold up."""

PORTRAIT_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Portrait (x, y, z) to Blender (x, -z, y): z up, the face looks along -Y, one unit one metre."""


def srgb_to_linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB-encoded values in 0..1 to linear light (IEC 61966-2-1), any shape."""
    encoded = np.asarray(encoded)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((np.maximum(encoded, 0.0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light in 0..1 to sRGB-encoded values (IEC 61966-2-1), any shape."""
    linear = np.asarray(linear)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-12) ** (1.0 / 2.4) - 0.055)


Device = Literal["auto", "cpu", "cuda"]
"""What commands take for `--device`; the Python API takes one of several GPUs, too."""
