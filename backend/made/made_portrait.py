"""A made portrait: an analytic head for tests and examples that needs no photograph and no network.

Its surfaces and its paint (made_portrait_paint.py) are smooth functions of the direction from the head's centre, so
that a ray tracer can evaluate them exactly (tests/made_portrait_truth.py) and a renderer of the sampled maps and
textures can be checked against it. The skin is the sheet at offset 0; hair floats on sheets outside it; the clothes are
two sheets further out, where the spread takes them to the shoulders.
"""

import numpy as np

from ..camera import Camera, look_at
from ..conventions import CHART_HALF_EXTENT
from ..manifolds import Manifolds, chart_to_direction, map_grid
from ..portrait import PROVENANCE, Crop, Portrait
from .made_portrait_paint import paint_clothes, paint_hair, paint_skin

PICTURE_WIDTH_M = 0.346
CAMERA_DISTANCE_M = 1.2
COLLAR_OFFSET_M, SHOULDERS_OFFSET_M = 0.026, 0.046
HAIR_OFFSETS_M = (0.001, 0.0235)
_RADIUS_SIZE, _DISPLACEMENT_SIZE = 128, 64

# Bumps on the skull: direction (x, y, z), width (rad), height (m). Mirrored in x where x is not 0.
_BUMPS = (
    ((0.0, -0.10, 1.0), 0.100, 0.009),  # bridge of the nose
    ((0.0, -0.33, 1.0), 0.110, 0.019),  # tip of the nose
    ((0.16, -0.37, 1.0), 0.090, 0.003),  # wings of the nose
    ((0.0, -0.72, 1.0), 0.210, 0.010),  # mouth
    ((0.0, -1.30, 1.0), 0.190, 0.008),  # chin
    ((0.38, 0.08, 1.0), 0.130, -0.006),  # sockets
    ((0.30, 0.38, 1.0), 0.200, 0.003),  # brow
    ((0.62, -0.38, 1.0), 0.220, 0.004),  # cheeks
    ((1.0, -0.05, -0.03), 0.130, 0.005),  # ears, under the hair
)


def made_portrait(texture_size: int = 512, sheets: int = 24) -> Portrait:
    """The made portrait with textures of `texture_size` texels (a power of two) on `sheets` sheets (1 to 64)."""
    offsets = made_offsets_m(sheets)
    directions = chart_to_direction(map_grid(texture_size))
    textures = np.zeros((sheets, texture_size, texture_size, 4), np.uint8)
    for sheet in painted_sheets(offsets):
        textures[sheet] = np.rint(255.0 * paint(offsets, sheet, directions))
    coarse, fine = (chart_to_direction(map_grid(size)) for size in (_DISPLACEMENT_SIZE, _RADIUS_SIZE))
    manifolds = Manifolds(radius_m(fine), spread(fine), displacement_m(coarse), offsets, CHART_HALF_EXTENT)
    half = 0.5 * made_camera().width_px
    crop = Crop(np.array([[half, 0.0, half], [0.0, half, half]]))
    provenance = PROVENANCE.replace("a person, made from one photograph", "a person who does not exist, drawn")
    return Portrait(manifolds, textures, made_camera(), crop, weights_id="made portrait", provenance=provenance)


def made_camera() -> Camera:
    """The made photograph's camera: 512 x 512 pixels, 1.2 m in front of the origin."""
    fov_deg = 2.0 * np.degrees(np.arctan(0.5 * PICTURE_WIDTH_M / CAMERA_DISTANCE_M))
    return look_at((0.0, 0.0, CAMERA_DISTANCE_M), fov_deg=float(fov_deg), width_px=512, height_px=512)


def made_offsets_m(sheets: int) -> np.ndarray:
    """Ascending offsets [sheets] float64, about -0.01 to 0.053, one of them exactly 0 (the skin)."""
    skin = round(0.26 * (sheets - 1))
    step = 0.22 / max(sheets - 1 - skin, 1)
    root = step * (np.arange(sheets) - skin)
    return np.asarray(np.sign(root) * root**2 + 0.02 * root, np.float32).astype(np.float64)


