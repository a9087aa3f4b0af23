"""The ops on texels against their plain versions, on a made portrait."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.made.made_portrait import made_camera, made_portrait
from portrait_manifolds.backend.manifolds import map_grid, resample_map
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.cuda_ops import build
from portrait_manifolds.cuda_ops import seen_texels as seen_op
from portrait_manifolds.cuda_ops.build import BuildError
from portrait_manifolds.cuda_ops.close_sheets import Gaps, close_sheets
from portrait_manifolds.cuda_ops.close_sheets_reference import close_sheets_reference
from portrait_manifolds.cuda_ops.paint_texels import Paint, paint_texels
from portrait_manifolds.cuda_ops.paint_texels_reference import paint_texels_reference
from portrait_manifolds.cuda_ops.seen_texels import Surface, carried_back, seen_texels
from portrait_manifolds.cuda_ops.seen_texels_reference import carried_back_reference, seen_texels_reference
from portrait_manifolds.cuda_ops.tensor_calls import texels_op
from portrait_manifolds.cuda_ops.texels import Stack

SIZE, SHEETS = 64, 5
DISTANCE_M = float(np.linalg.norm(made_camera().position_m))


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return made_portrait(texture_size=SIZE, sheets=SHEETS)


@pytest.fixture(scope="module")
def stack(portrait: Portrait) -> Stack:
    return seen_from_beside(portrait)


def seen_from_beside(portrait: Portrait) -> Stack:
    """By a picture that is not square and that does not hold all of it."""
    manifolds = portrait.manifolds
    camera = made_camera().orbited(20.0, 5.0)
    camera = replace(camera.resized(120, 120), cx_px=40.0, width_px=90)
    maps = (resample_map(x, SIZE) for x in (manifolds.total_radius_m(), manifolds.spread))
    return Stack(*maps, manifolds.offsets_m.copy(), CHART_HALF_EXTENT, camera)


def paint(**changes: object) -> Paint:
    """Random, but for what is given."""
    random = partial(torch.rand, generator=torch.Generator().manual_seed(3))
    depth_m = 1.3 + 0.1 * random(24, 24)
    opacity = (2.0 * random(SHEETS, 32, 32) - 0.5).clamp(0.0, 1.0)
    values = (
        *(opacity, random(SHEETS, 3, 16, 16), random(3, 24, 24), random(SHEETS, 16, 16)),
        *(0.5 + random(SIZE, SIZE), random(SIZE, SIZE)),
        *(random(120, 90, 4), depth_m, 1.5, 0.5, 0.01, 0.003),
    )
    return replace(Paint(*values), **changes)


def gaps(**changes: object) -> Gaps:
    """Random, but for what is given: half of the picture lacks nothing."""
    random = partial(torch.rand, generator=torch.Generator().manual_seed(4))
    missing = (3.0 * random(120, 90) - 1.5).clamp_min(0.0)
    depth_m, level = DISTANCE_M + 0.1 * (random(120, 90) - 0.8), (SHEETS - 1) * random(120, 90)
    return replace(Gaps(missing, depth_m, level, 2.0, 0.02, 0.004, 1e-3), **changes)


def soft_opacity() -> torch.Tensor:
    return torch.rand(SHEETS, SIZE, SIZE, generator=torch.Generator().manual_seed(5))


def test_texels_lie_where_the_manifolds_do(portrait: Portrait, stack: Stack) -> None:
    points = portrait.manifolds.points(3, map_grid(SIZE)).reshape(-1, 3)
    place = (stack.radius_m + stack.offsets_m[3] * stack.spread).reshape(-1, 1) * stack.directions()
    np.testing.assert_allclose(place, points, atol=1e-5)
    pixels, depth = stack.camera.project(points)
    projected = np.append(place, np.ones((len(place), 1)), 1) @ stack.projection()
    np.testing.assert_allclose(projected, np.append(pixels * depth[:, None], depth[:, None], 1), atol=1e-3)


@pytest.mark.parametrize("hidden", [False, True])
def test_seen_texels_agree_with_the_reference(portrait: Portrait, stack: Stack, hidden: bool) -> None:
    surface = Surface(portrait.render(stack.camera)[1], 0.01, 0.003) if hidden else None
    found, expected = (op(portrait.textures, stack, surface, 3) for op in (seen_texels, seen_texels_reference))
    both, one, other = np.intersect1d(found.texel, expected.texel, return_indices=True)
    assert len(both) > 1000 and max(len(found.texel), len(expected.texel)) < 1.001 * len(both)
    assert found.pixels == expected.pixels > found.corners.max()
    # A texel on a pixel's border may fall to either side of a step in depth.
    assert (np.abs(found.seen[one] - expected.seen[other]) < 1e-3).mean() > 0.999
    assert hidden == bool((found.seen < 0.5).any())
    same = (found.corners[one] == expected.corners[other]).all(1)
    assert same.mean() > 0.999 and len(np.unique(found.corners[:, 0])) > 500
    np.testing.assert_allclose(found.shares[one][same], expected.shares[other][same], atol=1e-3)


def test_pictures_are_carried_back_as_by_the_reference(portrait: Portrait, stack: Stack) -> None:
    texels = seen_texels(portrait.textures, stack, None, 3)
    random = np.random.default_rng(5)
    colours = random.random((len(texels.texel), 3), np.float32)
    picture = random.standard_normal((texels.pixels, 3), np.float32)
    (textures, moved), (expected, precise) = (
        op(portrait.textures, texels, colours, picture, 0.5) for op in (carried_back, carried_back_reference)
    )
    np.testing.assert_allclose(moved, precise, atol=1e-5)
    assert (moved == 0.0).any() and (moved == 1.0).any() and np.abs(moved - colours).max() > 0.5
    assert np.abs(textures.astype(int) - expected).max() <= 1 and (textures == expected).mean() > 0.999
    assert (textures[..., 3] == portrait.textures[..., 3]).all()


@pytest.mark.parametrize("changed", ["colours", "picture"])
def test_what_does_not_fit_the_texels_is_not_carried_back(portrait: Portrait, stack: Stack, changed: str) -> None:
    texels = seen_texels(portrait.textures, stack, None, 3)
    arrays = {
        "colours": np.zeros((len(texels.texel), 3), np.float32),
        "picture": np.zeros((texels.pixels, 3), np.float32),
    }
    arrays[changed] = arrays[changed][1:]
    with pytest.raises(ValueError, match="do not fit"):
        carried_back(portrait.textures, texels, **arrays, length=1.0)
    whole = np.zeros((len(texels.texel), 3), np.float32), np.zeros((texels.pixels, 3), np.float32)
    with pytest.raises(ValueError, match=r"textures .* do not fit"):
        carried_back(portrait.textures[:1], texels, *whole, 1.0)


def test_painted_texels_agree_with_the_reference(stack: Stack) -> None:
    painted, expected = (op(stack, paint()).numpy().astype(int) for op in (paint_texels, paint_texels_reference))
    assert 0.05 < (painted[..., 3] > 0).mean() < 0.95
    assert (np.abs(painted - expected) > 1).mean() < 1e-4  # where the networks' square ends, either side


def test_texels_take_the_photograph_only_where_it_is_to_be_believed(stack: Stack) -> None:
    white, black = torch.ones(120, 90, 4), torch.zeros(SHEETS, 3, 16, 16)
    sure = {
        "confidence": torch.ones(SHEETS, 16, 16),
        "turned": torch.ones(SIZE, SIZE),
        "photo": white,
        "painted": black,
        "innermost": black[0],
    }
    behind, before = torch.full((24, 24), 9.0), torch.full((24, 24), 0.1)

    def brightness(**changes: object) -> float:
        textures = paint_texels(stack, paint(**(sure | changes)))
        return float(textures[textures[..., 3] > 0][:, :3].float().mean())

    assert brightness(surface_m=behind) > 254.0 > 1.0 > brightness(surface_m=before)
    assert brightness(surface_m=behind, turned=torch.zeros(SIZE, SIZE)) < 1.0
    assert brightness(surface_m=behind, photo=white * torch.tensor([1.0, 1.0, 1.0, 0.1])) < 60.0
    distrusted = {"confidence": torch.zeros(SHEETS, 16, 16), "surface_m": behind}
    assert brightness(**distrusted, wider=0.1) < 1.0 < 254.0 < brightness(**distrusted, wider=1e3)


@pytest.mark.parametrize("op", [paint_texels, paint_texels_reference])
def test_the_innermost_sheet_has_colours_of_its_own(stack: Stack, op: Callable[[Stack, Paint], torch.Tensor]) -> None:
    plain = {"confidence": torch.zeros(SHEETS, 16, 16), "shade": torch.ones(SIZE, SIZE), "wider": 0.1}
    white, black = torch.ones(3, SIZE, SIZE), torch.zeros(SHEETS, 3, 16, 16)
    textures = op(stack, paint(**plain, innermost=white, painted=black))
    first, others = (sheet[sheet[..., 3] > 0][:, :3] for sheet in (textures[0], textures[1:]))
    assert len(first) > 100 and bool((first == 255).all()) and not others.any()


@pytest.mark.parametrize("op", [paint_texels, paint_texels_reference])
def test_uncut_sheets_go_on_beside_the_person(stack: Stack, op: Callable[[Stack, Paint], torch.Tensor]) -> None:
    nobody = torch.zeros(120, 90, 4)
    opaque = (op(stack, paint(photo=nobody, uncut=2))[..., 3] > 0).flatten(1).sum(1)
    assert opaque[:2].min() > 100 and not opaque[2:].any()


def test_closed_sheets_agree_with_the_reference(stack: Stack) -> None:
    opacity = soft_opacity()
    closed, expected = (op(stack, opacity, gaps()) for op in (close_sheets, close_sheets_reference))
    torch.testing.assert_close(closed, expected, atol=1e-4, rtol=0.0)
    assert 0.02 < (closed > opacity + 1e-3).float().mean() < 0.9
    assert torch.equal(opacity, soft_opacity())  # what is given stays


@pytest.mark.parametrize("turn_deg", [0.0, 50.0, -75.0])
def test_sheets_close_wherever_little_is_missing_as_in_the_reference(stack: Stack, turn_deg: float) -> None:
    """Texels that nothing missing touches are passed over: a pixel here and there tells whether too many are."""
    turned = replace(stack, camera=stack.camera.orbited(turn_deg))
    missing = (torch.rand(120, 90, generator=torch.Generator().manual_seed(5)) > 0.99).float()
    few = gaps(missing=missing, reach=9.0, margin_m=0.3)
    closed, expected = (op(turned, soft_opacity(), few) for op in (close_sheets, close_sheets_reference))
    torch.testing.assert_close(closed, expected, atol=1e-4, rtol=0.0)
    assert 0.002 < (closed > soft_opacity() + 1e-3).float().mean() < 0.3


def test_sheets_are_closed_in_their_own_memory_where_that_is_allowed(stack: Stack) -> None:
    opacity = soft_opacity()
    closed = close_sheets(stack, opacity, gaps(), overwrite=True)
    assert closed.data_ptr() == opacity.data_ptr()
    torch.testing.assert_close(closed, close_sheets(stack, soft_opacity(), gaps()), atol=0.0, rtol=0.0)


@pytest.mark.parametrize("op", [close_sheets, close_sheets_reference])
def test_only_sheets_beside_the_surface_close_where_something_is_missing(
    stack: Stack, op: Callable[[Stack, torch.Tensor, Gaps], torch.Tensor]
) -> None:
    opacity, one = soft_opacity(), torch.ones(120, 90)
    everywhere = {"missing": one, "surface_m": DISTANCE_M * one, "level": 2.0 * one, "margin_m": 0.3}
    risen = [(op(stack, opacity, gaps(**everywhere, reach=reach)) > opacity + 1e-3).flatten(1) for reach in (1.0, 2.0)]
    assert [row.any(1).tolist() for row in risen] == [
        [False, False, True, False, False],
        [False, True, True, True, False],
    ]
    whole = op(stack, opacity, gaps(**everywhere, reach=1.0))[2]
    assert (whole == 1.0).float().mean() > 0.2  # but not what the picture does not hold
    assert torch.equal(op(stack, opacity, gaps(**(everywhere | {"missing": 0.0 * one}))), opacity)
    for surface_m in (0.1, 9.0):  # all texels lie far behind it, or far before
        torch.testing.assert_close(op(stack, opacity, gaps(**(everywhere | {"surface_m": surface_m * one}))), opacity)


def test_without_a_compiler_the_references_take_their_place(
    portrait: Portrait, stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(name: str) -> None:
        raise BuildError("no compiler")

    monkeypatch.setattr(build, "load_library", missing)
    libraries = (seen_op._library, texels_op)
    for library in libraries:
        library.cache_clear()
    try:
        found = seen_texels(portrait.textures, stack, None, 3)
        assert np.array_equal(found.texel, seen_texels_reference(portrait.textures, stack, None, 3).texel)
        assert torch.equal(paint_texels(stack, paint()), paint_texels_reference(stack, paint()))
        closed, expected = (op(stack, soft_opacity(), gaps()) for op in (close_sheets, close_sheets_reference))
        assert torch.equal(closed, expected)
        assert [record.message.split(" without")[0] for record in caplog.records] == [
            "finding what the photograph shows",
            "painting",
            "closing sheets",
        ]
    finally:
        for library in libraries:
            library.cache_clear()


def test_what_does_not_fit_is_refused(portrait: Portrait, stack: Stack) -> None:
    with pytest.raises(ValueError, match="are not of 5 x 64 texels"):
        seen_texels(portrait.textures[:4], stack, None, 3)
    with pytest.raises(ValueError, match="not one square size"):
        seen_texels(portrait.textures, replace(stack, spread=stack.spread[:, 1:]), None, 3)
    for name in ("opacity", "painted", "confidence", "shade", "turned", "photo", "surface_m"):
        with pytest.raises(ValueError, match=f"the shapes of .*{name}"):
            paint_texels(stack, paint(**{name: getattr(paint(), name)[1:]}))
    with pytest.raises(ValueError, match=r"depth_m \(2, 3\) is not of the camera's picture \(120, 90\)"):
        seen_texels(portrait.textures, stack, Surface(np.ones((2, 3), np.float32), 0.01, 0.01), 3)
    with pytest.raises(ValueError, match="halved -1 times"):
        seen_texels(portrait.textures, stack, None, -1)
    none = (("surface_m", torch.ones(())), ("surface_m", torch.ones(0, 0)), ("painted", torch.ones(5, 3, 0, 0)))
    for name, empty in none:
        with pytest.raises(ValueError, match=f"the shapes of .*{name}"):
            paint_texels(stack, paint(**{name: empty}))
    with pytest.raises(ValueError, match="is not of 5 x 64 texels"):
        close_sheets(stack, soft_opacity()[:, 1:], gaps())
    with pytest.raises(ValueError, match="are not of a picture 90 x 120"):
        close_sheets(
            stack, soft_opacity(), gaps(**{name: torch.ones(90, 120) for name in ("missing", "surface_m", "level")})
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"radius_m": np.ones(SIZE)}, "one square size"),
        ({"radius_m": 1.0}, "one square size"),
        ({"radius_m": np.ones((0, 0)), "spread": np.ones((0, 0))}, "one square size"),
        ({"offsets_m": []}, "one a sheet"),
        ({"offsets_m": torch.zeros(1, 2)}, "one a sheet"),
        *(({"half_extent": value}, "half_extent") for value in (-1.0, 0.0, 2.1, float("nan"))),
    ],
)
def test_a_stack_that_none_is_is_refused(stack: Stack, change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(stack, **change)


def test_maps_on_another_device_are_told(stack: Stack) -> None:
    elsewhere = {name: getattr(gaps(), name).to("meta") for name in ("missing", "surface_m", "level")}
    with pytest.raises(ValueError, match="move it"):
        close_sheets(stack, soft_opacity(), replace(gaps(), **elsewhere))
    with pytest.raises(ValueError, match="move it"):
        paint_texels(stack, replace(paint(), photo=paint().photo.to("meta")))
