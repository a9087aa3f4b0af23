"""The made portrait's paint: RGBA as smooth functions of direction, no feature sharper than about three texels.

Each function takes unit directions [..., 3] and returns [..., 4], sRGB-encoded, straight opacity, 0..1. A face is
painted in metres on the skin as seen from the front: x to the right, y up, the eyes at y = EYES_M[1].
"""

from collections.abc import Callable

import numpy as np

from ..manifolds import direction_to_chart
from ..ramps import smoothstep

Surface = Callable[[np.ndarray], np.ndarray]

EYES_M = (0.032, 0.008)
MOUTH_Y_M = -0.064
_SOFT_M = 0.0019  # three texels of a 512 texture on the face

_SKIN = np.array([0.91, 0.73, 0.63])
_BLUSH = np.array([0.86, 0.53, 0.47])
_SHADE = np.array([0.62, 0.41, 0.35])
_LIPS = np.array([0.74, 0.36, 0.36])
_LINE = np.array([0.23, 0.13, 0.11])
_WHITE = np.array([0.95, 0.94, 0.93])
_IRIS = np.array([0.25, 0.42, 0.48])
_HAIR = np.array([0.27, 0.16, 0.10])
_HAIR_LIGHT = np.array([0.60, 0.41, 0.25])
_CLOTHES = np.array([0.20, 0.33, 0.47])
_COLLAR = np.array([0.88, 0.88, 0.86])


def paint_skin(directions: np.ndarray, surface_m: Surface) -> np.ndarray:
    """The opaque skin with the face on it; it ends at the chart's border and, under the clothes, below the neck."""
    points = surface_m(directions)[..., None] * directions
    x, y = points[..., 0], points[..., 1]
    side = np.abs(x)
    front = _step(0.02, 0.05, points[..., 2])
    colour = np.broadcast_to(_SKIN, directions.shape)

    def layer(target: np.ndarray, amount: np.ndarray) -> None:
        nonlocal colour
        colour = colour + (front * amount)[..., None] * (target - colour)

    layer(_BLUSH, 0.40 * _spot(side - 0.043, y + 0.032, 0.018, 0.014))
    layer(_BLUSH, 0.30 * _spot(x, y + 0.038, 0.012, 0.010))
    layer(_SHADE, 0.55 * _spot(side - 0.0085, y + 0.0465, 0.0042, 0.0026))  # nostrils
    layer(_SHADE, 0.30 * _spot(x, y + 0.0495, 0.013, 0.0035))
    layer(_SHADE, 0.22 * _spot(side - 0.0165, y + 0.040, 0.0035, 0.007))  # wings
    layer(_SHADE, 0.30 * _spot(side - 0.019, y - 0.010, 0.008, 0.012))  # sockets
    layer(_SHADE, 0.22 * _spot(x, y + 0.083, 0.014, 0.004))  # under the lower lip
    _mouth(layer, x, y)
    _eyes(layer, side - EYES_M[0], y - EYES_M[1], x - np.sign(x) * EYES_M[0])
    brow_y = y - 0.0285 - 0.0035 * (1.0 - ((side - 0.037) / 0.02) ** 2) * _step(0.06, 0.02, side)
    layer(_HAIR, 0.85 * _spot4((side - 0.034) / 0.0185, brow_y / (0.0042 - 0.05 * (side - 0.034))))
    neck = 0.40 * _step(-0.83, -0.91, directions[..., 1])
    colour = colour + neck[..., None] * (_SHADE - colour)
    colour = colour * _light(directions, surface_m)[..., None]
    scalp = _hair_edge(directions, 0.08)  # under the hair
    colour = colour + scalp[..., None] * (0.7 * _HAIR - colour)
    opacity = _chart_window(directions) * _step(-0.165, -0.145, y)
    return _rgba(colour, opacity)


