"""Colours for what was closed of the body without being seen: the photograph's own, of the body alone.

The networks know no colours of places that they took for air. Where such a place is closed so that shoulders hold
together (solidity.py), it takes what the photograph shows of the body before it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .camera import Camera
from .networks.geometry import CameraBatch, SheetGeometry, chart_angles_deg, ramp
from .networks.visibility import push_pull
from .solidity import BODY_M

PICTURE_PX = 256
LOW_DEG = (-35.0, -45.0)
"""Elevations between which colours begin to be the body's: the neck keeps what the networks know of it."""

BELIEVED, SURE_OPACITY = 0.5, 0.95
"""Where this share of the opacity is new, all of the colour is; and from which opacity on a pixel is of the person."""


def with_body_colours(
    painted: Tensor,  # [S, 3, C, C], the networks' colours, sRGB-encoded
    closed: Tensor,  # [S, O, O], the share of the opacity that is new
    geometry: SheetGeometry,
    displacement_m: Tensor,  # [1, D, D]
    camera: Camera,
    photo: Tensor,  # [H, W, 4], its picture: the person's own colour and opacity
    surface_m: Tensor,  # [P, P], depth of what it sees first
) -> Tensor:
    """`painted` with the body's colours where sheets were closed; the innermost sheet, the neck's, stays."""
    size = painted.shape[-1]
    points = geometry.points(displacement_m, size)[:, 1:]
    projected, _ = CameraBatch.of([camera], painted.device).project(points)
    colours = F.grid_sample(_body(camera, photo, surface_m), projected.flatten(1, 2), "bilinear", "border", False)
    colours, body = colours[0].unflatten(1, (-1, size)).transpose(0, 1).split((3, 1), 1)  # [S - 1, 3 and 1, C, C]
    share = (F.adaptive_avg_pool2d(closed[1:], size) / BELIEVED).clamp_max(1.0)
    share = share * torch.from_numpy(ramp(chart_angles_deg(size)[1], LOW_DEG)).to(share)
    return torch.cat([painted[:1], torch.lerp(painted[1:], colours, share[:, None] * body)])


def _body(camera: Camera, photo: Tensor, surface_m: Tensor) -> Tensor:
    """The photograph with the body alone, continued over all else, and where it is: [1, 4, PICTURE_PX, PICTURE_PX]."""
    camera = camera.resized(PICTURE_PX, PICTURE_PX)
    maps = (photo.permute(2, 0, 1)[None], surface_m[None, None])
    picture, depth_m = (F.interpolate(x, (PICTURE_PX, PICTURE_PX), mode="area") for x in maps)
    origin, directions = (torch.tensor(x, dtype=torch.float32, device=photo.device) for x in camera.rays())
    height_m = origin[1] + directions[..., 1] * depth_m
    body = ((height_m < BODY_M) & (picture[:, 3:] > SURE_OPACITY)).to(picture)
    return torch.cat([push_pull(picture[:, :3], body), body], 1)
