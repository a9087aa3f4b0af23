"""Ears that stand off the head.

The networks lay one slope from the cheek to an ear's rim: seen from beside, what the photograph shows of the ear was
drawn out over the side of the face. Here that side goes straight back from where the face ends in the photograph, and
the ear stands off it, turned to the front; what the photograph does not show takes the colours around it.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .camera import Camera
from .neck_column import ROWS_M, Silhouette, at_heights
from .networks.geometry import CameraBatch, SheetGeometry, ramp, resampled, smoothed, texel_directions
from .networks.inversion import Inversion, Painting
from .networks.visibility import push_pull

OUTLINES = ((162, 127, 234, 93, 132, 58, 172, 136), (389, 356, 454, 323, 361, 288, 397, 365))
"""Landmarks where the face ends in a photograph, from the temple down to the jaw, of the person's right and left."""

EAR_TOP, EAR, LOBE, JAW_ANGLE = 1, slice(1, 4), 4, 5
"""Which of them lie beside an ear's top, its middle and its lobe, and where there is none any more."""

INSET_M, CORNER_M, SLOPE, BACK_M = 0.006, 0.012, 0.9, -0.03
"""An ear begins so far inside of these landmarks and so far before the head's centre, which it falls behind by so much
for each metre farther out, and no farther than the last."""

ABOVE_M, RAISED_M, EDGE_M = 0.012, 0.006, 0.003
"""Above its top the head goes over into what it was; and by so much more than before an ear may stand off."""

WIDEST_M, NEAR_DEG, FAR_DEG = (0.040, 0.032), (10.0, 4.0), (-14.0, -8.0)
"""What is wider beside a face is hair; an ear that is turned to the camera stays as the networks have it, and one that
is turned away is not seen."""

RIM_M, MORE_M, THICK_M = 0.008, 0.002, 0.003

UNDER_M = 0.006
"""A neck goes up behind an ear so far inside of the head's side: as wide as the silhouette, it came through that."""

BESIDE_M, BEHIND_M = (-0.024, -0.006), (-0.035, -0.025)
"""From where to where, beside the face's end and behind the head's centre, colours are continued anew."""

LEAST_OF_EAR, REACH_TEXELS = 0.01, 2.0
"""How much an ear's own colours count in what is continued beside it, and how smooth that is."""


@dataclass(frozen=True)
class FaceEnd:
    """Where a face ends on one side; arrays are [len(ROWS_M)], from the top down."""

    side: float  # -1 or 1, along x
    beside_m: np.ndarray  # along x to that side
    head: np.ndarray  # 0..1, where the head's side goes straight back
    ear: np.ndarray  # 0..1, where an ear stands off
    rim_m: np.ndarray  # along x, of the silhouette

    @staticmethod
    def of(camera: Camera, outline_px: np.ndarray, side: float, silhouette: Silhouette) -> "FaceEnd":
        """Of one of OUTLINES [N, 2] in the camera's pixels."""
        points = on_plane(camera, outline_px, CORNER_M)
        height, beside = points[:, 1], side * points[:, 0]
        ends_m = side * silhouette.ends_m[:, int(side > 0.0)]
        turned_deg = np.degrees(np.arctan2(side * camera.position_m[0], camera.position_m[2]))
        seen = ramp(turned_deg, NEAR_DEG) * ramp(turned_deg, FAR_DEG) * (1.0 - silhouette.hair())
        widest_m = (np.interp(-height, -ROWS_M, ends_m) - beside)[EAR].max()
        below_top = ramp(ROWS_M, (height[EAR_TOP] + ABOVE_M, height[EAR_TOP]))
        above_jaw = ramp(ROWS_M, (height[JAW_ANGLE], 0.5 * (height[JAW_ANGLE] + height[LOBE])))
        beside = np.interp(-ROWS_M, -height, beside)
        stands = above_jaw * ramp(ends_m - beside, (0.003, 0.007))
        beside = np.maximum(beside, ends_m) * (1.0 - above_jaw) + (beside - INSET_M) * above_jaw
        seen = seen * below_top * ramp(widest_m, WIDEST_M)
        return FaceEnd(side, beside, seen * ramp(ROWS_M, (height[-1], height[-2])), seen * stands, ends_m + MORE_M)

    def behind_ear(self, ends_m: np.ndarray) -> np.ndarray:
        """The silhouette's ends on this side [len(ROWS_M)] along x; where an ear stands off, of what is behind it."""
        behind_m = np.minimum(self.side * ends_m, self.beside_m - UNDER_M)
        return ends_m + self.ear * (self.side * behind_m - ends_m)


