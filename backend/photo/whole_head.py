"""Heads that the photograph's border cuts off, made whole: their outline goes on as heads are round, with the hair that
is seen mirrored at the border."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..camera import Camera
from ..ramps import ramp

OUTLINE_STEP_DEG = 15.0
OUTLINE_M = (0.138, 0.137, 0.130, 0.123, 0.111, 0.100, 0.098, 0.098)
"""How far people end from the head's centre in a picture, from straight up to either side in such steps: medians of 123
of the training photographs, with half of them within 5 % of these."""

FADE_DEG = (105.0, 90.0)
"""Directions from straight up where heads are made whole: not from the first on, where necks and shoulders may begin,
and wholly up to the second."""

DIRECTIONS_DEG = np.arange(-FADE_DEG[0], FADE_DEG[0] + 1.0, 3.0)
"""Those [D] from straight up, clockwise, in which outlines are looked for."""

STEP_PX = 0.5
"""Outlines are looked for in such steps."""

NEAR_BORDER_SHARE = 0.02
"""Where they end within this share of the picture's side of the photo's border they are cut off by it: beside it
segmentations fray."""

AROUND_DEG = np.arange(0.0, 360.0, 22.5)
"""The directions in which that border is looked for."""

SHARES = (0.85, 1.5)
"""How large heads can be beside the median: where a person seems smaller, the outline is not believed. Outlines 30, 40,
50 degrees to either side tell crowns of those photographs to 3, 4, 6 % (standard deviation), medians alone to 9 %."""

DIRECTIONS_SMOOTH = 5
"""Over so many directions what is seen of that is smoothed by a median."""

LEAST_SHOWN = 0.62
"""Heads stay as they are where the border leaves less of a crown than this share of the median: whether hair or skin
goes on there nobody knows."""

ABOVE_DEG = 45.0
"""A crown is what lies up to this from straight up."""

FACE_M = 0.085
"""No hair that goes on is nearer to the head's centre."""

HAIR_M = 0.006
"""Most of a crown is hair within this of the border."""

CHEEKS_M = 0.03
"""Most of a face is skin within this of a place as far below the head's centre."""

SKIN_SHARE = 0.4
"""Colours are skin that differ from it less than by this share of how they differ from hair, which has highlights as
bright."""

HAIR_SMOOTH = 2.0
"""Over so many directions hairlines are smoothed by a Gaussian."""

SOFTNESS_M = 0.0015
"""How soft outlines are that are made up."""


@dataclass(frozen=True)
class WholeHead:
    """A head in a picture [H, W] that goes on where the photo's border cuts it off; N places lie beyond that."""

    inside: np.ndarray  # [H, W] bool, within the photo's border
    angle_deg: np.ndarray  # [N], of each place outside it, from straight up, clockwise
    away_px: np.ndarray  # [N], from the head's centre
    centre_px: np.ndarray  # [2]
    up: np.ndarray  # [2], a unit long
    px_per_m: float
    cut_px: np.ndarray  # [D], where the person ends in DIRECTIONS_DEG
    whole_px: np.ndarray  # [D], where the whole head does

    def opacity(self, person: np.ndarray) -> np.ndarray:
        """`person` [H, W], 0..1, with the head gone on; within the photo nothing changes."""
        within_px = self._towards(self.whole_px) - self.away_px
        head = np.clip(0.5 + 0.5 * within_px / (SOFTNESS_M * self.px_per_m), 0.0, 1.0)
        whole = person.astype(np.float32)
        whole[~self.inside] += self._share * (head - whole[~self.inside])
        return whole

    def colours(self, rgb: np.ndarray) -> np.ndarray:
        """Colours [H, W, 3] of the picture with the hair between the face and the border mirrored into the head."""
        cut_px, room_px = self._towards(self.cut_px), self._towards(self.whole_px - self.cut_px)
        stretch = np.minimum(self._towards(self._hair_px(rgb)) / np.maximum(room_px, 1.0), 1.0)
        mirrored_px = cut_px - stretch * np.maximum(self.away_px - cut_px, 0.0)
        mirrored = _colours_at(rgb, self.centre_px + mirrored_px[:, None] * _ways(self.angle_deg, self.up))
        whole = rgb.copy()
        whole[~self.inside] += self._share[:, None] * (mirrored - whole[~self.inside])
        return whole

    def _hair_px(self, rgb: np.ndarray) -> np.ndarray:
        """How deep hair goes [D] in from the border, to where more of what follows is skin."""
        deep_px = np.arange(0.0, max(self.cut_px.max() - FACE_M * self.px_per_m, 1.0), STEP_PX)
        away_px = self.cut_px[:, None] - deep_px
        colours = _colours_at(rgb, self.centre_px + away_px[..., None] * _ways(DIRECTIONS_DEG, self.up)[:, None])
        hair = np.median(colours[np.abs(DIRECTIONS_DEG) < ABOVE_DEG][:, deep_px <= HAIR_M * self.px_per_m], (0, 1))
        cheeks_m = np.stack(np.meshgrid(*2 * [np.linspace(-CHEEKS_M, CHEEKS_M)]), -1) - CHEEKS_M * self.up
        skin = np.median(_colours_at(rgb, self.centre_px + self.px_per_m * cheeks_m), (0, 1))
        of_hair = np.linalg.norm(colours - skin, axis=-1) - SKIN_SHARE * np.linalg.norm(colours - hair, axis=-1)
        of_hair[away_px < FACE_M * self.px_per_m] = -np.inf
        hair_px = ndimage.median_filter(deep_px[np.argmax(np.cumsum(of_hair, 1), 1)], DIRECTIONS_SMOOTH)
        return ndimage.gaussian_filter1d(hair_px, HAIR_SMOOTH)

    @property
    def _share(self) -> np.ndarray:
        """How far each place outside the photo belongs to a head [N], 0..1."""
        return ramp(np.abs(self.angle_deg), FADE_DEG).astype(np.float32)

    def _towards(self, of_directions: np.ndarray) -> np.ndarray:
        """For each place outside the photo [N] what is known of DIRECTIONS_DEG [D]."""
        return np.interp(self.angle_deg, DIRECTIONS_DEG, of_directions)


