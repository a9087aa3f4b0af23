"""What training minimises is least where it should be."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.geometry import beside_neck
from portrait_manifolds.backend.networks.inversion import Inversion, Painting
from portrait_manifolds.backend.training.batches import Batch, Target, distance_outside
from portrait_manifolds.backend.training.losses import occupancy_loss, shape_losses, silhouette_loss, view_losses

CONFIG = inversion_config("small")
SIZE = 2 * CONFIG.chart


@pytest.fixture(scope="module")
def network() -> Inversion:
    return Inversion(CONFIG).eval()


def solid(network: Inversion, surface_m: float) -> Painting:
    """Opaque up to so far outside the mean head, clear beyond it."""
    geometry, still = network.geometry, torch.zeros(1, CONFIG.chart, CONFIG.chart)
    outside_m = geometry.points(still, SIZE).norm(dim=-1) - geometry.mean_surface(SIZE)
    opacity = (outside_m <= surface_m + 1e-6).float()
    colour = torch.full((1, CONFIG.sheets, 3, SIZE, SIZE), 0.5)
    radius = network.geometry.total_radius(still)
    return Painting(opacity, opacity, opacity, colour, colour, still, still, radius, torch.ones(1, 1, 64, 64))


def test_opacity_is_to_end_at_the_outermost_surface(network: Inversion) -> None:
    radius_m = network.geometry.mean_surface(16)[None] + 0.002
    unknown = torch.zeros_like(radius_m)
    right, outside, inside = (
        float(occupancy_loss(solid(network, surface_m), network.geometry, radius_m, unknown))
        for surface_m in (0.002, 0.02, -0.02)
    )
    assert right < 0.05 < 0.5 < min(outside, inside)
    # Without a surface the stack's own middle counts.
    assert float(occupancy_loss(solid(network, 0.0), network.geometry, unknown, unknown)) < 0.05
    assert float(occupancy_loss(solid(network, 0.02), network.geometry, unknown, unknown)) > 0.5


def test_beside_the_neck_it_is_air_up_to_the_shoulders() -> None:
    geometry = Inversion(inversion_config("default")).geometry
    geometry.set_mean(np.full((128, 128), 0.09))
    config = inversion_config("default")
    still = torch.zeros(1, config.chart, config.chart)
    size = 4 * config.chart
    distance_m = geometry.points(still, size)[0].norm(dim=-1)
    beside = beside_neck(size) > 0.3
    neck_m, known = torch.full((1, 64, 64), 0.09), (beside_neck(64) > 0.9).float()
    shoulders_m = 0.16 * known[None]

    def loss(opacity: torch.Tensor, shoulders_m: torch.Tensor) -> float:
        colour = torch.zeros(1, config.sheets, 3, 1, 1)
        whole = torch.where(beside, opacity, (distance_m < 0.0905).float())[None]
        radius, matte = geometry.total_radius(still), torch.ones(1, 1, 64, 64)
        painting = Painting(whole, whole, whole, colour, colour, still, still, radius, matte)
        return float(occupancy_loss(painting, geometry, neck_m, shoulders_m))

    neck = (distance_m < 0.0905).float()
    right = torch.maximum(neck, (distance_m > 0.16).float())
    filled = torch.maximum(neck, (distance_m > 0.12).float())
    unknown, none = 0.0 * shoulders_m, 10.0 * known[None]
    assert loss(right, shoulders_m) < 0.01 < min(loss(neck, shoulders_m), loss(filled, shoulders_m))
    assert loss(right, unknown) < 0.01 and loss(filled, unknown) < 0.01  # then pictures decide
    assert loss(neck, none) < 0.01 < loss(right, none)


def test_the_true_shape_costs_nothing(network: Inversion) -> None:
    mean = network.geometry.mean_surface(CONFIG.chart)
    truth = 1.2 * mean[None]
    painting = solid(network, 0.0)
    right = replace(painting, displacement_m=truth - mean, coarse_displacement_m=truth - mean)
    assert float(shape_losses(right, network.geometry, truth)["radius"]) < 1e-5
    assert float(shape_losses(painting, network.geometry, truth)["radius"]) > 0.1


def test_the_outline_is_to_be_the_foreground_s(network: Inversion) -> None:
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=128, height_px=128)
    mean = network.geometry.mean_surface(CONFIG.chart)[None]
    painting = solid(network, 0.0)
    textures = torch.cat([painting.painted[0], painting.opacity[0, :, None]], 1).permute(0, 2, 3, 1).contiguous()
    opacity = network.render(textures, painting.radius_m[0], camera)[None, None, ..., 3].detach()
    known = torch.ones_like(opacity)
    batch = Batch(
        torch.zeros(1, 4, 128, 128),
        [camera],
        [],
        opacity,
        known,
        distance_outside(opacity, known),
        torch.zeros(1, 4, 4),
        torch.zeros(1, 4, 4),
    )
    right, small, large = (
        silhouette_loss(replace(painting, displacement_m=mean * share), network.geometry, batch)
        for share in (torch.zeros(1, requires_grad=True), torch.tensor([-0.1]), torch.tensor([0.1]))
    )
    assert float(right.detach()) < 0.005 < 0.015 < min(float(small), float(large))
    right.backward()  # and every outline leads there
    unknown = replace(batch, known=0.0 * known, outside=0.0 * opacity)
    assert float(silhouette_loss(painting, network.geometry, unknown)) == 0.0


def test_the_true_view_costs_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    rgb, opacity = torch.rand(3, 24, 24, generator=generator), torch.ones(1, 24, 24)
    depth, known = torch.full((1, 24, 24), 0.9), torch.ones(1, 24, 24)
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=24, height_px=24)
    target = Target(0, camera, rgb, opacity, depth, known, False)
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    drawn = torch.cat([linear, opacity, depth]).permute(1, 2, 0)
    background = torch.rand(3, 1, 1, generator=generator)
    assert all(float(term) < 1e-4 for term in view_losses(drawn, target, background).values())
    assert all(float(term) > 1e-3 for term in view_losses(0.5 * drawn, target, background).values() if term != 0)
    nearer = torch.cat([drawn[..., :4], drawn[..., 4:] - 0.01], -1)
    assert float(view_losses(nearer, target, background)["depth"]) == pytest.approx(0.01, rel=1e-3)
