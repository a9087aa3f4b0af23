"""Heads that the photograph's border cuts off, made whole: their outline goes on as heads are round."""

import numpy as np
from scipy import ndimage

from ..camera import Camera
from ..ramps import ramp

OUTLINE_M = (0.138, 0.137, 0.130, 0.123, 0.111, 0.100, 0.098, 0.098)
OUTLINE_STEP_DEG = 15.0
"""How far people end from the head's centre in a picture, from straight up to either side: medians of 123 of the
training photographs, with half of them within 5 % of these."""

FADE_DEG = (105.0, 90.0)
"""Directions from straight up where heads are made whole: not from the first on, where necks and shoulders may begin,
and wholly up to the second."""

DIRECTIONS_DEG = np.arange(-FADE_DEG[0], FADE_DEG[0] + 1.0, 3.0)

STEP_PX, NEAR_BORDER_SHARE, AROUND_DEG = 0.5, 0.02, np.arange(0.0, 360.0, 22.5)
"""Outlines are looked for in such steps; where they end within this share of the picture's side of the photo's border,
looked for all around, they are cut off by it: beside it segmentations fray."""

SHARES, SHARES_SMOOTH = (0.85, 1.5), 5
"""How large heads can be beside the median, and over how many directions what is seen of that is smoothed. Where a
person seems smaller, the outline is not believed. Outlines 30, 40, 50 degrees to either side tell crowns of those
photographs to 3, 4, 6 % (standard deviation), the median alone to 9 %."""

LEAST_SHOWN, ABOVE_DEG = 0.62, 45.0
"""Heads stay as they are where the border, up to the second from straight up, leaves less than the first of the
median: whether hair or skin goes on there nobody knows."""

SOFTNESS_M = 0.0015
"""How soft outlines are that are made up."""


def with_whole_head(person: np.ndarray, inside: np.ndarray, camera: Camera) -> np.ndarray:
    """`person` [H, W], 0..1, with the head that ends at the photo's border, which is `inside` [H, W] bool, gone on.

    `camera` sees the picture. Within the photo nothing changes; nor does anything where no head is cut off, or most of
    its crown.
    """
    if inside.all():
        return person
    centre_px, up, px_per_m = _head_in(camera)
    radius_px, is_cut = _outline(person, inside, centre_px, up)
    median_px = px_per_m * np.interp(np.abs(DIRECTIONS_DEG), OUTLINE_STEP_DEG * np.arange(len(OUTLINE_M)), OUTLINE_M)
    above = is_cut & (np.abs(DIRECTIONS_DEG) < ABOVE_DEG)
    if not is_cut.any() or (radius_px < LEAST_SHOWN * median_px)[above].any():
        return person
    radius_px = _gone_on(radius_px, is_cut, median_px)
    rows, columns = np.nonzero(~inside)
    away = np.stack([columns + 0.5, rows + 0.5], -1) - centre_px
    angle_deg = np.degrees(np.arctan2(away @ [-up[1], up[0]], away @ up))
    within_px = np.interp(angle_deg, DIRECTIONS_DEG, radius_px) - np.linalg.norm(away, axis=-1)
    head = np.clip(0.5 + 0.5 * within_px / (SOFTNESS_M * px_per_m), 0.0, 1.0)
    whole = person.astype(np.float32)
    whole[rows, columns] += ramp(np.abs(angle_deg), FADE_DEG) * (head - whole[rows, columns])
    return whole


def _head_in(camera: Camera) -> tuple[np.ndarray, np.ndarray, float]:
    """A head's centre in a camera's picture, the direction up there, and the pixels of a metre."""
    points, depth_m = camera.project(np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 0.0]]))
    up = points[1] - points[0]
    return points[0], up / np.linalg.norm(up), float(camera.fx_px / depth_m[0])


def _outline(
    person: np.ndarray, inside: np.ndarray, centre_px: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How far a person [H, W] goes from a place in DIRECTIONS_DEG, in pixels, and if it ends at the photo's border.

    Both [D]; directions are counted from `up`, a unit long.
    """
    size = max(person.shape)
    away_px = np.arange(0.0, 1.5 * size, STEP_PX)
    places = centre_px + away_px[None, :, None] * _ways(DIRECTIONS_DEG, up)[:, None]
    end = np.argmax(~(_at(inside, places) & (_at(person, places) > 0.5)), 1)
    ends = np.take_along_axis(places, end[:, None, None], 1)
    around = ends + NEAR_BORDER_SHARE * size * _ways(AROUND_DEG, up)
    of_photo = _at(inside, around) | ~_at(np.ones_like(inside), around)  # beyond the picture the photo may go on
    return away_px[end], ~of_photo.all(1)


def _ways(angles_deg: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Directions [N, 2] in a picture at angles from `up`, clockwise."""
    angles = np.radians(angles_deg)[:, None]
    return np.cos(angles) * up + np.sin(angles) * [-up[1], up[0]]


def _at(values: np.ndarray, places_px: np.ndarray) -> np.ndarray:
    """`values` [H, W] at places [..., 2] of a picture, and nothing beyond it."""
    columns, rows = np.moveaxis(np.floor(places_px).astype(int), -1, 0)
    height, width = values.shape
    within = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
    return values[rows.clip(0, height - 1), columns.clip(0, width - 1)] * within


def _gone_on(radius_px: np.ndarray, is_cut: np.ndarray, median_px: np.ndarray) -> np.ndarray:
    """Outlines [D] in pixels that go on where they are cut, as large beside the median's as what is seen beside."""
    share = radius_px / median_px
    is_seen = ~is_cut & (share > SHARES[0])
    if is_seen.any():
        seen = ndimage.median_filter(share[is_seen], SHARES_SMOOTH, mode="nearest")
        share = np.interp(DIRECTIONS_DEG, DIRECTIONS_DEG[is_seen], np.minimum(seen, SHARES[1]))
    else:
        share = np.ones_like(radius_px)
    return np.where(is_seen, radius_px, np.maximum(radius_px, share * median_px))
