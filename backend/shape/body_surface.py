"""The person as the photograph's camera sees them, with a body that is smooth and stands where bodies stand."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..camera import Camera
from ..networks.cameras import points_at
from ..networks.painted_sheets import PaintedSheets
from ..networks.push_pull import push_pull
from ..networks.resampling import smoothed
from ..photo.input_view import InputView
from ..photo.masks import distance_to_edge
from ..ramps import ramp

VIEW_PX = 256
"""Side of the maps."""

BODY_M = (-0.14, -0.19)
"""Heights between which the body begins."""

RAISED_M = 0.04
"""How much higher it does so beside the neck."""

RAISED_BESIDE_M = (0.075, 0.12)
"""Distances from the middle between which that is beside it."""

BACK_M = 0.025
"""How much nearer to the camera than they are the networks put shoulders, on one scanned head."""

MIDDLE_SHARE, MIDDLE_M = 0.3, (0.08, 0.15)
"""The share of it in the middle, and distances from there between which it comes to be the whole."""

CHEST_SHARE, CHEST_M = 0.4, (-0.20, -0.28)
"""The share of it on a chest, and heights between which it comes to be that."""

ROUNDED_M = 0.05
"""How much farther back than the networks' the body is at its outline, up to which they are flat."""

OUTLINE_M = (0.06, 0.0)
"""Distances inwards from the outline between which it comes to be so."""

SMOOTH_M = 0.015
"""Of the body's depth, which sheets that lie far apart leave in steps."""

EDGE_M, THICK_M = 0.015, 0.05
"""How thick the body is taken to be at its outline, and at the most."""

ROUND = 1.5
"""How much thicker it comes to be for each metre inwards."""


@dataclass(frozen=True)
class PersonSurface:
    """Maps [P, P] in one camera's picture."""

    points_m: Tensor  # [P, P, 3]
    depth_m: Tensor
    thick_m: Tensor
    matte: Tensor  # 0..1
    body: Tensor  # 0 on the head, 1 on the body
    rgb: Tensor  # [3, P, P], sRGB-encoded

    @staticmethod
    def of(painting: PaintedSheets, view: InputView) -> "PersonSurface":
        """Of a portrait, as the photograph has it."""
        device = painting.opacity.device
        camera = view.camera.resized(VIEW_PX, VIEW_PX)
        photo = view.on(device)
        stack = torch.cat([photo.opacity[None], photo.inside[None].float(), photo.rgb.permute(2, 0, 1)])
        matte, inside, *_ = small = F.interpolate(stack[None], (VIEW_PX, VIEW_PX), mode="area")[0]
        drawn_m, known = _drawn(painting, camera)
        beside, height, _ = points_at(camera, drawn_m).unbind(-1)
        beside = beside.abs()
        body = ramp(height - RAISED_M * ramp(beside, RAISED_BESIDE_M), BODY_M)
        outwards = MIDDLE_SHARE + (1.0 - MIDDLE_SHARE) * ramp(beside, MIDDLE_M)
        upwards = 1.0 - (1.0 - CHEST_SHARE) * ramp(height, CHEST_M)
        px_per_m = camera.fx_px / float(np.linalg.norm(camera.position_m))
        person = torch.maximum(matte, 1.0 - inside) > 0.5
        # Where the picture ends there is no outline of theirs.
        inwards_m = (distance_to_edge(person) / px_per_m).to(drawn_m)
        rounded_m = ROUNDED_M * ramp(inwards_m, OUTLINE_M).square()
        depth_m = drawn_m + body * (BACK_M * outwards * upwards + rounded_m)
        weight = body * known + 1e-4
        smooth_m, share = smoothed(torch.stack([depth_m * weight, weight]), SMOOTH_M * px_per_m)
        depth_m = torch.lerp(depth_m, smooth_m / share, body)
        thick_m = (EDGE_M + ROUND * inwards_m).clamp_max(THICK_M)
        return PersonSurface(points_at(camera, depth_m), depth_m, thick_m, matte, body, small[2:])


def _drawn(painting: PaintedSheets, camera: Camera) -> tuple[Tensor, Tensor]:
    """The portrait's depth [P, P] in metres, continued over what is clear; and where it is not, [P, P], 0 or 1."""
    alpha, depth_m = painting.geometry.render_opacity(painting.opacity, painting.radius_m, camera)
    known = (alpha > 0.5).float()
    return push_pull((depth_m * known)[None, None], known[None, None])[0, 0], known
