"""Ears that stand off the head.

The networks lay one slope from the cheek to an ear's rim: seen from beside, what the photograph shows of the ear was
drawn out over the side of the face. Here that side goes straight back from where the face ends in the photograph, and
the ear stands off it, a solid wedge that is turned to the front, as wide as the silhouette and thin at its rim.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..cuda_ops.recorded import recorded
from ..cuda_ops.tensor_calls import sent
from .camera import Camera
from .neck_column import ROWS_M, Silhouette, at_heights
from .networks.geometry import ramp, resampled, texel_directions
from .networks.inversion import Painting

OUTLINES = ((162, 127, 234, 93, 132, 58, 172, 136), (389, 356, 454, 323, 361, 288, 397, 365))
"""Landmarks where the face ends in a photograph, from the temple down to the jaw, of the person's right and left."""

EAR_TOP, MIDDLE, EAR, LOBE, JAW_ANGLE = 1, 2, slice(1, 4), 4, 5
"""Which of them lie beside an ear's top, its middle and its lobe, and where there is none any more."""

INSET_M, AWAY_M_PER_DEG, CORNER_M, SLOPE, BACK_M = 0.006, 0.0013, 0.012, (0.9, 0.3), (-0.03, -0.015)
"""An ear begins so far inside of these landmarks, which lie on the ear the more it is turned away, and so far before
the head's centre, which it falls behind by so much for each metre farther out, and where it begins is no farther behind
than the last; each at its middle and its lobe."""

RIM_M, BEYOND_M, LEAST_WIDTH_M = 0.008, 0.005, 0.005
"""How thick an ear is at its rim, as wide as the silhouette and a little more: textures are cut by the matte itself
afterwards. And its least width."""

ABOVE_M, EDGE_M, STANDS_M, BELOW_LOBE = 0.020, 0.003, (0.003, 0.007), (0.85, 0.45)
"""Above its top the head goes over into what it was, within the second of where it begins the ear is whole, an ear
stands so much farther out than the landmarks, and ends between such shares of the way from its lobe to the jaw."""

SOLID, SKIN_M = (0.1, 0.5), (0.0045, 0.0015)
"""How surely a direction is an ear's for its sheets to be solid, and how far outside of its surface they are clear."""

WIDEST_M, BELOW_HAIR_M, NEAR_DEG, FAR_DEG = (0.040, 0.032), (0.022, 0.014), (26.0, 20.0), (-11.0, -7.0)
"""What is wider beside a face is hair, and what is narrower below an ear's middle is none; an ear that is turned to the
camera stays as the networks have it, and one that is turned away is not seen."""

UNDER_M = 0.006
"""A neck goes up behind an ear so far inside of the head's side: as wide as the silhouette, it came through that."""

BESIDE_M, BEHIND_M = (-0.024, -0.006), (-0.035, -0.025)
"""From where to where, beside the face's end and behind the head's centre, colours are continued anew."""


@dataclass(frozen=True)
class Ears:
    """Where ears are, chart maps [G, G] in 0..1."""

    solid: Tensor  # what is an ear
    beside: Tensor  # the ear and the side of the face before it, where colours are to be continued
    off: Tensor  # what stands off the head's side, also where it is no ear
    hidden: Tensor  # the side that is turned away, which the other maps say nothing of


@dataclass(frozen=True)
class FaceEnd:
    """Where a face ends on one side; arrays are [len(ROWS_M)], from the top down."""

    side: float  # -1 or 1, along x
    face_m: np.ndarray  # along x to that side, by its landmarks
    beside_m: np.ndarray  # likewise, where its side goes straight back
    rim_m: np.ndarray  # likewise, where an ear would end
    head: np.ndarray  # 0..1, where the head's side goes straight back
    ear: np.ndarray  # 0..1, where an ear stands off
    lobe: np.ndarray  # 0 from its middle upwards, 1 at its lobe
    hair: float  # 0..1, how surely hair hangs there
    hidden: float  # 0..1, how surely the ear is turned away

    @staticmethod
    def of(camera: Camera, outline_px: np.ndarray, side: float, silhouette: Silhouette) -> "FaceEnd":
        """Of one of OUTLINES [N, 2] in the camera's pixels."""
        points = on_plane(camera, outline_px, CORNER_M)
        height, beside = points[:, 1], side * points[:, 0]
        ends_m = side * silhouette.ends_m[:, int(side > 0.0)]
        turned_deg = np.degrees(np.arctan2(side * camera.position_m[0], camera.position_m[2]))
        hidden = 1.0 - ramp(turned_deg, FAR_DEG)
        seen = ramp(turned_deg, NEAR_DEG) * (1.0 - hidden) * (1.0 - silhouette.hair())
        widest_m = (np.interp(-height, -ROWS_M, ends_m) - beside)[EAR].max()
        below_top = ramp(ROWS_M, (height[EAR_TOP] + ABOVE_M, height[EAR_TOP]))
        lowest_m, whole_m = height[LOBE] + (height[JAW_ANGLE] - height[LOBE]) * np.array(BELOW_LOBE)
        above_jaw = ramp(ROWS_M, (lowest_m, whole_m))
        beside = face = np.interp(-ROWS_M, -height, beside)
        ear = above_jaw * ramp(ends_m - beside, STANDS_M)
        lobe = ramp(ROWS_M, (height[MIDDLE], height[LOBE]))
        below_hair = lobe * ramp(ends_m - beside, BELOW_HAIR_M)
        inset_m = INSET_M + AWAY_M_PER_DEG * max(-turned_deg, 0.0)
        beside = np.maximum(beside, ends_m) * (1.0 - above_jaw) + (beside - inset_m) * above_jaw
        bare = ramp(widest_m, WIDEST_M)
        seen, ear = seen * below_top, ear * bare
        head = ramp(ROWS_M, (height[-1], height[-2])) * np.maximum(bare, below_hair)
        hair = 1.0 - float(bare) * (1.0 - silhouette.hair())
        return FaceEnd(side, face, beside, ends_m + BEYOND_M, seen * head, seen * ear, lobe, hair, float(hidden))

    @staticmethod
    def both(camera: Camera, landmarks_px: np.ndarray, silhouette: Silhouette) -> "tuple[FaceEnd, FaceEnd]":
        """The person's right and left, of landmarks [478, 2] in the camera's pixels."""
        right, left = (landmarks_px[list(outline)] for outline in OUTLINES)
        return FaceEnd.of(camera, right, -1.0, silhouette), FaceEnd.of(camera, left, 1.0, silhouette)

    def rows(self) -> np.ndarray:
        """What an ear is made of at ROWS_M, [len(ROWS_M), 7]: where the head's side and the ear begin and end along x,
        how far there are either, and how the ear's front and back lie."""
        slope, back_m = (middle + (lobe - middle) * self.lobe for middle, lobe in (SLOPE, BACK_M))
        width_m = np.maximum(self.rim_m - self.beside_m, LEAST_WIDTH_M)
        lean = np.maximum(CORNER_M - slope * width_m - RIM_M - back_m, 0.0) / width_m
        return np.stack([self.beside_m, self.head, self.ear, self.rim_m, slope, back_m, lean], 1)

    def behind_ear(self, ends_m: np.ndarray) -> np.ndarray:
        """The silhouette's ends on this side [len(ROWS_M)] along x; where an ear stands off, of what is behind it."""
        behind_m = np.minimum(self.side * ends_m, self.beside_m - UNDER_M)
        return ends_m + self.ear * (self.side * behind_m - ends_m)


