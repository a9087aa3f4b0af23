"""What training minimises is least where it should be."""

from dataclasses import replace

import pytest
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.inversion import Painting
from portrait_manifolds.backend.networks.mean_sheets import MeanSheets
from portrait_manifolds.backend.networks.sheet_geometry import SheetGeometry
from portrait_manifolds.backend.training.batches import Batch, Targets, distance_outside
from portrait_manifolds.backend.training.losses import occupancy_loss, shape_losses, silhouette_loss, view_losses

CONFIG = inversion_config("small")
SIZE = 2 * CONFIG.chart


@pytest.fixture(scope="module")
def geometry() -> SheetGeometry:
    return MeanSheets(CONFIG.sheets).sheets()


def solid(geometry: SheetGeometry, surface_m: float) -> Painting:
    """Opaque up to an offset from the mean head, clear beyond it."""
    offsets, still = geometry.offsets_m, torch.zeros(1, CONFIG.chart, CONFIG.chart)
    opacity = (offsets <= surface_m).float()[None, :, None, None].expand(1, -1, SIZE, SIZE).contiguous()
    colour = torch.full((1, CONFIG.sheets, 3, SIZE, SIZE), 0.5)
    radius = geometry.total_radius(still)
    return Painting(opacity, opacity, opacity, colour, colour, still, still, radius, torch.ones(1, 1, 64, 64), geometry)


def test_opacity_is_to_end_at_the_outermost_surface(geometry: SheetGeometry) -> None:
    radius_m = geometry.mean_radius(16)[None] + 0.002
    right, outside, inside = (
        float(occupancy_loss(solid(geometry, surface_m), radius_m)) for surface_m in (0.002, 0.02, -0.02)
    )
    assert right < 0.05 < 0.5 < min(outside, inside)
    unknown = torch.zeros_like(radius_m)  # then the stack's own middle counts
    assert float(occupancy_loss(solid(geometry, 0.0), unknown)) < 0.05
    assert float(occupancy_loss(solid(geometry, 0.02), unknown)) > 0.5


def test_the_true_shape_costs_nothing(geometry: SheetGeometry) -> None:
    mean = geometry.mean_radius(CONFIG.chart)
    truth = 1.2 * mean[None]
    painting = solid(geometry, 0.0)
    right = replace(painting, displacement_m=truth - mean, coarse_displacement_m=truth - mean)
    assert float(shape_losses(right, truth)["radius"]) < 1e-5
    assert float(shape_losses(painting, truth)["radius"]) > 0.1


def test_the_outline_is_to_be_the_foreground_s(geometry: SheetGeometry) -> None:
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=128, height_px=128)
    mean = geometry.mean_radius(CONFIG.chart)[None]
    painting = solid(geometry, 0.0)
    textures = torch.cat([painting.painted[0], painting.opacity[0, :, None]], 1).permute(0, 2, 3, 1).contiguous()
    opacity = geometry.render(textures, painting.radius_m[0], camera)[None, None, ..., 3].detach()
    known = torch.ones_like(opacity)
    batch = Batch(
        torch.zeros(1, 4, 128, 128),
        [camera],
        Targets([[]], *4 * [torch.zeros(0)]),
        opacity,
        known,
        distance_outside(opacity, known),
        torch.zeros(1, 4, 4),
        1,
    )
    right, small, large = (
        silhouette_loss(replace(painting, displacement_m=mean * share), batch)
        for share in (torch.zeros(1, requires_grad=True), torch.tensor([-0.1]), torch.tensor([0.1]))
    )
    assert float(right.detach()) < 0.005 < 0.015 < min(float(small), float(large))
    right.backward()  # and every outline leads there
    unknown = replace(batch, known=0.0 * known, outside=0.0 * opacity)
    assert float(silhouette_loss(painting, unknown)) == 0.0


def test_the_true_view_costs_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    rgb, opacity = torch.rand(2, 3, 24, 24, generator=generator), torch.ones(2, 1, 24, 24)
    depth, known = torch.full((2, 1, 24, 24), 0.9), torch.ones(2, 1, 24, 24)
    camera = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=24, height_px=24)
    targets = Targets([[camera, camera]], rgb, opacity, depth, known)
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    drawn = torch.cat([linear, opacity, depth], 1).permute(0, 2, 3, 1)
    background = torch.rand(2, 3, 1, 1, generator=generator)
    assert all(float(term) < 1e-4 for term in view_losses(drawn, targets, background).values())
    halved = view_losses(0.5 * drawn, targets, background)
    assert all(float(term) > 1e-3 for name, term in halved.items() if name != "depth")  # which is a mean by opacity
    nearer = torch.cat([drawn[..., :4], drawn[..., 4:] - torch.tensor([0.01, 0.0])[:, None, None, None]], -1)
    assert float(view_losses(nearer, targets, background)["depth"]) == pytest.approx(0.005, rel=1e-3)  # of two views
    hidden = replace(targets, known=torch.tensor([0.0, 1.0])[:, None, None, None] * known)
    assert float(view_losses(nearer, hidden, background)["depth"]) < 1e-6