def paint_hair(directions: np.ndarray, height: float, skin_m: Surface) -> np.ndarray:
    """One sheet of hair at `height` 0 (roots) to 1 (outermost): soft strands, a fringe, ragged ends."""
    x, y, z = np.moveaxis(directions, -1, 0)
    azimuth, elevation = np.arctan2(x, z), np.arcsin(np.clip(y, -1.0, 1.0))
    # Strands run down from the crown; near it their waves would get too short, so they fade out.
    calm = _step(0.20, 0.55, np.hypot(x, z))
    bend = 2.2 * elevation + 0.5 * np.sin(3.0 * elevation + 9.0 * height)
    wave = np.sin(23.0 * azimuth + 4.0 * bend + 17.0 * height) + np.sin(41.0 * azimuth - 3.0 * bend + 43.0 * height)
    strand = 0.5 + 0.25 * calm * wave  # 0..1
    ragged = 0.10 * (strand - 0.5) + 0.05 * calm * np.sin(11.0 * azimuth + 31.0 * height)
    inside = _hair_edge(directions, 0.06 * (1.0 - height) ** 2 - 0.40 * height * (1.0 - height) + ragged)
    drop_m = y * skin_m(directions)
    ends = _step(-0.098 + 0.25 * ragged + 0.03 * height, -0.070 + 0.25 * ragged + 0.03 * height, drop_m)
    density = 0.85 * (1.0 - 0.4 * height - (0.3 + 0.3 * height) * (1.0 - strand)) * _step(1.02, 0.55, height)
    gloss = np.exp(-(((elevation - 0.80 - 0.1 * np.cos(azimuth)) / 0.16) ** 2)) * _step(-0.3, 0.6, z)
    light = 0.30 + 0.25 * height + 0.35 * (strand - 0.5) + 0.45 * gloss * strand
    tone = np.clip(light, 0.0, 1.0)[..., None]
    shade = (0.72 + 0.28 * _step(-0.5, 0.7, y))[..., None]
    return _rgba((_HAIR + tone * (_HAIR_LIGHT - _HAIR)) * shade, inside * ends * density * _chart_window(directions))


def paint_clothes(directions: np.ndarray, inner: bool, surface_m: Surface) -> np.ndarray:
    """A jumper on the shoulders, with a light collar round an open neck and a soft end at the chest."""
    points = surface_m(directions)[..., None] * directions
    x, y = points[..., 0], points[..., 1]
    aside = np.maximum(np.abs(x) - 0.05, 0.0)
    height = y + 0.138 + 0.20 * aside if inner else y + 0.146 + 0.08 * aside  # above the seam
    opening = _step(0.004, -0.006, height)
    collar = _step(-0.015, -0.009, height) * inner
    knit = 0.04 * np.sin(x * 2.0 * np.pi / 0.016) * np.sin(y * 2.0 * np.pi / 0.020)
    colour = (_CLOTHES + knit[..., None]) + collar[..., None] * (_COLLAR - _CLOTHES - knit[..., None])
    colour = colour * _light(directions, surface_m)[..., None]
    low = _step(-0.225, -0.200, y)
    return _rgba(colour, opening * low * _chart_window(directions))


def _mouth(layer: Callable[[np.ndarray, np.ndarray], None], x: np.ndarray, y: np.ndarray) -> None:
    half = np.clip(np.abs(x) / 0.0245, 0.0, 1.0)
    line = y - MOUTH_Y_M - 0.0030 * half**2 + 0.0008 * np.cos(np.pi * half)  # a slight smile
    taper = np.sqrt(np.maximum(1.0 - half**2, 0.0) + 1e-4)
    bow = 0.0065 * taper * (1.0 - 0.16 * np.exp(-((x / 0.005) ** 2)))
    upper = _step(-_SOFT_M, 0.0, line) * _step(bow + _SOFT_M, bow - _SOFT_M, line)
    lower = _step(_SOFT_M, 0.0, line) * _step(-0.0088 * taper - _SOFT_M, -0.0088 * taper + _SOFT_M, line)
    width = _step(0.0262, 0.0222, np.abs(x))
    layer(_LIPS, 0.95 * width * upper)
    layer(_LIPS * 1.12, 0.90 * width * lower)
    layer(_WHITE, 0.22 * _spot(x + 0.004, line + 0.0045, 0.007, 0.0016))
    layer(_LINE, 0.75 * width * np.exp(-((line / 0.0012) ** 2)))