def with_ears(
    painting: Painting, silhouette: Silhouette, ends: tuple[FaceEnd, FaceEnd]
) -> tuple[Painting, Silhouette, Ears]:
    """The first portrait of a batch with ears that stand off the head; the silhouette without them; and where they
    are. `visible` and `photographed` stay as they were.
    """
    radius = painting.radius_m[0]
    size = len(radius)
    ends_m, halves = silhouette.ends_m.copy(), []
    for column, end in enumerate(ends):
        ends_m[:, column] = end.behind_ear(ends_m[:, column])
        half = slice(column * size // 2, (column + 1) * size // 2)
        directions = painting.geometry.kept(texel_directions, size, radius)[:, half]
        rows = sent(end.rows(), radius.device, radius.dtype)
        standing = _standing_off(directions, radius[:, half], rows, end.side)
        halves.append((*standing, torch.full_like(radius[:, half], end.hidden)))
    radius, beside, off, solid, hidden = (torch.cat(pair, 1) for pair in zip(*halves, strict=True))
    painting = _solid(painting.moved_to(radius), solid)
    return painting, replace(silhouette, ends_m=ends_m), Ears(solid, beside, off, hidden)


def _solid(painting: Painting, ears: Tensor) -> Painting:
    """The painting with ears that are opaque and the photograph's, whatever the networks put in those directions."""
    inside = ramp(painting.geometry.offsets_m, SKIN_M)[:, None, None]

    def raised(maps: Tensor) -> Tensor:
        return torch.maximum(maps, inside * resampled(ears, maps.shape[-1]))

    return replace(painting, opacity=raised(painting.opacity), confidence=raised(painting.confidence))


@recorded
def _standing_off(
    directions: Tensor, radius_m: Tensor, rows: Tensor, side: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Radius in metres with an ear, in the directions [G, G / 2, 3] to its side; where colours are to be continued,
    what stands off, and where an ear is to be solid, 0..1; [G, G / 2] each. Of `FaceEnd.rows`."""
    x, y, z = directions.unbind(-1)
    across = side * x
    outwards = across.clamp_min(1e-3)
    radius = radius_m
    for _ in range(6):  # how far out a direction ends tells at which height
        beside, head, ear, rim, falls, back, leans = at_heights(rows, radius * y).unbind(-1)
        straight = beside / outwards
        front = (CORNER_M + falls * beside) / (z + falls * across).clamp_min(1e-3)
        behind = (back - leans * beside) / (z - leans * across).clamp_max(-1e-3)
        stands_off = torch.minimum(torch.minimum(front, behind), rim / outwards)
        outer = torch.maximum(straight, stands_off)
        outer = torch.lerp(torch.minimum(radius_m, outer), outer, ear * (stands_off > straight))
        radius = 0.5 * (radius + torch.lerp(radius_m, outer, head))
    beyond = radius * across - beside
    continued = head * ramp(beyond, BESIDE_M) * ramp(radius * z, BEHIND_M)
    beyond = torch.minimum(beyond, stands_off * across - beside)  # a temple above an ear is wider, too
    off = head * ramp(beyond, (0.0, EDGE_M))
    return radius, continued, off, ramp(ear * off, SOLID)


def on_plane(camera: Camera, pixels: np.ndarray, z_m: float) -> np.ndarray:
    """Where rays through pixels [N, 2] meet the plane z = z_m, [N, 3] in metres."""
    x, y = (pixels - (camera.cx_px, camera.cy_px)).T / ((camera.fx_px,), (camera.fy_px,))
    rays = np.stack([x, -y, -np.ones_like(x)], 1) @ camera.camera_to_world[:3, :3].T
    return camera.position_m + rays * ((z_m - camera.position_m[2]) / rays[:, 2:])
