"""The renderers against each other and against an independent ray tracer."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import random_portrait, small_camera, tensors
from made_portrait_truth import trace

from portrait_manifolds.backend import progress, render
from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.made.made_portrait import made_portrait
from portrait_manifolds.backend.manifolds import default_offsets_m, map_grid
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.render import Renderer
from portrait_manifolds.cuda_ops import build
from portrait_manifolds.cuda_ops import native as native_module
from portrait_manifolds.cuda_ops import render_manifolds as render_module
from portrait_manifolds.cuda_ops.build import BuildError
from portrait_manifolds.cuda_ops.native import occupied_or_beside
from portrait_manifolds.cuda_ops.reference import finish_picture
from portrait_manifolds.cuda_ops.render_manifolds import Implementation, default_implementation, render_opacity

pytestmark = pytest.mark.skipif(default_implementation("cpu") != "native", reason="no C++ compiler")

render_manifolds = partial(render_module.render_manifolds, half_extent=CHART_HALF_EXTENT)


@pytest.mark.parametrize("yaw", [0, 35])
def test_a_picture_agrees_with_the_independent_ray_tracer(head: Portrait, yaw: float) -> None:
    camera = head.camera(160, 160).orbited(yaw, 5)
    rgba, depth = head.render(camera)
    true_rgba, true_depth = trace(camera)
    premultiplied, expected = rgba[..., :3] * rgba[..., 3:], true_rgba[..., :3] * true_rgba[..., 3:]
    error = np.abs(premultiplied - expected).max(-1)
    assert error.mean() < 2e-3
    assert np.quantile(error, 0.99) < 0.03
    both = np.isfinite(depth) & np.isfinite(true_depth)
    assert both.mean() > 0.3
    assert np.median(np.abs(depth[both] - true_depth[both])) < 2e-4
    assert np.quantile(np.abs(depth[both] - true_depth[both]), 0.98) < 2e-3
    assert (np.isfinite(depth) != np.isfinite(true_depth)).mean() < 0.01


@pytest.mark.parametrize(("fov", "distance"), [(0.002, 10_000.0), (0.5, 40.0), (20.0, 1.0), (110.0, 0.25)])
def test_the_widest_and_the_longest_lenses_agree_with_the_reference(
    head: Portrait, fov: float, distance: float
) -> None:
    camera = look_at((0, 0, distance), fov_deg=fov, width_px=96, height_px=80)
    rgba, depth = head.render(camera)
    expected, expected_depth = finish_picture(render_manifolds(*tensors(head), camera, implementation="reference"))
    error = np.abs(rgba - expected.numpy()).max(-1)
    assert error.mean() < 2e-3
    assert np.isfinite(depth).any()
    finite = np.isfinite(depth) & np.isfinite(expected_depth.numpy())
    assert np.median(np.abs(depth[finite] - expected_depth.numpy()[finite])) < 1e-4 * distance


@pytest.mark.parametrize("implementation", ["native", "reference"])
def test_a_camera_far_away_sees_what_a_nearer_one_does(head: Portrait, implementation: Implementation) -> None:
    """The nearer one is so far that its perspective is hardly another; the head is not in the middle."""

    def drawn(distance: float, *kind: torch.dtype, by: Implementation) -> tuple[torch.Tensor, torch.Tensor]:
        away = np.array([0.3, 0.1, 0.95]) * distance
        camera = look_at(away, (0.1, 0, 0), fov_deg=25.0 / distance, width_px=72, height_px=64)
        rgba, depth = finish_picture(render_manifolds(*tensors(head, *kind), camera, implementation=by))
        return rgba[..., :3] * rgba[..., 3:], depth - np.linalg.norm(camera.position_m)

    expected, expected_depth = drawn(200.0, torch.float64, by="native")
    for distance in (200.0, 3e3, 3e4):
        rgb, depth = drawn(distance, by=implementation)
        assert (rgb - expected).abs().mean() < 2e-3
        both = torch.isfinite(depth) & torch.isfinite(expected_depth)
        assert both.float().mean() > 0.1
        assert (depth - expected_depth)[both].abs().median() < 1e-3 + 1e-7 * distance


def test_steep_shoulders_have_no_holes() -> None:
    """Where the radius grows fast the field falls, rises and falls again along a ray: the march must not leap over."""
    v = map_grid(64)[..., 1]
    radius = torch.from_numpy(0.11 + 0.3 / (1.0 + np.exp(10.0 * (v + 1.1))) + 0.06 * np.cos(9.0 * v))
    textures = torch.ones(24, 16, 16, 4, dtype=torch.float64)
    spread = torch.ones_like(radius)
    offsets = torch.from_numpy(default_offsets_m(24).astype(np.float64))
    camera = look_at((0, 0, 1.2), (0, -0.1, 0), fov_deg=30, width_px=32, height_px=32)
    opacity = [
        render_manifolds(textures, radius, spread, offsets, camera, implementation=name)[..., 3]
        for name in ("native", "reference")
    ]
    assert (opacity[1] > 0.99).double().mean() > 0.2
    assert ((opacity[0] - opacity[1]).abs() > 0.05).double().mean() < 0.01


def test_8_bit_and_float_textures_give_the_same_picture(head: Portrait) -> None:
    camera = head.camera(120, 90).orbited(-20, 10)
    rgba, depth = head.render(camera)
    expected, expected_depth = finish_picture(
        render_manifolds(*tensors(head), camera, mip_levels=None, implementation="native")
    )
    premultiplied = rgba[..., :3] * rgba[..., 3:] - (expected[..., :3] * expected[..., 3:]).numpy()
    # Mip levels are rounded to 8 bits; and a ray that grazes a sheet may meet it in the one and pass it in the other.
    assert (np.abs(premultiplied).max(-1) > 0.02).mean() < 5e-4
    assert np.abs(premultiplied).mean() < 1e-3
    assert (np.isfinite(depth) != np.isfinite(expected_depth.numpy())).mean() < 2e-3


@pytest.mark.parametrize("compiled", [True, False])
def test_opacity_alone_is_that_of_the_picture(head: Portrait, monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
    textures, *maps = tensors(head)
    camera = head.camera(120, 90).orbited(-20, 10)
    drawn = render_manifolds(textures, *maps, camera, mip_levels=1, implementation="reference")
    rgba, expected_m = finish_picture(drawn)
    if not compiled:
        monkeypatch.setattr(render_module, "default_implementation", lambda device: "reference")
    opacity, depth_m = render_opacity(textures[..., 3], *maps, camera, CHART_HALF_EXTENT)
    # Rounded to 8 bits; and a ray that grazes a sheet may meet it in the one and pass it in the other.
    assert ((opacity - rgba[..., 3]).abs() > 0.01).float().mean() < 2e-3
    sure = (opacity > 0.5) & (rgba[..., 3] > 0.5)
    assert 0.1 < sure.float().mean() < 0.9
    assert ((depth_m - expected_m)[sure].abs() > 1e-3).float().mean() < 5e-3
    assert depth_m[opacity == 0.0].abs().max() == 0.0
    with pytest.raises(ValueError, match="must be"):
        render_opacity(textures[..., 3], maps[0], maps[1][1:], maps[2], camera, CHART_HALF_EXTENT)


def test_skipping_empty_tiles_changes_nothing(head: Portrait) -> None:
    arguments = (*tensors(head), head.camera(64, 64).orbited(30))
    skipped, whole = (render_manifolds(*arguments, skip_empty=skip, implementation="native") for skip in (True, False))
    assert (skipped - whole).abs().max() < 1e-6


def test_tiles_are_marked_with_what_is_in_them_or_beside() -> None:
    tiles = np.zeros((8, 8), np.uint64)
    tiles[5, 2], tiles[0, 7] = 1, 2
    expected = np.zeros((4, 4), np.uint64)  # of two a side: the second row from below, and the upper right corner
    expected[1:4, 0:3] = 1
    expected[0:2, 2:4] |= np.uint64(2)
    assert np.array_equal(occupied_or_beside(tiles, 4), expected)


@pytest.mark.parametrize(("yaw", "pitch", "fov"), [(0, 0, 20), (40, -20, 3), (-60, 30, 90), (10, 5, 1)])
def test_rays_are_left_out_only_where_nothing_is(small_head: Portrait, yaw: float, pitch: float, fov: float) -> None:
    camera = small_head.camera(150, 100).orbited(yaw, pitch).with_fov(fov)
    rgba, depth = small_head.render(camera)
    everywhere = Renderer(small_head)
    assert everywhere.native is not None
    corners = [(x, y, z) for x in (-9.0, 9.0) for y in (-9.0, 9.0) for z in (-9.0, 9.0)]
    everywhere.native.__dict__["_hulls"] = np.array([corners])
    expected, expected_depth = everywhere.render(camera)
    assert (
        np.abs(rgba[..., 3] - expected[..., 3]).mean() < 5e-4
    )  # rays that graze a sheet may begin their steps elsewhere
    assert (np.isfinite(depth) != np.isfinite(expected_depth)).mean() < 1e-3
    assert expected[..., 3].mean() > 0.0


def test_a_large_picture_is_drawn_in_bands_and_can_be_stopped_between_them(
    small_head: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera, renderer = small_head.camera(60, 100).orbited(20), small_head.renderer
    whole, light = renderer.render(camera, 2), renderer.light(camera)
    monkeypatch.setattr(native_module, "RAYS_AT_ONCE", 1)
    told: list[float] = []
    with progress.listening(lambda fraction, stage: told.append(fraction)):
        bands, light_bands = renderer.render(camera, 2), renderer.light(camera)
    assert told[:6] == [row / 7 for row in range(1, 7)]
    for one, other in zip((*whole, *light), (*bands, *light_bands), strict=True):
        assert np.array_equal(one, other)

    def stop(fraction: float, stage: str) -> None:
        raise progress.Cancelled

    with progress.listening(stop), pytest.raises(progress.Cancelled):
        renderer.render(camera, 2)


def test_small_views_do_not_shimmer(head: Portrait) -> None:
    """Moved by less than a pixel, a small view changes far less with mip levels than without."""
    textures, radius, spread, offsets = tensors(head)
    noise = torch.rand(textures.shape[1:3], generator=torch.Generator().manual_seed(1))
    textures[..., :3] = noise[..., None]
    change = {}
    for levels in (None, 1):
        views = [
            render_manifolds(textures, radius, spread, offsets, head.camera(48, 48).orbited(yaw), mip_levels=levels)
            for yaw in (0.0, 0.3)
        ]
        change[levels] = (views[0] - views[1])[..., :3].abs().mean()
    assert change[None] < 0.4 * change[1]


def test_more_samples_smooth_the_outline_only(head: Portrait) -> None:
    camera = head.camera(64, 64)
    once, often = (head.render(camera, samples)[0] for samples in (1, 3))
    big, _ = head.render(camera.resized(192, 192))
    opacity = big[..., 3].reshape(64, 3, 64, 3).mean((1, 3))
    assert np.abs(often[..., 3] - opacity).mean() < 1e-4
    assert np.abs(often[..., 3] - opacity).max() < 0.12  # a ninth of a pixel: one ray at grazing incidence
    assert np.abs(once - often).mean() < 0.02


def test_empty_portraits_are_empty() -> None:
    portrait = random_portrait()
    portrait = replace(portrait, textures=np.zeros_like(portrait.textures))
    rgba, depth = portrait.render(small_camera(20, 20))
    assert (rgba == 0).all()
    assert np.isposinf(depth).all()


def test_an_opaque_sheet_is_seen_as_painted() -> None:
    portrait = random_portrait(sheets=1)
    textures = np.full_like(portrait.textures, 255)
    textures[..., :3] = (200, 100, 50)
    portrait = replace(portrait, textures=textures)
    camera = look_at((0, 0, 0.9), fov_deg=3.0, width_px=9, height_px=9)
    rgba, depth = portrait.render(camera)
    assert rgba == pytest.approx(np.broadcast_to(np.array([200, 100, 50, 255]) / 255, rgba.shape), abs=1e-4)
    uv = np.zeros(2)
    assert depth[4, 4] == pytest.approx(0.9 - portrait.manifolds.points(0, uv)[2], abs=1e-4)


def test_colours_composite_in_linear_light() -> None:
    portrait = random_portrait(sheets=2)
    textures = np.zeros_like(portrait.textures)
    textures[0] = (0, 0, 0, 255)
    textures[1] = (255, 255, 255, 128)
    rgba, _ = replace(portrait, textures=textures).render(look_at((0, 0, 0.9), fov_deg=3, width_px=3, height_px=3))
    half = 1.055 * (128 / 255) ** (1 / 2.4) - 0.055  # sRGB-encoded, much above 0.5
    assert rgba[1, 1] == pytest.approx([half, half, half, 1], abs=1e-3)


def test_without_a_compiler_the_reference_serves_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, small_head: Portrait
) -> None:
    def missing(*arguments: object, **options: object) -> None:
        raise BuildError("c++ is not installed: install a C++ compiler.")

    camera = small_head.camera(24, 24)
    expected, expected_depth = small_head.render(camera)
    monkeypatch.setattr(render, "NativeScene", missing)
    with caplog.at_level(logging.WARNING):
        rgba, depth = replace(small_head).render(camera)
    assert [record.message for record in caplog.records] == [
        "drawing with the slow reference renderer: c++ is not installed: install a C++ compiler."
    ]
    assert np.abs(rgba - expected).mean() < 5e-3
    both = np.isfinite(depth) & np.isfinite(expected_depth)
    assert np.median(np.abs(depth[both] - expected_depth[both])) < 1e-4


def test_a_compiler_that_fails_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTRAIT_MANIFOLDS_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", f"sh -c 'echo >> {tmp_path}/asked; exit 1'")
    build._loaded.cache_clear()
    build._say_so.cache_clear()
    try:
        for _ in range(2):
            with pytest.raises(BuildError, match=r"failed on render\.cpp"):
                build.load_library("render")
        assert (tmp_path / "asked").read_text() == "\n"
        with pytest.raises(BuildError, match=r"failed on close_sheets\.cpp"):
            build.load_library("close_sheets")
        said = capsys.readouterr()
        assert not said.out and said.err.count("compiling") == 1  # for all of them
    finally:
        build._loaded.cache_clear()


def test_libraries_that_cannot_be_kept_are_told_with_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTRAIT_MANIFOLDS_CACHE", "/proc/nowhere")
    monkeypatch.setattr(build, "INSTALLED", Path("/nowhere"))
    build._loaded.cache_clear()
    try:
        with pytest.raises(BuildError, match="set PORTRAIT_MANIFOLDS_CACHE"):
            build.load_library("render")
    finally:
        build._loaded.cache_clear()


@pytest.mark.parametrize(
    ("camera", "word"),
    [
        (look_at((0, 0, 0.05), (0, 0, -1)), "inside the head"),
        (look_at((0, 0, 1), (0, 0, 2)), "looks away"),
    ],
)
def test_cameras_that_see_nothing_are_refused_and_their_pictures_clear(
    small_head: Portrait, camera: Camera, word: str
) -> None:
    with pytest.raises(InputError, match=word):
        small_head.render(camera)
    rgba, depth = small_head.renderer.picture(camera)
    assert not rgba.any() and np.isinf(depth).all()
    assert not small_head.renderer.light(camera).rgba.any()


def test_of_a_head_beside_a_wide_camera_that_looks_past_it_the_seen_part_is_drawn(small_head: Portrait) -> None:
    camera = look_at((0.0, 0.02, 0.25), (1.0, 0.02, 0.3), fov_deg=140.0, width_px=64, height_px=64)
    assert camera.project(np.zeros(3))[1] < 0.0
    rgba, _ = small_head.renderer.picture(camera)
    expected, _ = trace(camera)
    assert expected[..., 3].max() > 0.5 and np.abs(rgba[..., 3] - expected[..., 3]).mean() < 2e-3


def test_a_recoloured_portrait_is_drawn_as_a_new_one_and_the_old_one_stays() -> None:
    portrait = made_portrait(texture_size=64, sheets=4)
    camera = portrait.camera(96, 96)
    before, _ = portrait.render(camera)
    textures = portrait.textures.copy()
    textures[..., :3] = 255 - textures[..., :3]
    recoloured = portrait.recoloured(textures)
    anew = replace(portrait, textures=textures)
    for drawn, expected in zip(recoloured.render(camera), anew.render(camera), strict=True):
        np.testing.assert_array_equal(drawn, expected)
    assert np.abs(recoloured.render(camera)[0] - before).max() > 0.2
    np.testing.assert_array_equal(portrait.render(camera)[0], before)
