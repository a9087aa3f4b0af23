"""Colours for what was closed of the body without being seen: the photograph's own, of the body alone.

The networks know no colours of places that they took for air. Where such a place is closed so that shoulders hold
together (solidity.py), it takes what the photograph shows of the body before it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .input_view import InputView
from .networks.geometry import CameraBatch, SheetGeometry, chart_angles_deg, ramp
from .networks.visibility import push_pull
from .solidity import BODY_M

PICTURE_PX = 256
LOW_DEG = (-35.0, -45.0)
"""Elevations between which colours begin to be the body's: the neck keeps what the networks know of it."""

BELIEVED = 0.5
"""Where this share of the opacity is new, all of the colour is."""


def with_body_colours(
    painted: Tensor,  # [S, 3, C, C], the networks' colours, sRGB-encoded
    closed: Tensor,  # [S, O, O], the share of the opacity that is new
    geometry: SheetGeometry,
    displacement_m: Tensor,  # [1, D, D]
    view: InputView,
    surface_m: Tensor,  # [P, P], depth of what the photograph shows
) -> Tensor:
    """`painted` with the body's colours where sheets were closed; the innermost sheet, the neck's, stays."""
    size = painted.shape[-1]
    camera = CameraBatch.of([view.camera], painted.device)
    projected, _ = camera.project(geometry.points(displacement_m, size)[:, 1:])
    colours = F.grid_sample(_body(view, surface_m), projected.flatten(1, 2), "bilinear", "border", False)
    colours, body = colours[0].unflatten(1, (-1, size)).transpose(0, 1).split((3, 1), 1)  # [S - 1, 3 and 1, C, C]
    share = (F.adaptive_avg_pool2d(closed[1:], size) / BELIEVED).clamp_max(1.0)
    share = share * torch.from_numpy(ramp(chart_angles_deg(size)[1], LOW_DEG)).to(share)
    return torch.cat([painted[:1], torch.lerp(painted[1:], colours, share[:, None] * body)])


def _body(view: InputView, surface_m: Tensor) -> Tensor:
    """The photograph with the body alone, continued over all else, and where it is: [1, 4, PICTURE_PX, PICTURE_PX]."""
    camera = view.camera.resized(PICTURE_PX, PICTURE_PX)
    values = torch.from_numpy(view.rgb), torch.from_numpy(view.opacity)[..., None], surface_m[..., None]
    rgb, opacity, depth_m = (
        F.interpolate(x.to(surface_m).permute(2, 0, 1)[None], (PICTURE_PX, PICTURE_PX), mode="area") for x in values
    )
    origin, directions = (torch.tensor(x, dtype=torch.float32, device=surface_m.device) for x in camera.rays())
    height_m = origin[1] + directions[..., 1] * depth_m
    body = ((height_m < BODY_M) & (opacity > 0.95)).to(rgb)
    return torch.cat([push_pull(rgb, body), body], 1)
