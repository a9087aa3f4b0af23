"""The body: a solid where the photograph shows it, on sheets that lean below the jaw; the head stays."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from test_neck import NO_EARS
from test_surface_following import CONFIG, SIZE, about_ball, painting

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.manifolds import Manifolds
from portrait_manifolds.backend.networks.chart_maps import beside_face, chart_angles_deg, texel_directions
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.photo.input_view import InputView
from portrait_manifolds.backend.photo.matting import Foreground
from portrait_manifolds.backend.shape import body, body_surface, leaning_sheets
from portrait_manifolds.backend.shape.body import WIDEST_GAP_M, with_body
from portrait_manifolds.backend.shape.body_surface import (
    BACK_M,
    CHEST_SHARE,
    EDGE_M,
    MIDDLE_SHARE,
    OUTLINE_M,
    ROUNDED_M,
    THICK_M,
    PersonSurface,
)
from portrait_manifolds.backend.shape.leaning_sheets import (
    CLOSE,
    CLOSE_ELEVATION_DEG,
    FARTHEST_M,
    NEAREST_M,
    camera_facing,
    lean_level,
    leaning,
    lower,
    sheet_levels,
)
from portrait_manifolds.backend.shape.neck import neck_share, with_neck
from portrait_manifolds.backend.shape.neck_column import Silhouette
from portrait_manifolds.backend.texture.neck_colours import neck_colours

PX, HEAD_M, NECK_M = 256, 0.09, 0.05
FRONT_M, DEEP_M, TOP_M, HALF_M = 0.05, 0.10, -0.17, 0.20
"""A board below the head: its front before the head's centre, how deep and how high it is, and half its width."""

RED = (0.8, 0.2, 0.1)
AHEAD = (0.0, 1.0)

Portraits = tuple[PaintedSheets, PaintedSheets]


def camera(yaw_deg: float = 0.0) -> Camera:
    return look_at((0.0, 0.0, 1.2), fov_deg=30.0, width_px=PX, height_px=PX).orbited(yaw_deg)


def across(z_m: float) -> np.ndarray:
    """Points [PX, PX, 3] that the camera sees in a plane before the head's centre."""
    origin, rays = camera().rays()
    return origin + rays * (1.2 - z_m)


def photograph(body: bool = True, shown: np.ndarray | None = None) -> InputView:
    """A red person; without a body the picture ends under the head. `shown` [PX, PX] is within the photo's border."""
    (x, y, _), board = np.moveaxis(across(0.0), -1, 0), across(FRONT_M)
    matte = (np.hypot(x, y) < HEAD_M) | ((np.abs(x) < NECK_M) & (y < 0.0))
    matte = (matte | ((np.abs(board[..., 0]) < HALF_M) & (board[..., 1] < TOP_M))) & (body | (y > -0.09))
    inside = np.ones((PX, PX), bool) if shown is None else shown
    rgb = np.broadcast_to(np.array(RED, np.float32), (PX, PX, 3)).copy()
    return InputView(camera(), np.zeros((PX, PX, 3), np.uint8), inside, Foreground((matte & inside).astype("f4"), rgb))


@pytest.fixture(scope="module")
def bodied() -> Portraits:
    """Before and after: a green ball on a neck, and the board cut into steps by the sheets."""
    first = painting(about_ball(0.10), torch.zeros(SIZE, SIZE))
    points = first.geometry.points(first.displacement_m[None], SIZE)[0]
    x, y, z = points.unbind(-1)
    board = torch.stack([FRONT_M - z, z + DEEP_M - FRONT_M, TOP_M - y, HALF_M - x.abs()]).amin(0)
    solid = torch.sigmoid(torch.maximum(board, HEAD_M - points.norm(dim=-1)) / 2e-3)
    view = photograph()
    matte = torch.from_numpy(view.opacity)
    first = replace(first, opacity=solid, matte=matte)
    silhouette = Silhouette.of(view.opacity, camera())
    before, _ = with_neck(first, silhouette, NO_EARS)
    before.painted[0] = neck_colours(before, silhouette, camera(), view.on(matte.device).person(), SIZE)
    return before, with_body(before, view, NO_EARS)


