"""Where a face ends to either side, by its landmarks and the silhouette: before an ear, or hair that hangs there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.tensor_calls import sent
from ..camera import Camera
from ..networks.chart_maps import texel_directions
from ..networks.painted_sheets import PaintedSheets
from ..ramps import ramp
from .neck_column import ROWS_M, Silhouette

OUTLINES = ((162, 127, 234, 93, 132, 58, 172, 136), (389, 356, 454, 323, 361, 288, 397, 365))
"""Landmarks where the face ends in a photograph, from the temple down to the jaw, of the person's right and left."""

EAR_TOP, MIDDLE, LOBE = 1, 2, 4
"""Which of them lie beside an ear's top, its middle and its lobe."""

EAR = slice(EAR_TOP, LOBE)
"""Those beside an ear above its lobe."""

JAW_ANGLE = 5
"""Where there is no ear any more."""

CORNER_M = 0.012
"""So far before the head's centre these landmarks lie, and an ear begins."""

INSET_M = 0.006
"""The head's side goes straight back from so far inside of them."""

AWAY_M_PER_DEG = 0.0013
"""And from so much farther inside for each degree that it is turned away: then they lie on the ear."""

BEYOND_M = 0.005
"""An ear ends so far outside of the silhouette: textures are cut by the matte itself afterwards."""

ABOVE_M = 0.020
"""So far above an ear's top the head is what it was."""

STANDS_M = (0.003, 0.007)
"""How much wider than the face a silhouette is between no ear and one that stands off."""

BELOW_LOBE = (0.85, 0.45)
"""Shares of the way from the lobe to the jaw's angle between which an ear ends."""

WIDEST_M = (0.040, 0.032)
"""How much wider than the face a silhouette is between hair and an ear."""

BELOW_HAIR_M = (0.022, 0.014)
"""And what is narrower than this at the lobe is no hair, whatever hangs above."""

NEAR_DEG = (26.0, 20.0)
"""How far a side is turned to the camera between an ear that stays as the networks have it and one that is laid."""

FAR_DEG = (-11.0, -7.0)
"""And between an ear that is not seen and one that is."""

ROUNDS = 6
"""How far out a direction ends tells at which height, and that tells how far out: told anew so often."""


@dataclass(frozen=True)
class FaceEnd:
    """Where a face ends on one side; arrays are [len(ROWS_M)], from the top down."""

    side: float  # -1 or 1, along x
    face_m: np.ndarray  # along x to that side, by its landmarks
    beside_m: np.ndarray  # likewise, where its side goes straight back
    rim_m: np.ndarray  # likewise, where an ear would end
    head: np.ndarray  # 0..1, where the head's side goes straight back
    cheek: np.ndarray  # 0..1, where a side that is turned away ends with the cheek
    ear: np.ndarray  # 0..1, where an ear stands off
    lobe: np.ndarray  # 0 from its middle upwards, 1 at its lobe
    neck: np.ndarray  # 0 from its lobe upwards, 1 where the jaw leaves the outline, and below
    jaw_m: float  # that height
    hair: float  # 0..1, how surely hair hangs there
    hidden: float  # 0..1, how surely the ear is turned away

    @staticmethod
    def of(camera: Camera, outline_px: np.ndarray, side: float, silhouette: Silhouette) -> "FaceEnd":
        """Of one of OUTLINES [N, 2] in the camera's pixels."""
        points = on_plane(camera, outline_px, CORNER_M)
        height_m, landmarks_m = points[:, 1], side * points[:, 0]  # [N]
        ends_m = side * silhouette.ends_m[:, int(side > 0.0)]
        turned_deg = np.degrees(np.arctan2(side * camera.position_m[0], camera.position_m[2]))
        hidden = 1.0 - ramp(turned_deg, FAR_DEG)
        seen = ramp(turned_deg, NEAR_DEG) * (1.0 - hidden) * (1.0 - silhouette.hair())
        bare = ramp((np.interp(-height_m, -ROWS_M, ends_m) - landmarks_m)[EAR].max(), WIDEST_M)
        face_m = np.interp(-ROWS_M, -height_m, landmarks_m)
        wider_m = ends_m - face_m

        below_top = ramp(ROWS_M, (height_m[EAR_TOP] + ABOVE_M, height_m[EAR_TOP]))
        lowest_m, whole_m = height_m[LOBE] + (height_m[JAW_ANGLE] - height_m[LOBE]) * np.array(BELOW_LOBE)
        above_jaw = ramp(ROWS_M, (lowest_m, whole_m))
        above_end = ramp(ROWS_M, (height_m[-1], height_m[-2]))
        lobe = ramp(ROWS_M, (height_m[MIDDLE], height_m[LOBE]))
        neck = ramp(ROWS_M, (height_m[LOBE], height_m[-1]))
        below_hair = lobe * ramp(wider_m, BELOW_HAIR_M)

        inset_m = INSET_M + AWAY_M_PER_DEG * np.clip(-turned_deg, 0.0, -FAR_DEG[0])
        beside_m = np.maximum(face_m, ends_m) * (1.0 - above_jaw) + (face_m - inset_m) * above_jaw
        head = seen * below_top * (above_end * np.maximum(bare, below_hair))
        cheek = hidden * below_top * above_end * ramp(wider_m, BELOW_HAIR_M)
        ear = seen * below_top * (above_jaw * ramp(wider_m, STANDS_M) * bare)
        hair = 1.0 - float(bare) * (1.0 - silhouette.hair())
        rows = (beside_m, ends_m + BEYOND_M, head, cheek, ear, lobe, neck)
        return FaceEnd(side, face_m, *rows, float(height_m[-1]), hair, float(hidden))

    @staticmethod
    def both(camera: Camera, landmarks_px: np.ndarray, silhouette: Silhouette) -> "tuple[FaceEnd, FaceEnd]":
        """The person's right and left, of landmarks [478, 2] in the camera's pixels."""
        right, left = (landmarks_px[list(outline)] for outline in OUTLINES)
        return FaceEnd.of(camera, right, -1.0, silhouette), FaceEnd.of(camera, left, 1.0, silhouette)


def over_halves(
    painting: PaintedSheets,
    ends: tuple[FaceEnd, FaceEnd],
    known: Callable[[FaceEnd], np.ndarray],
    laid: Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, ...]],
) -> list[Tensor]:
    """Chart maps [G, G] of which `laid` makes the half [G, G / 2] to either side, of directions [G, G / 2, 3], the
    portrait's radius in them, what is `known` of the face's end at ROWS_M [len(ROWS_M), N], and the side."""
    radius = painting.radius_m
    directions = painting.geometry.kept(texel_directions, len(radius), radius)
    halves = [
        laid(towards, radius_m, sent(known(end), radius.device, radius.dtype), end.side)
        for end, towards, radius_m in zip(ends, directions.chunk(2, 1), radius.chunk(2, 1), strict=True)
    ]
    return [torch.cat(pair, 1) for pair in zip(*halves, strict=True)]


def on_plane(camera: Camera, pixels: np.ndarray, z_m: float) -> np.ndarray:
    """Where rays through pixels [N, 2] meet the plane z = z_m, [N, 3] in metres."""
    rays = camera.directions(pixels)
    return camera.position_m + rays * ((z_m - camera.position_m[2]) / rays[:, 2:])
