"""The CUDA ops: compiled wherever there is nvcc, run wherever there is a GPU."""

import shutil

import numpy as np
import pytest
import torch
from conftest import needs_gpu, random_portrait, small_camera, tensors

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.cuda_ops import build, native_cuda
from portrait_manifolds.cuda_ops.native import SAFE_SHARE, View, pyramid_u8, scene_extent
from portrait_manifolds.cuda_ops.render_manifolds import render_manifolds, render_opacity
from portrait_manifolds.cuda_ops.tensor_calls import sent


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="no nvcc")
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("render_cuda", "pm_cuda_render_u8"),
        ("texels_cuda", "pm_cuda_paint_texels"),
        ("connected_parts", "pm_cuda_connected_parts"),
    ],
)
def test_the_kernels_compile(name: str, function: str) -> None:
    assert getattr(build.load_library(name), function)


def test_kernels_are_made_for_cards_since_turing_and_for_those_to_come() -> None:
    command = build._command(build.SOURCES / "render_cuda.cu")
    targets = [part.removeprefix("-gencode=") for part in command if part.startswith("-gencode=")]
    machine_code = [f"arch=compute_{arch},code=sm_{arch}" for arch in (75, 80, 90)]
    assert targets == [*machine_code, "arch=compute_90,code=compute_90"]


def test_a_scene_s_extent_is_the_processor_s() -> None:
    """Worked out by torch for a GPU, by numpy for the processor."""
    _, *maps = tensors(random_portrait(sheets=5))
    found = native_cuda._extent(*maps, half_extent=CHART_HALF_EXTENT)
    expected = scene_extent(*(x.numpy() for x in maps), CHART_HALF_EXTENT)
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    assert SAFE_SHARE[0] < expected[1] < SAFE_SHARE[1]


def test_a_gpu_s_kernels_take_no_double_precision() -> None:
    textures, *maps = tensors(random_portrait(), torch.float64)
    with pytest.raises(ValueError, match=r"kernels take uint8 or float32, not torch.float64: give textures.float\(\)"):
        native_cuda.CudaScene([textures], *maps, half_extent=CHART_HALF_EXTENT)


def test_numbers_that_are_sent_are_the_device_s_own() -> None:
    values = np.arange(3.0)
    tensor = sent(values, "cpu", torch.float32)
    values[:] = 9.0
    assert tensor.dtype == torch.float32 and tensor.tolist() == [0.0, 1.0, 2.0]


@needs_gpu
def test_cuda_agrees_with_the_cpu_in_value_and_gradient() -> None:
    portrait = random_portrait(sheets=5, texture_size=32)
    cameras = [small_camera(33, 21), small_camera(33, 21).orbited(15.0)]
    results = {}
    for device in ("cpu", "cuda"):
        textures, radius, spread, offsets = (x.to(device) for x in tensors(portrait))
        leaves = textures.requires_grad_(), radius.requires_grad_()
        out = render_manifolds(
            *leaves, spread, offsets, cameras, implementation="native", half_extent=CHART_HALF_EXTENT
        )
        torch.manual_seed(0)
        (out * torch.randn(out.shape).to(device)).sum().backward()
        results[device] = (out.detach(), *(leaf.grad for leaf in leaves))
    for cpu, cuda in zip(results["cpu"], results["cuda"], strict=True):
        assert (cpu - cuda.cpu()).norm() <= 1e-2 * cpu.norm()


@needs_gpu
def test_cuda_draws_8_bit_textures_as_the_cpu_does(head: Portrait) -> None:
    from portrait_manifolds.cuda_ops.native_cuda import CudaScene

    levels = [torch.from_numpy(level).cuda() for level in pyramid_u8(head.textures)]
    maps = (x.cuda() for x in tensors(head)[1:])
    camera = head.camera(200, 150).orbited(25)
    rgba, depth = CudaScene(levels, *maps, half_extent=CHART_HALF_EXTENT).render(View.of(camera))
    expected, expected_depth = head.render(camera)
    assert (rgba.cpu() - torch.from_numpy(expected)).abs().mean() < 1e-3
    both = torch.isfinite(depth.cpu()) & torch.isfinite(torch.from_numpy(expected_depth))
    assert (depth.cpu() - torch.from_numpy(expected_depth))[both].abs().median() < 1e-4


@needs_gpu
def test_opacity_alone_is_drawn_as_on_the_cpu(head: Portrait) -> None:
    textures, *maps = tensors(head)
    camera = head.camera(120, 90).orbited(25)
    (opacity, depth_m), (expected, expected_m) = (
        render_opacity(*(x.to(device) for x in (textures[..., 3], *maps)), camera, half_extent=CHART_HALF_EXTENT)
        for device in ("cuda", "cpu")
    )
    assert (opacity.cpu() - expected).abs().mean() < 2e-3
    sure = (opacity.cpu() > 0.5) & (expected > 0.5)
    assert (depth_m.cpu() - expected_m)[sure].abs().median() < 1e-4
