"""Chart maps and cameras as tensors are those of numpy."""

from functools import cache

import numpy as np
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.manifolds import direction_to_chart
from portrait_manifolds.backend.networks.cameras import points_at
from portrait_manifolds.backend.networks.chart_maps import chart_grid
from portrait_manifolds.backend.networks.kept import kept


def test_points_lie_on_the_cameras_rays() -> None:
    camera = look_at((0.3, 0.2, 1.1), fov_deg=30.0, width_px=20, height_px=12)
    depth_m = torch.rand(12, 20, generator=torch.Generator().manual_seed(0)) + 0.5
    origin, rays = camera.rays()
    np.testing.assert_allclose(points_at(camera, depth_m), origin + rays * depth_m.numpy()[..., None], atol=1e-6)
    _, depth = camera.project(points_at(camera, depth_m).double().numpy())
    np.testing.assert_allclose(depth, depth_m, atol=1e-6)


def test_points_lie_in_the_chart_where_their_directions_do() -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    directions = (points / points.norm(dim=-1, keepdim=True)).numpy()
    u, v = direction_to_chart(directions).T / CHART_HALF_EXTENT
    np.testing.assert_allclose(chart_grid(points, CHART_HALF_EXTENT), np.stack([u, -v], -1), atol=1e-5)


def test_maps_that_are_kept_can_be_trained_with() -> None:
    calls = []

    @cache
    def made(size: int, half_extent: float) -> torch.Tensor:
        calls.append(size)
        with torch.inference_mode(False):
            return torch.ones(size, size)

    with torch.inference_mode():
        first = kept(made, 4, torch.zeros(1, dtype=torch.float64), CHART_HALF_EXTENT)
    assert first.dtype == torch.float64 and not first.is_inference()
    assert kept(made, 4, torch.zeros(2, dtype=torch.float64), CHART_HALF_EXTENT) is first and calls == [4]
