"""A person with a neck, as a mask, and the camera that sees it; and a woman's hair beside hers."""

import numpy as np
import torch

from portrait_manifolds.backend.camera import Camera, look_at

PX, NECK_M, HEAD_M, SHOULDERS_M = 96, 0.05, 0.09, -0.18
GREEN, RED, BLUE = ([0.2, 0.8, 0.2], [0.9, 0.1, 0.1], [0.1, 0.1, 0.9])


def camera(yaw_deg: float = 0.0) -> Camera:
    return look_at((0.0, 0.0, 1.2), fov_deg=24.0, width_px=PX, height_px=PX).orbited(yaw_deg)


def rows(high_m: float, low_m: float) -> slice:
    """Of the pictures, between two heights at the head's centre."""
    (_, top), (_, bottom) = camera().project(np.array([[0.0, high_m, 0.0], [0.0, low_m, 0.0]]))[0]
    return slice(int(top), int(bottom) + 1)


def _person() -> torch.Tensor:
    """[PX, PX]: a head, a neck of 5 cm to either side and shoulders, as the camera sees them in its own plane."""
    origin, directions = camera().rays()
    x, y, _ = np.moveaxis(origin + directions * 1.2, -1, 0)
    head, neck = np.hypot(x, y) < HEAD_M, (np.abs(x) < NECK_M) & (y < 0)
    return torch.from_numpy((head | neck | (y < SHOULDERS_M)).astype(np.float32))


def _wide() -> torch.Tensor:
    """[PX, PX]: hair to 14 cm on either side, as long as the picture is."""
    columns = torch.arange(PX)
    return ((columns - PX // 2 + 0.5).abs() < 26).float().expand(PX, PX)


PERSON, WIDE = _person(), _wide()