def _eyes(layer: Callable[[np.ndarray, np.ndarray], None], x: np.ndarray, y: np.ndarray, turned_x: np.ndarray) -> None:
    """Both eyes at once: x outwards and y up from the eye's centre; turned_x to the right, for the light in them."""
    across = np.clip(x / 0.0158, -1.0, 1.0)
    upper_m = 0.0068 * (1.0 - across**2) + 0.0012 * across
    lower_m = -0.0054 * (1.0 - across**2) + 0.0012 * across
    gap = _step(upper_m + 0.5 * _SOFT_M, upper_m - 0.5 * _SOFT_M, y)
    gap = gap * _step(lower_m - 0.5 * _SOFT_M, lower_m + 0.5 * _SOFT_M, y) * _step(0.0168, 0.0145, np.abs(x))
    distance = np.hypot(x, y - 0.0008)
    layer(_SHADE, 0.28 * np.exp(-(((y - upper_m - 0.0048) / 0.0020) ** 2)) * _step(0.018, 0.010, np.abs(x)))  # crease
    layer(_WHITE, gap)
    layer(_SHADE, 0.35 * gap * _step(0.004, 0.0075, y))
    layer(0.55 * _IRIS, gap * _step(0.0075, 0.0058, distance))
    layer(_IRIS, gap * _step(0.0062, 0.0042, distance))
    layer(1.5 * _IRIS, 0.5 * gap * _spot(x, y + 0.0025, 0.0035, 0.0022))
    layer(np.array([0.04, 0.03, 0.03]), gap * _step(0.0036, 0.0018, distance))
    layer(np.ones(3), 0.95 * _spot(turned_x + 0.0020, y - 0.0030, 0.0013, 0.0013))
    lash = np.exp(-(((y - upper_m - 0.0004) / 0.0015) ** 2)) * _step(0.0185, 0.0150, np.abs(x))
    layer(_LINE, 0.90 * lash)
    layer(_LINE, 0.30 * np.exp(-(((y - lower_m) / 0.0011) ** 2)) * _step(0.0165, 0.0130, np.abs(x)))


def _hair_edge(directions: np.ndarray, inset: np.ndarray | float) -> np.ndarray:
    """0 on the face to 1 in the hair: outside an oval of azimuth and elevation, swept a little to one side."""
    x, y, z = np.moveaxis(directions, -1, 0)
    azimuth, elevation = np.arctan2(x, z), np.arcsin(np.clip(y, -1.0, 1.0))
    sweep = 0.10 * np.sin(azimuth) * _step(0.0, 0.5, elevation)
    oval = np.hypot(azimuth / 1.14, (elevation + 0.36 - sweep) / 1.02)
    return _step(1.0 + inset, 1.07 + inset, oval) * _step(-0.95, -0.8, elevation)


def _light(directions: np.ndarray, surface_m: Surface) -> np.ndarray:
    """Soft light from the upper left and in front of a surface, about 0.6 to 1.08; [...]."""
    step = 1e-3
    slopes = [surface_m(directions + step * axis) - surface_m(directions - step * axis) for axis in np.eye(3)]
    gradient = np.stack(slopes, axis=-1) / (2.0 * step)
    radius = surface_m(directions)[..., None]
    normal = radius * directions - (gradient - (gradient * directions).sum(-1, keepdims=True) * directions)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    key = np.array([-0.42, 0.50, 0.76])
    return 0.62 + 0.46 * np.clip(0.5 + 0.5 * normal @ (key / np.linalg.norm(key)), 0.0, 1.0) ** 1.6


def _chart_window(directions: np.ndarray) -> np.ndarray:
    """1, falling to 0 before the chart's border (110 degrees from the front in the middle of its sides)."""
    u, v = np.moveaxis(direction_to_chart(directions), -1, 0)
    return _step(1.57, 1.49, (u**4 + v**4) ** 0.25) * (directions[..., 2] > -0.9)


def _step(start: np.ndarray | float, end: np.ndarray | float, value: np.ndarray | float) -> np.ndarray:
    """Smoothstep: 0 at `start`, 1 at `end` (which may be the smaller)."""
    return smoothstep(np.clip((np.asarray(value) - start) / (np.asarray(end) - start), 0.0, 1.0))


def _spot(x: np.ndarray, y: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.exp(-((x / width) ** 2) - (y / height) ** 2)


def _spot4(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.exp(-(x**4) - y**4)


def _rgba(colour: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return np.clip(np.concatenate([colour, opacity[..., None]], axis=-1), 0.0, 1.0)
