"""Colours of what was closed of the body: the body's, and nothing else's."""

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.hidden_body import with_body_colours
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.geometry import SheetGeometry, chart_angles_deg
from portrait_manifolds.backend.solidity import BODY_M

SIZE, SIDE_PX = 32, 128
SHEETS = inversion_config("small").sheets
RED, GREEN, BLUE = torch.eye(3)


@pytest.fixture(scope="module")
def colours() -> torch.Tensor:
    """[S, 3, SIZE, SIZE]: blue sheets, closed on their right half, before a red head over a green body."""
    camera = look_at((0.0, 0.0, 1.4), fov_deg=24.0, width_px=SIDE_PX, height_px=SIDE_PX)
    row = camera.project(np.array([0.0, BODY_M, 0.0]))[0][1]
    rgb = np.where((np.arange(SIDE_PX) < row - 2)[:, None, None], RED.numpy(), GREEN.numpy())
    rgb = np.broadcast_to(rgb, (SIDE_PX, SIDE_PX, 3)).astype(np.float32)
    photo = torch.from_numpy(np.concatenate([rgb, np.ones_like(rgb[..., :1])], -1))
    geometry = SheetGeometry(SHEETS)
    geometry.set_mean(np.full((128, 128), 0.22))
    painted = BLUE[:, None, None].expand(SHEETS, 3, SIZE, SIZE).contiguous()
    closed = torch.zeros(SHEETS, 2 * SIZE, 2 * SIZE)
    closed[:, :, SIZE:] = 1.0
    surface_m = torch.full((SIDE_PX, SIDE_PX), 1.4)
    return with_body_colours(painted, closed, geometry, torch.zeros(1, 16, 16), camera, photo, surface_m)


def share_of(colours: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Where sheets have a colour, [S, SIZE, SIZE] bool."""
    return ((colours - colour[:, None, None]).abs() < 0.02).all(1)


def test_what_was_closed_low_down_takes_the_bodys_colour(colours: torch.Tensor) -> None:
    """None the head's, though the head is before some of it."""
    low = torch.from_numpy(chart_angles_deg(SIZE)[1] < -46.0)
    right = torch.arange(SIZE) >= SIZE // 2
    assert share_of(colours, GREEN)[1:, low & right].float().mean() > 0.3
    assert not (colours[:, 0] > 0.02).any()


def test_what_was_there_and_the_neck_and_the_head_keep_theirs(colours: torch.Tensor) -> None:
    kept = share_of(colours, BLUE)
    assert kept[0].all() and kept[:, :, : SIZE // 2].all()
    assert kept[:, torch.from_numpy(chart_angles_deg(SIZE)[1] > -35.0)].all()
