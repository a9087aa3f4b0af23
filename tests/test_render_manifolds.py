"""The renderer as an op: values and gradients against the reference and finite differences; what it refuses."""

from collections import defaultdict
from functools import partial

import numpy as np
import pytest
import torch
from conftest import bumpy_manifolds, small_camera, tensors

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.networks.resampling import resampled
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.cuda_ops import native as native_module
from portrait_manifolds.cuda_ops import render_manifolds as render_module
from portrait_manifolds.cuda_ops.render_manifolds import Implementation, default_implementation

pytestmark = pytest.mark.skipif(default_implementation("cpu") != "native", reason="no C++ compiler")

render_manifolds = partial(render_module.render_manifolds, half_extent=CHART_HALF_EXTENT)


def smooth_tensors(sheets: int, dtype: torch.dtype, size: int = 16) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(sheets)
    textures = (torch.rand(sheets, size, size, 4, generator=generator) * 0.8 + 0.1).to(dtype)
    manifolds = bumpy_manifolds(sheets)
    maps = (manifolds.total_radius_m(), manifolds.spread, manifolds.offsets_m)
    return textures, *(torch.tensor(x, dtype=dtype) for x in maps)


@pytest.mark.parametrize("sheets", [1, 3, 24])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 18)])
def test_native_agrees_with_the_reference_in_value_and_gradient(sheets: int, size: tuple[int, int]) -> None:
    textures, radius, spread, offsets = smooth_tensors(sheets, torch.float64)
    results = {}
    for implementation in ("native", "reference"):
        leaves = textures.clone().requires_grad_(), radius.clone().requires_grad_()
        out = render_manifolds(*leaves, spread, offsets, small_camera(*size), implementation=implementation)
        torch.manual_seed(0)
        (out * torch.randn_like(out)).sum().backward()
        results[implementation] = (out.detach(), *(leaf.grad for leaf in leaves))
    for native, reference in zip(results["native"], results["reference"], strict=True):
        # The depth's derivative grows without bound towards grazing incidence: compare as a whole.
        assert (native - reference).norm() <= 5e-3 * reference.norm() + 1e-9