def with_ears(
    network: Inversion,
    painting: Painting,
    silhouette: Silhouette,
    camera: Camera,
    picture: Tensor,
    landmarks_px: np.ndarray,
) -> tuple[Inversion, Painting, Silhouette, Tensor]:
    """The first portrait of a batch, and the networks, with ears that stand off the head; and the silhouette without
    them.

    `picture` [1, 4, H, W] is what the networks saw, the camera's; `landmarks_px` [478, 2] are in its pixels. `visible`
    and `photographed` stay as they were.
    """
    before, radius = network.geometry, painting.radius_m[0]
    beside, ears = torch.zeros_like(radius), torch.zeros_like(radius)
    solid = ears
    ends_m = silhouette.ends_m.copy()
    for column, (side, outline) in enumerate(zip((-1.0, 1.0), OUTLINES, strict=True)):
        end = FaceEnd.of(camera, landmarks_px[list(outline)], side, silhouette)
        radius, so, *shares = _standing_off(before, radius, end)
        solid = torch.maximum(solid, so)
        ends_m[:, column] = end.behind_ear(ends_m[:, column])
        beside, ears = (torch.maximum(*pair) for pair in zip((beside, ears), shares, strict=True))
    moved = radius - painting.radius_m[0]
    network = network.with_geometry(before.over(before.half_extent, before.radius_m + moved, before.spread))
    level = (1.5 - before.offsets_m / THICK_M).clamp(0.0, 1.0)[None, :, None, None]
    opacity = torch.maximum(painting.opacity, level * resampled(solid, painting.opacity.shape[-1]))
    confidence = torch.maximum(painting.confidence, level * resampled(solid, painting.confidence.shape[-1]))
    painting = replace(painting, radius_m=radius[None], opacity=opacity, confidence=confidence)
    painting = _continued(network, painting, camera, picture, torch.stack([beside, ears]))
    return network, painting, replace(silhouette, ends_m=ends_m), solid


def _continued(
    network: Inversion, painting: Painting, camera: Camera, picture: Tensor, beside_and_ears: Tensor
) -> Painting:
    """The painting with colours continued where the first of two maps [2, G, G] says, from what is not the second's."""
    size = painting.painted.shape[-1]
    beside, ears = resampled(smoothed(beside_and_ears, REACH_TEXELS), size)
    views, middle_m = CameraBatch.of([camera], beside.device), beside.new_zeros(1)
    turned = network.turned_to(views, painting.displacement_m, size)
    projected, _ = views.project(network.geometry.points(painting.displacement_m, size, middle_m))
    person = (-F.max_pool2d(-painting.matte[:1], 5, 1, 2) > 0.9).float()
    maps = torch.cat([picture[:, :3], person], 1)
    colour, known = F.grid_sample(maps, projected[:, 0], "bilinear", "border", False).split((3, 1), 1)
    known = known * turned.square()[:, None]
    around = push_pull(colour, known * (1.0 - (1.0 - LEAST_OF_EAR) * ears))[0]
    around = torch.lerp(smoothed(around, REACH_TEXELS), colour[0], known[0])
    return replace(
        painting,
        painted=torch.lerp(painting.painted, around, beside),
        confidence=painting.confidence * (1.0 - beside * (1.0 - turned)),
    )


def _standing_off(geometry: SheetGeometry, radius_m: Tensor, end: FaceEnd) -> tuple[Tensor, Tensor, Tensor]:
    """Radius in metres with an ear on one side, and where colours are to be continued and where the ear is, 0..1;
    [G, G] each."""
    x, y, z = geometry.kept(texel_directions, radius_m.shape[-1], radius_m).unbind(-1)
    across = end.side * x
    known = np.stack([end.beside_m, end.head, end.ear, end.rim_m], 1)
    radius = radius_m
    for _ in range(3):  # how far out a direction ends tells at which height
        beside, head, ear, rim = at_heights(known, radius * y).unbind(-1)
        head, ear = head * (across > 0.0), ear * (across > 0.0)
        side = beside / across.clamp_min(1e-3)
        front = (CORNER_M + SLOPE * beside) / (z + SLOPE * across).clamp_min(1e-3)
        wide = (rim - beside).clamp_min(0.005)
        lean = ((CORNER_M - SLOPE * wide - RIM_M).clamp_min(BACK_M) - BACK_M) / wide
        back = (BACK_M - lean * beside) / (z - lean * across).clamp_max(-1e-3)
        back = torch.where(back < 0, 1.0, back)
        stands_off = torch.minimum(torch.minimum(front, back), rim / across.clamp_min(1e-3))
        shape = torch.maximum(side, stands_off)
        shape = torch.lerp(torch.minimum(radius_m, shape), shape, ear * (stands_off > side))
        radius = torch.lerp(radius_m, shape, head)
    beyond = radius * across - beside
    continued = head * ramp(beyond, BESIDE_M) * ramp(radius * z, BEHIND_M)
    stands = head * ramp(beyond, (0.0, EDGE_M))
    return radius, ramp(ear * stands, (0.1, 0.5)), continued, stands


def on_plane(camera: Camera, pixels: np.ndarray, z_m: float) -> np.ndarray:
    """Where rays through pixels [N, 2] meet the plane z = z_m, [N, 3] in metres."""
    x, y = (pixels - (camera.cx_px, camera.cy_px)).T / ((camera.fx_px,), (camera.fy_px,))
    rays = np.stack([x, -y, -np.ones_like(x)], 1) @ camera.camera_to_world[:3, :3].T
    return camera.position_m + rays * ((z_m - camera.position_m[2]) / rays[:, 2:])