def test_sheets_lean_below_the_head_alone() -> None:
    low, (_, elevation_deg) = leaning(128, CHART_HALF_EXTENT).numpy(), chart_angles_deg(128, CHART_HALF_EXTENT)
    assert not low[beside_face(128, CHART_HALF_EXTENT).numpy() == 0].any() and not low[elevation_deg > -20.0].any()
    assert (low[elevation_deg < -61.0] == 1.0).all()
    front = low[elevation_deg[:, 64].argmax() :, 64]
    assert (np.diff(front) >= 0.0).all() and ((front > 0.1) & (front < 0.9)).any()


@pytest.mark.parametrize("size", [32, 64, 128, 512])
def test_every_row_in_which_sheets_lean_is_laid_anew(size: int) -> None:
    rows = np.arange(size)[lower(size, CHART_HALF_EXTENT)]
    _, elevation_deg = chart_angles_deg(size, CHART_HALF_EXTENT)
    anew = (leaning(size, CHART_HALF_EXTENT).numpy() > 0.0) | (elevation_deg < CLOSE_ELEVATION_DEG[0])
    assert set(anew.any(1).nonzero()[0]) <= set(rows) and len(rows) < 0.75 * size


def test_levels_grow_forward_downward_and_outward() -> None:
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([0.3, -0.3, 0.3])
    level = lean_level(points, AHEAD)
    torch.testing.assert_close(lean_level(2.5 * points, AHEAD), 2.5 * level)
    torch.testing.assert_close(lean_level(points * torch.tensor([-1.0, 1.0, 1.0]), AHEAD), level)
    for step in ((0.01, 0.0, 0.0), (0.0, -0.01, 0.0), (0.0, 0.0, 0.01)):
        assert (lean_level(points + torch.tensor(step), AHEAD) > level).all()
    assert (
        lean_level(texel_directions(32, CHART_HALF_EXTENT), AHEAD) > 0.1
    ).all()  # of every direction: sheets are laid at level / this


def test_sheets_of_the_far_shoulder_are_not_seen_edge_on() -> None:
    """From 45 degrees to the other side they parted into stripes when that saw them at less than 20 degrees."""
    at = torch.tensor([0.17, -0.22, -0.02], dtype=torch.float64, requires_grad=True)
    (grown,) = torch.autograd.grad(lean_level(at, AHEAD), at)
    normal, towards = grown.numpy(), (-np.sqrt(0.5), 0.0, np.sqrt(0.5))
    assert normal @ towards > np.sin(np.radians(25.0)) * np.linalg.norm(normal)