def radius_m(directions: np.ndarray) -> np.ndarray:
    """r [...] at unit directions [..., 3]: skull and neck, smoothly joined, and the features' bumps."""
    skull: np.ndarray = ((directions / (0.077, 0.117, 0.091)) ** 2).sum(-1) ** -0.5
    x, y, z = np.moveaxis(directions, -1, 0)
    below = np.where(y < 0.0, 0.156, 0.055)  # the neck goes down, not up
    neck: np.ndarray = ((np.hypot(x, 1.08 * z) / 0.056) ** 3 + np.abs(y / below) ** 3) ** (-1.0 / 3.0)
    radius: np.ndarray = (skull**14 + neck**14) ** (1.0 / 14.0)
    for centre, width_rad, height_m in _BUMPS:
        for side in (1.0, -1.0) if centre[0] else (1.0,):
            axis = np.array(centre) * (side, 1.0, 1.0)
            cosine = directions @ (axis / np.linalg.norm(axis))
            radius = radius + height_m * np.exp((cosine - 1.0) / width_rad**2)
    return radius


def displacement_m(directions: np.ndarray) -> np.ndarray:
    """delta [...] at unit directions [..., 3]: a slightly longer, narrower and uneven face."""
    x, y, z = np.moveaxis(directions, -1, 0)
    return 0.003 * y**2 - 0.002 * x**2 + 0.0015 * x * y + 0.001 * z


def spread(directions: np.ndarray) -> np.ndarray:
    """w [...] at unit directions [..., 3]: 1 on the head, up to 2.5 towards the shoulders."""
    x, y, z = np.moveaxis(directions, -1, 0)
    low = np.clip((-y - 0.20) / 0.62, 0.0, 1.0)
    aside = x**2 / (x**2 + 0.5 * z**2 + 0.12)
    widening: np.ndarray = 1.0 + 2.4 * low**2 * (3.0 - 2.0 * low) * aside
    return widening


def skin_m(directions: np.ndarray) -> np.ndarray:
    """Distance [...] of the skin, r + delta."""
    return radius_m(directions) + displacement_m(directions)


def painted_sheets(offsets_m: np.ndarray) -> list[int]:
    """Indices of the sheets that are not empty, ascending."""
    hair = (offsets_m >= HAIR_OFFSETS_M[0]) & (offsets_m <= HAIR_OFFSETS_M[1])
    skin = int(np.flatnonzero(offsets_m == 0.0)[0])
    return sorted({skin, *np.flatnonzero(hair).tolist(), *_clothes_sheets(offsets_m)})


def paint(offsets_m: np.ndarray, sheet: int, directions: np.ndarray) -> np.ndarray:
    """RGBA [..., 4] of a sheet at unit directions [..., 3]: sRGB-encoded, straight, 0..1."""
    offset = float(offsets_m[sheet])
    if offset == 0.0:
        return paint_skin(directions, skin_m)
    if sheet in _clothes_sheets(offsets_m):
        return paint_clothes(directions, offset < 0.036, lambda d: skin_m(d) + offset * spread(d))
    return paint_hair(directions, (offset - HAIR_OFFSETS_M[0]) / (HAIR_OFFSETS_M[1] - HAIR_OFFSETS_M[0]), skin_m)


def _clothes_sheets(offsets_m: np.ndarray) -> list[int]:
    """The sheets of the collar and of the shoulders, where there are any outside the hair."""
    nearest = {int(np.argmin(np.abs(offsets_m - offset))) for offset in (COLLAR_OFFSET_M, SHOULDERS_OFFSET_M)}
    return [sheet for sheet in sorted(nearest) if offsets_m[sheet] > HAIR_OFFSETS_M[1]]