def whole_head(person: np.ndarray, inside: np.ndarray, camera: Camera) -> WholeHead | None:
    """How a head goes on that ends at the photo's border, which is `inside` [H, W] bool, of a `person` [H, W], 0..1.

    `camera` sees the picture. None where no head is cut off, or most of its crown.
    """
    if inside.all():
        return None
    centre_px, up, px_per_m = _head_in(camera)
    radius_px, is_cut = _outline(person, inside, centre_px, up)
    median_px = px_per_m * np.interp(np.abs(DIRECTIONS_DEG), OUTLINE_STEP_DEG * np.arange(len(OUTLINE_M)), OUTLINE_M)
    above = is_cut & (np.abs(DIRECTIONS_DEG) < ABOVE_DEG)
    if not is_cut.any() or (radius_px < LEAST_SHOWN * median_px)[above].any():
        return None
    rows, columns = np.nonzero(~inside)
    away = np.stack([columns + 0.5, rows + 0.5], -1) - centre_px
    angle_deg = np.degrees(np.arctan2(away @ [-up[1], up[0]], away @ up))
    away_px = np.linalg.norm(away, axis=-1)
    whole_px = _gone_on(radius_px, is_cut, median_px)
    return WholeHead(inside, angle_deg, away_px, centre_px, up, px_per_m, radius_px, whole_px)


def with_whole_head(person: np.ndarray, inside: np.ndarray, camera: Camera) -> np.ndarray:
    """`person` [H, W], 0..1, with the head that ends at the photo's border gone on; see `whole_head`."""
    head = whole_head(person, inside, camera)
    return person if head is None else head.opacity(person)


def _head_in(camera: Camera) -> tuple[np.ndarray, np.ndarray, float]:
    """A head's centre [2] in a camera's picture, the direction up there [2], a unit long, and the pixels of a metre."""
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


def _colours_at(rgb: np.ndarray, places_px: np.ndarray) -> np.ndarray:
    """Colours [..., 3] at places [..., 2] of a picture [H, W, 3]."""
    rows_columns = np.moveaxis(places_px, -1, 0)[::-1] - 0.5
    return np.stack([ndimage.map_coordinates(rgb[..., c], rows_columns, order=1, mode="nearest") for c in range(3)], -1)


def _gone_on(radius_px: np.ndarray, is_cut: np.ndarray, median_px: np.ndarray) -> np.ndarray:
    """Outlines [D] in pixels that go on where they are cut, as large beside the median's as what is seen beside."""
    share = radius_px / median_px
    is_seen = ~is_cut & (share > SHARES[0])
    if is_seen.any():
        seen = ndimage.median_filter(share[is_seen], DIRECTIONS_SMOOTH, mode="nearest")
        share = np.interp(DIRECTIONS_DEG, DIRECTIONS_DEG[is_seen], np.minimum(seen, SHARES[1]))
    else:
        share = np.ones_like(radius_px)
    return np.where(is_seen, radius_px, np.maximum(radius_px, share * median_px))
