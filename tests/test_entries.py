"""Rays that enter a sheet more than once: behind an ear's rim."""

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.cuda_ops.render_manifolds import Implementation, default_implementation, render_manifolds

pytestmark = pytest.mark.skipif(default_implementation("cpu") != "native", reason="no C++ compiler")


def eared(dtype: torch.dtype, ear_opacity: float) -> tuple[torch.Tensor, ...]:
    """A grey ball of three sheets with a red ridge beside the face, as ears are; as `render_manifolds` takes them over
    the wide chart."""
    azimuth_deg, elevation_deg = chart_angles_deg(128, WIDE_HALF_EXTENT)
    ridge = np.exp(-0.5 * (((azimuth_deg - 95.0) / 4.0) ** 2 + (elevation_deg / 12.0) ** 2))
    radius = torch.from_numpy(0.1 + 0.03 * ridge).to(dtype)
    textures = torch.full((3, 128, 128, 4), 0.5, dtype=dtype)
    textures[..., 3] = 1.0
    textures[:, torch.from_numpy(ridge > 0.05)] = torch.tensor([1.0, 0.0, 0.0, ear_opacity], dtype=dtype)
    return textures, radius, torch.ones_like(radius), torch.tensor([-0.01, -0.005, 0.0], dtype=dtype)


def beside(size_px: int) -> Camera:
    """Sees the ridge, and the ball's side behind it."""
    return look_at((0, 0, 1.2), fov_deg=12.0, width_px=size_px, height_px=size_px).orbited(45.0)


@pytest.mark.parametrize("implementation", ["native", "reference"])
def test_a_sheet_is_seen_again_behind_what_is_clear_of_it(implementation: Implementation) -> None:
    """Rays that enter the ridge where it is clear meet the same sheets once more behind it."""
    opaque, radius, *maps = eared(torch.float64, 1.0)
    clear, ball = eared(torch.float64, 0.0)[0], torch.full_like(radius, 0.1)

    def drawn(textures: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        wide = {"half_extent": WIDE_HALF_EXTENT, "implementation": implementation}
        return render_manifolds(textures, radius, *maps, beside(64), **wide)

    whole, behind = drawn(opaque, radius), drawn(clear, ball)[..., 3] > 0.99
    hidden = (whole[..., 0] > 3.0 * whole[..., 1]) & behind
    seen = drawn(clear, radius)[..., 3][hidden] > 0.95
    assert (
        hidden.sum() > 50 and seen.double().mean() > 0.9
    )  # the others go from the ridge into the ball without leaving it


def test_what_is_behind_an_ear_has_the_same_gradients_as_in_the_reference() -> None:
    textures, radius, *maps = eared(torch.float64, 0.4)
    textures[..., 3] *= 0.9  # opaque sheets hide the inner ones, of which the reference tells nevertheless
    results = {}
    for implementation in ("native", "reference"):
        leaves = textures.clone().requires_grad_(), radius.clone().requires_grad_()
        wide = {"half_extent": WIDE_HALF_EXTENT, "implementation": implementation}
        out = render_manifolds(*leaves, *maps, beside(24), mip_levels=1, **wide)
        torch.manual_seed(0)
        (out * torch.randn_like(out))[..., :4].sum().backward()
        results[implementation] = (out.detach(), *(leaf.grad for leaf in leaves))
    for native, reference in zip(results["native"], results["reference"], strict=True):
        assert (native - reference).norm() <= 0.02 * reference.norm()