def test_levels_turn_with_the_camera() -> None:
    points = torch.randn(200, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    camera = look_at((0.0, 0.2, 1.4), fov_deg=16.0, width_px=64, height_px=64)
    assert camera_facing(camera) == AHEAD
    turned = camera.orbited(25.0)
    rotation = torch.from_numpy(turned.camera_to_world[:3, :3] @ camera.camera_to_world[:3, :3].T)
    torch.testing.assert_close(lean_level(points @ rotation.T, camera_facing(turned)), lean_level(points, AHEAD))


def test_sheets_lean_as_the_photographs_camera_stands(bodied: Portraits, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def level(points_m: torch.Tensor, facing: tuple[float, float]) -> torch.Tensor:
        asked.append(facing)
        return lean_level(points_m, facing)

    for module in (body, leaning_sheets):
        monkeypatch.setattr(module, "lean_level", level)
    view = replace(photograph(), camera=camera(20.0))
    with_body(bodied[0], view, NO_EARS)
    assert len(asked) == 3 and set(asked) == {camera_facing(view.camera)} != {AHEAD}


def test_more_sheets_are_laid_and_the_portrait_holds_them(bodied: Portraits) -> None:
    before, after = bodied
    old, geometry = before.geometry.offsets_m, after.geometry
    offsets = geometry.offsets_m
    assert len(offsets) > len(old) and torch.isin(old, offsets).all() and (offsets.diff() > 0.0).all()
    assert offsets.diff().max() < old.diff().max() and old.diff().max() > WIDEST_GAP_M
    assert len(after.opacity) == len(after.painted) == len(after.confidence) == len(offsets)
    maps = (geometry.radius_m, geometry.spread, after.displacement_m, offsets)
    manifolds = Manifolds(*(x.numpy() for x in maps), half_extent=CHART_HALF_EXTENT)
    np.testing.assert_allclose(manifolds.total_radius_m(), after.radius_m.numpy(), atol=1e-6)
    assert len(before.opacity) == len(before.geometry.offsets_m) == len(old)  # as they were


def test_the_head_stays_and_sheets_between_are_clear_there(bodied: Portraits) -> None:
    before, after = bodied
    old = torch.isin(after.geometry.offsets_m, before.geometry.offsets_m)
    for name in ("opacity", "painted", "confidence"):
        was, now = (getattr(x, name)[..., : lower(SIZE, CHART_HALF_EXTENT).start, :] for x in (before, after))
        assert torch.equal(now[old], was)
    assert not after.opacity[~old, : lower(SIZE, CHART_HALF_EXTENT).start].any()
    high = slice(0, lower(128, CHART_HALF_EXTENT).start)
    assert torch.equal(after.radius_m[high], before.radius_m[high])
    assert torch.equal(after.geometry.spread[high], before.geometry.spread[high])
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, CHART_HALF_EXTENT)
    beyond = ndimage.binary_dilation(
        leaning(SIZE, CHART_HALF_EXTENT).numpy() > 0.0
    )  # between texels radii are interpolated
    head = torch.from_numpy(~beyond & ((elevation_deg > CLOSE_ELEVATION_DEG[0] + 2.0) | (azimuth_deg > 50.0)))
    assert head[lower(SIZE, CHART_HALF_EXTENT)].any()
    torch.testing.assert_close(after.opacity[old][:, head], before.opacity[:, head], atol=1e-4, rtol=0.0)
    assert after.opacity[~old][:, head].max() == 0.0


def test_the_innermost_sheet_stays_the_necks(bodied: Portraits) -> None:
    before, after = bodied

    def inner(portrait: PaintedSheets) -> torch.Tensor:
        return portrait.radius_m + portrait.geometry.offsets_m[0] * portrait.geometry.spread

    neck = (leaning(128, CHART_HALF_EXTENT) == 1.0) & (neck_share(128, CHART_HALF_EXTENT) == 1.0)
    was, now = inner(before), inner(after)
    surface = PersonSurface.of(before, photograph())
    first, _ = sheet_levels(surface, AHEAD, 128, CHART_HALF_EXTENT)
    person = surface.points_m[(surface.matte > 0.5) & (surface.points_m[..., 1] < -0.12)]
    assert NEAREST_M[0] < first < NEAREST_M[1] and (lean_level(person, AHEAD) > first).float().mean() > 0.98
    nearest = first / lean_level(texel_directions(128, CHART_HALF_EXTENT), AHEAD)
    torch.testing.assert_close(now[neck], torch.minimum(was, nearest)[neck], atol=1e-5, rtol=0.0)
    assert (was < nearest)[neck].float().mean() > 0.3
    beginning = (
        (leaning(128, CHART_HALF_EXTENT) < 0.3)
        & (neck_share(128, CHART_HALF_EXTENT) == 1.0)
        & torch.tensor(chart_angles_deg(128, CHART_HALF_EXTENT)[0] < 109.0)
    )
    assert float((now - was)[beginning & (was < nearest)].abs().max()) < 2e-3 and (beginning & (was < nearest)).any()
    torch.testing.assert_close(after.opacity[0], before.opacity[0], atol=1e-6, rtol=0.0)  # wherever it lies now
    torch.testing.assert_close(after.painted[0], before.painted[0], atol=1e-6, rtol=0.0)


def test_of_a_step_in_the_sheets_before_nothing_is_left_below(
    bodied: Portraits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lay there can step from the neck to the shoulders faster than displacement's texels follow."""
    before, (_, elevation_deg) = bodied[0], chart_angles_deg(128, CHART_HALF_EXTENT)
    first, last = torch.tensor(0.06), torch.full((128, 128), 0.3)
    monkeypatch.setattr(body, "sheet_levels", lambda *_: (first, last))
    stepped = before.moved_to(before.radius_m + 0.03 * torch.from_numpy(elevation_deg < -44.0))
    after = with_body(stepped, photograph(), NO_EARS)
    wanted = (last / lean_level(texel_directions(128, CHART_HALF_EXTENT), AHEAD)).clamp(max=FARTHEST_M)
    outer = after.radius_m + before.geometry.offsets_m[-2] * after.geometry.spread
    whole = leaning(128, CHART_HALF_EXTENT) == 1.0
    torch.testing.assert_close(outer[whole], wanted[whole], atol=1e-5, rtol=0.0)


def test_above_shoulders_sheets_lean_altogether_within_a_few_degrees() -> None:
    """Where they are steep a ray passes behind what they hold; under the jaw they hold the throat."""
    azimuth_deg, elevation_deg = chart_angles_deg(512, CHART_HALF_EXTENT)
    for azimuth, within_deg in ((90.0, 6.5), (20.0, 10.5)):
        there = (
            (np.abs(azimuth_deg - azimuth) < 1.0)
            & (leaning(512, CHART_HALF_EXTENT).numpy() > 0.0)
            & (leaning(512, CHART_HALF_EXTENT).numpy() < 1.0)
        )
        assert within_deg - 1.5 < np.ptp(elevation_deg[there]) < within_deg


def test_sheets_come_close_together_under_the_chin(bodied: Portraits) -> None:
    before, after = bodied
    azimuth_deg, elevation_deg = chart_angles_deg(128, CHART_HALF_EXTENT)
    chin = torch.from_numpy((azimuth_deg < 15.0) & (np.abs(elevation_deg + 45.0) < 2.0))
    assert after.geometry.spread[chin].max() <= CLOSE + 1e-6 < 1.0 <= before.geometry.spread[chin].min()


def drawn(portrait: PaintedSheets, yaw_deg: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Opacity, depth and colour."""
    textures = torch.cat([portrait.painted, portrait.opacity[:, None]], 1).permute(0, 2, 3, 1).contiguous()
    seen = portrait.geometry.render(textures, portrait.radius_m, camera(yaw_deg))
    return seen[..., 3], seen[..., 4] / seen[..., 3].clamp_min(1e-4), seen[..., :3]


@pytest.mark.parametrize("yaw_deg", [-30.0, 0.0, 30.0])
def test_the_body_is_solid_and_stands_where_its_surface_is(bodied: Portraits, yaw_deg: float) -> None:
    before, after = bodied
    surface = PersonSurface.of(before, photograph())
    x, y, _ = surface.points_m.unbind(-1)
    points = surface.points_m[(x.abs() < HALF_M - 0.03) & (y < TOP_M - 0.03) & (y > -0.27)]
    pixels, depth_m = camera(yaw_deg).project(points.numpy())
    column, row = np.moveaxis(pixels.astype(int), -1, 0)
    alpha, drawn_m, colour = (x[row, column].numpy() for x in drawn(after, yaw_deg))
    assert (alpha > 0.95).mean() > 0.995
    assert np.quantile(np.abs(drawn_m - depth_m), 0.98) < 0.015
    assert np.median(colour[:, 0]) > 0.5 > 0.1 > np.median(colour[:, 1])  # red, by the photograph
    assert drawn(before, yaw_deg)[0][row, column].mean() < 0.9  # steps


def test_without_a_body_everything_stays(bodied: Portraits) -> None:
    before, _ = bodied
    assert with_body(before, photograph(body=False), NO_EARS) is before


def test_an_ear_is_not_the_bodys(bodied: Portraits) -> None:
    """Where it hangs as low as bodies begin, neither opacity nor whose the colours are is the body's."""
    before, _ = bodied
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(128, CHART_HALF_EXTENT))
    ears = ((azimuth_deg > 75.0) & (azimuth_deg < 105.0) & (elevation_deg > -52.0)).float()
    distrusted = replace(before, confidence=torch.zeros_like(before.confidence))
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
    there = (azimuth_deg > 79.0) & (azimuth_deg < 101.0) & (elevation_deg > -48.0) & (elevation_deg < -40.0)
    bodys, ear = (with_body(distrusted, photograph(), where) for where in (NO_EARS, ears))
    assert bodys.confidence[1:, there].max() > 0.9 and not ear.confidence[1:, there].any()
    assert (bodys.opacity - ear.opacity)[1:, there].abs().max() > 0.9


def set_back(bodied: Portraits, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[torch.Tensor, PersonSurface]:
    """By how many metres one of body_surface's constants sets the person back, [P, P]; and the person without it."""
    before, _ = bodied
    surface = PersonSurface.of(before, photograph())
    monkeypatch.setattr(body_surface, name, 0.0)
    without = PersonSurface.of(before, photograph())
    return surface.depth_m - without.depth_m, without


def test_shoulders_are_set_back_and_the_head_is_not(bodied: Portraits, monkeypatch: pytest.MonkeyPatch) -> None:
    back_m, drawn = set_back(bodied, "BACK_M", monkeypatch)
    x, y, _ = drawn.points_m.unbind(-1)
    assert not back_m[(y > -0.1) & (x.hypot(y) < HEAD_M)].any() and (back_m > -1e-6).all()
    shoulders = (y < TOP_M - 0.02) & (y > TOP_M - 0.025) & (x.abs() > 0.17) & (x.abs() < 0.19)
    assert shoulders.any() and back_m[shoulders].mean() == pytest.approx(BACK_M, abs=0.005)
    chest = (y < -0.29) & (x.abs() < 0.05)
    assert chest.any() and back_m[chest].mean() == pytest.approx(BACK_M * MIDDLE_SHARE * CHEST_SHARE, abs=0.003)


def test_shoulders_round_off_at_their_outlines(bodied: Portraits, monkeypatch: pytest.MonkeyPatch) -> None:
    rounded_m, flat = set_back(bodied, "ROUNDED_M", monkeypatch)
    x, y, _ = flat.points_m.unbind(-1)
    row = (y - (TOP_M - 0.08)).abs().mean(1).argmin()
    inwards = np.flatnonzero(flat.matte[row] > 0.5)
    rounded_m, inside_m = rounded_m[row, inwards], HALF_M - x[row, inwards].abs()
    assert float(rounded_m[inside_m < 0.005].mean()) == pytest.approx(0.75 * ROUNDED_M, abs=0.005)  # it is smoothed
    assert float(rounded_m[(inside_m - 0.03).abs() < 0.005].mean()) == pytest.approx(0.25 * ROUNDED_M, abs=0.006)
    assert float(rounded_m[inside_m > OUTLINE_M[0] + 0.04].abs().max()) < 0.001


def test_the_body_is_thin_at_its_outline_but_not_where_the_photograph_ends(bodied: Portraits) -> None:
    before, _ = bodied
    surface = PersonSurface.of(before, photograph())
    row = -20
    inwards = np.flatnonzero(surface.matte[row] > 0.5)
    thick_m = surface.thick_m[row, inwards[: len(inwards) // 2]]
    assert float(thick_m[0]) == pytest.approx(EDGE_M, abs=0.005) and float(thick_m[-1]) == pytest.approx(THICK_M)
    assert (thick_m.diff() >= 0.0).all()
    assert float(surface.thick_m[-1, PX * 3 // 4]) == pytest.approx(THICK_M)  # the picture's own border
    shown = np.ones((PX, PX), bool)
    shown[:, : PX // 2 - 50] = False
    cut = PersonSurface.of(before, photograph(shown=shown))
    edge = (row, int(np.flatnonzero(cut.matte[row] > 0.5)[0]))
    assert edge[1] > inwards[0] and float(cut.thick_m[edge]) == pytest.approx(THICK_M)


@pytest.mark.parametrize("seed", range(3))
def test_sheets_of_any_head_are_a_portraits(bodied: Portraits, seed: int) -> None:
    before, _ = bodied
    noise = torch.randn(before.displacement_m.shape, generator=torch.Generator().manual_seed(seed))
    displacement = before.displacement_m + 0.01 * noise
    portrait = replace(before, displacement_m=displacement, radius_m=before.geometry.total_radius(displacement))
    after = with_body(portrait, photograph(), NO_EARS)
    geometry = after.geometry
    maps = (geometry.radius_m, geometry.spread, after.displacement_m, geometry.offsets_m)
    assert Manifolds(*(x.numpy() for x in maps), half_extent=CHART_HALF_EXTENT).sheets > CONFIG.sheets
