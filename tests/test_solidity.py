"""Sheets made whole: gaps close, and only where they should."""

import numpy as np
import pytest
import torch

from portrait_manifolds.backend import solidity
from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.geometry import chart_angles_deg
from portrait_manifolds.backend.networks.inversion import Inversion
from portrait_manifolds.backend.solidity import solid_opacity

SIZE = 128
CAMERA = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=128, height_px=128)


@pytest.fixture(scope="module")
def network() -> Inversion:
    return Inversion(inversion_config("default")).eval()


def seen(network: Inversion, opacity: torch.Tensor, turn_deg: float = 0.0) -> torch.Tensor:
    """Opacity [H, W] of sheets [S, T, T] in the photograph's own view, or one turned from it."""
    textures = torch.cat([torch.zeros(*opacity.shape, 3), opacity[..., None]], -1)
    return network.render(textures, network.geometry.radius_m, CAMERA.orbited(turn_deg))[..., 3]


@torch.inference_mode()
def test_holes_close_where_the_photograph_shows_the_person(network: Inversion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solidity, "SIDES_DEG", ())
    solid = (network.geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    holed = solid.clone()
    holed[:, 56:72, 56:72] *= 0.05
    wanted = (seen(network, solid) > 0.99).float()
    closed = solid_opacity(network, holed, network.geometry.radius_m, CAMERA, wanted)
    middle = (slice(60, 68), slice(60, 68))
    assert seen(network, holed)[middle].min() < 0.95 < seen(network, closed)[middle].min()
    around = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    around[40:88, 40:88], around[52:76, 52:76] = True, False
    raised = closed - holed
    assert raised.min() >= 0.0 and raised[:, around].max() < 0.01  # nothing else within the outline
    unwanted = solid_opacity(network, holed, network.geometry.radius_m, CAMERA, torch.zeros_like(wanted))
    assert torch.equal(unwanted, holed)


@torch.inference_mode()
def test_holes_that_are_seen_from_beside_close_and_outlines_stay(network: Inversion) -> None:
    solid = (network.geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    holed = solid.clone()
    holed[:, 56:72, 80:92] = 0.0  # at 30 degrees to the right: a shaft that its own view hardly looks into
    nothing = torch.zeros(SIZE, SIZE)
    closed = solid_opacity(network, holed, network.geometry.radius_m, CAMERA, nothing)
    hole = (seen(network, holed, 30.0) < 0.5) & (seen(network, solid, 30.0) > 0.99)
    assert hole.sum() > 10 and seen(network, closed, 30.0)[hole].min() > 0.9
    for turn_deg in (-30.0, 0.0, 30.0):
        beside = seen(network, solid, turn_deg) < 1e-3
        assert seen(network, closed, turn_deg)[beside].max() < 0.02


@torch.inference_mode()
def test_the_body_that_the_photograph_shows_is_whole_from_beside(
    network: Inversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tear that opens to the outline is no hole; points that were seen of the body say what is missing."""
    monkeypatch.setattr(solidity, "BODY_M", -0.12)
    radius = 1.7 * network.geometry.radius_m
    solid = (network.geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    torn = solid.clone()
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE)
    left = np.arange(SIZE) < SIZE // 2
    torn[:, torch.from_numpy((elevation_deg < -38.0) & (azimuth_deg > 30.0) & (azimuth_deg < 100.0) & left)] = 0.0

    def drawn(opacity: torch.Tensor) -> torch.Tensor:
        textures = torch.cat([torch.zeros(*opacity.shape, 3), opacity[..., None]], -1)
        return network.render(textures, radius, CAMERA.orbited(30.0).resized(solidity.VIEW_PX, solidity.VIEW_PX))

    side = CAMERA.orbited(30.0).resized(solidity.VIEW_PX, solidity.VIEW_PX)
    whole = drawn(solid)
    points = solidity._points(side, whole[..., 4] / whole[..., 3].clamp_min(1e-4), whole[..., 3] > 0.99)
    assert len(points) > 1000 and points[:, 1].max() < solidity.BODY_M
    monkeypatch.setattr(solidity, "_points", lambda camera, depth_m, shown: points)
    closed = solid_opacity(network, torn, radius, CAMERA, torch.zeros(SIZE, SIZE))
    body = solidity._depth_of(points, side) > 0.0
    missing = body & (drawn(torn)[..., 3] < 0.5)
    assert missing.sum() > 200 and (drawn(closed)[..., 3][missing] > 0.9).float().mean() > 0.95
    monkeypatch.setattr(solidity, "_points", lambda camera, depth_m, shown: points[:0])
    unknown = solid_opacity(network, torn, radius, CAMERA, torch.zeros(SIZE, SIZE))
    assert (drawn(unknown)[..., 3][missing] > 0.9).float().mean() < 0.3


def test_points_are_seen_as_a_surface_without_cracks_and_the_nearest_of_them() -> None:
    x, y = np.meshgrid(np.linspace(-0.05, 0.05, 60), np.linspace(-0.24, -0.17, 42))
    plane = np.stack([x.ravel(), y.ravel(), 0.0 * x.ravel()], -1)
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=300, height_px=300)
    depth_m = solidity._depth_of(np.concatenate([plane, plane - (0.0, 0.0, 0.05)]), camera)
    pixels, _ = camera.project(np.array([[-0.04, -0.18, 0.0], [0.04, -0.19, 0.0], [0.0, -0.16, 0.0]]))
    (left, top), (right, bottom), (middle, above) = pixels.astype(int).tolist()
    assert (depth_m[top:bottom, left:right] - 1.4).abs().max() < 1e-6
    assert not depth_m[: above + 1].any() and depth_m[top, middle] > 0.0
    assert not solidity._depth_of(plane[:0], camera).any()