@pytest.mark.parametrize("implementation", ["native", "reference"])
def test_several_cameras_give_what_each_gives_alone(implementation: Implementation) -> None:
    cameras = [small_camera(9, 7), small_camera(9, 7).orbited(20.0), small_camera(9, 7).orbited(-10.0, 5.0)]
    textures, *maps = smooth_tensors(3, torch.float64)
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(3, 7, 9, 5, generator=generator, dtype=torch.float64)

    def gradients(pictures: torch.Tensor, leaves: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return pictures.detach(), *torch.autograd.grad((pictures * weights).sum(), leaves)

    leaves = textures.requires_grad_(), maps[0].requires_grad_()
    together = render_manifolds(*leaves, *maps[1:], cameras, implementation=implementation)
    alone = [render_manifolds(*leaves, *maps[1:], camera, implementation=implementation) for camera in cameras]
    for one, other in zip(gradients(together, leaves), gradients(torch.stack(alone), leaves), strict=True):
        torch.testing.assert_close(one, other)


def test_single_precision_agrees_with_double() -> None:
    for sheets in (1, 24):
        double = render_manifolds(*smooth_tensors(sheets, torch.float64), small_camera(40, 30), implementation="native")
        single = render_manifolds(*smooth_tensors(sheets, torch.float32), small_camera(40, 30), implementation="native")
        error = (double - single).abs().amax(-1)
        assert error.mean() < 1e-4
        assert error.quantile(0.98) < 1e-3  # the rest are entries at grazing incidence


def test_gradients_count_every_sheet_of_every_pixel_of_a_block() -> None:
    """Pixels that are drawn as one enter 64 sheets in steps of their own; in double precision each is drawn alone."""
    gradients = []
    for dtype in (torch.float32, torch.float64):
        textures, *maps = smooth_tensors(64, dtype)
        leaf = (textures * torch.tensor([1.0, 1.0, 1.0, 0.1], dtype=dtype)).requires_grad_()
        camera = small_camera(48, 48).orbited(45.0, 15.0)
        picture = render_manifolds(leaf, *maps, camera, mip_levels=1, implementation="native")[..., :4]
        weights = torch.rand(picture.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        gradients.append(torch.autograd.grad((picture * weights.to(dtype)).sum(), leaf)[0].double())
    single, double = gradients
    assert (single - double).norm() < 0.015 * double.norm()


@pytest.mark.parametrize("implementation", ["native", "reference"])
def test_gradients_are_those_of_finite_differences(implementation: str) -> None:
    textures, radius, spread, offsets = smooth_tensors(2, torch.float64, size=8)
    # Narrow enough that no ray grazes a sheet: there the depth has no derivative.
    camera = look_at((0.05, 0.03, 0.9), fov_deg=6.0, width_px=4, height_px=3)

    def picture(textures: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
        return render_manifolds(
            textures, radius, spread, offsets, camera, mip_levels=1, skip_empty=False, implementation=implementation
        )

    leaves = textures.requires_grad_(), radius.requires_grad_()
    assert torch.autograd.gradcheck(picture, leaves, eps=1e-6, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("power", [1, 2])  # of a sum, the gradient that comes in is a constant
def test_second_derivatives_are_the_references_alone(power: int) -> None:
    textures, *maps = smooth_tensors(2, torch.float64)

    def second(implementation: Implementation) -> torch.Tensor:
        leaf = textures.clone().requires_grad_()
        picture = render_manifolds(leaf, *maps, small_camera(5, 4), implementation=implementation)
        (first,) = torch.autograd.grad((picture**power).sum(), leaf, create_graph=True)
        return torch.autograd.grad(first.square().sum(), leaf)[0]

    assert second("reference").norm() > 0.0
    with pytest.raises(RuntimeError, match="no second derivatives: leave out create_graph"):
        second("native")


@pytest.mark.parametrize("implementation", ["native", "reference"])
@pytest.mark.parametrize("wanted", [1, 2])
def test_spread_and_offsets_that_want_a_gradient_are_refused(implementation: Implementation, wanted: int) -> None:
    textures, *maps = smooth_tensors(2, torch.float32)
    maps[wanted].requires_grad_()
    with pytest.raises(ValueError, match="textures and radius alone"):
        render_manifolds(textures, *maps, small_camera(2, 2), implementation=implementation)
    with torch.no_grad():
        render_manifolds(textures, *maps, small_camera(2, 2), implementation=implementation)


def test_gradients_that_are_held_are_not_written_again(small_head: Portrait) -> None:
    textures, radius, spread, offsets = tensors(small_head)
    leaf = textures.requires_grad_()

    def gradient(yaw: float) -> torch.Tensor:
        camera = small_head.camera(24, 24).orbited(yaw)
        out = render_manifolds(leaf, radius, spread, offsets, camera, mip_levels=1, implementation="native")
        return torch.autograd.grad(out.sum(), leaf)[0]

    first = gradient(0.0)
    kept = first.clone()
    second = gradient(30.0)
    assert torch.equal(first, kept)
    assert not torch.equal(first, second)
    del first
    assert torch.allclose(gradient(0.0), kept, atol=1e-5)  # in memory that has been used before


def test_the_gradient_reaches_the_displacement(small_head: Portrait) -> None:
    manifolds = small_head.manifolds
    textures, radius, spread, offsets = tensors(small_head)
    displacement = torch.tensor(manifolds.displacement_m).requires_grad_()
    total = torch.tensor(manifolds.radius_m) + resampled(displacement, len(manifolds.radius_m))
    assert total.detach().numpy() == pytest.approx(radius.numpy(), abs=1e-6)
    camera = small_head.camera(48, 48)

    def mean_depth(total: torch.Tensor) -> torch.Tensor:
        accumulated = render_manifolds(textures, total, spread, offsets, camera, implementation="native")
        return accumulated[16:32, 16:32, 4].mean()  # the middle of the face: opaque, not grazed

    mean_depth(total).backward()
    step = 1e-4
    moved = mean_depth((total + step).detach()) - mean_depth((total - step).detach())
    assert displacement.grad is not None
    assert displacement.grad.sum().item() == pytest.approx(moved.item() / (2 * step), rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        *({"radius": torch.ones(4, 5)}, {"offsets": torch.zeros(2)}, {"spread": torch.ones(4)}),
        *({"textures": torch.ones(shape)} for shape in ((), (4,), (3, 0, 0, 4), (0, 16, 16, 4), (65, 16, 16, 4))),
        {"textures": torch.ones(0, 16, 16, 4), "offsets": torch.ones(0)},
        {"radius": torch.ones(1, 1), "spread": torch.ones(1, 1)},
        *({"half_extent": value} for value in (-1.0, 0.0, 2.1, float("nan"))),
        *({"camera": cameras} for cameras in ([], [small_camera(2, 2), small_camera(3, 2)])),
        *({"mip_levels": count} for count in (0, -1)),
    ],
)
@pytest.mark.parametrize("implementation", ["native", "reference"])
def test_what_does_not_fit_is_refused(change: dict, implementation: Implementation) -> None:
    names = ("textures", "radius", "spread", "offsets")
    parts = dict(zip(names, smooth_tensors(3, torch.float32), strict=True)) | {"camera": small_camera(2, 2)}
    with pytest.raises(ValueError, match="must be"):
        render_manifolds(**(parts | change), implementation=implementation)


def test_an_implementation_that_is_misspelt_is_refused() -> None:
    with pytest.raises(ValueError, match="'natve' must be one of auto, reference, native"):
        render_manifolds(*smooth_tensors(1, torch.float32), small_camera(2, 2), implementation="natve")


def test_memory_serves_again_once_nobody_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_module, "_kept", defaultdict(list))
    shape, kind = (3, 4), np.dtype(np.float32)
    first = native_module._zeros(shape, kind)
    address = first.ctypes.data
    first[:] = 1.0
    for still_seen in (lambda array: array[1:, ::2], lambda array: torch.from_numpy(array)[2]):
        seen = still_seen(first)
        del first
        assert native_module._zeros(shape, kind).ctypes.data != address and float(seen.sum()) > 0.0
        native_module._kept.clear()
        del seen
        first = native_module._zeros(shape, kind)
        assert first.ctypes.data == address and not first.any()
        first[:] = 1.0
    monkeypatch.setattr(native_module, "_KEPT_BYTES", 0)
    native_module._kept.clear()
    del first
    assert not native_module._kept[48]
