"""Sheets made whole: gaps close, and only where they should."""

from dataclasses import replace

import pytest
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.cameras import pinhole
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.mean_sheets import MeanSheets
from portrait_manifolds.backend.networks.sheet_geometry import SheetGeometry
from portrait_manifolds.backend.texture import solidity
from portrait_manifolds.backend.texture.solidity import solid_opacity

SIZE = 128
CAMERA = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=128, height_px=128)


@pytest.fixture(scope="module", params=[CHART_HALF_EXTENT, WIDE_HALF_EXTENT])
def geometry(request: pytest.FixtureRequest) -> SheetGeometry:
    return replace(MeanSheets(inversion_config("default").sheets).sheets(), half_extent=request.param)


def seen(geometry: SheetGeometry, opacity: torch.Tensor, turn_deg: float = 0.0) -> torch.Tensor:
    """Opacity [H, W] of sheets [S, T, T] in the photograph's own view, or one turned from it."""
    textures = torch.cat([torch.zeros(*opacity.shape, 3), opacity[..., None]], -1)
    return geometry.render(textures, geometry.radius_m, CAMERA.orbited(turn_deg))[..., 3]


@torch.inference_mode()
def test_holes_close_where_the_photograph_shows_the_person(
    geometry: SheetGeometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solidity, "LOOKS", solidity.LOOKS[:2])
    solid = (geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    holed = solid.clone()
    holed[:, 56:72, 56:72] *= 0.05
    wanted = (seen(geometry, solid) > 0.99).float()
    closed = solid_opacity(geometry, holed, geometry.radius_m, CAMERA, wanted)
    middle = (slice(60, 68), slice(60, 68))
    assert seen(geometry, holed)[middle].min() < 0.95 < seen(geometry, closed)[middle].min()
    around = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    around[40:88, 40:88], around[52:76, 52:76] = True, False
    raised = closed - holed
    assert raised.min() >= 0.0 and raised[:, around].max() < 0.01  # nothing else within the outline
    unwanted = solid_opacity(geometry, holed, geometry.radius_m, CAMERA, torch.zeros_like(wanted))
    assert torch.equal(unwanted, holed)


@torch.inference_mode()
def test_holes_that_are_seen_from_beside_close_and_outlines_stay(geometry: SheetGeometry) -> None:
    solid = (geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    holed = solid.clone()
    holed[:, 56:72, 80:92] = 0.0  # at 30 degrees to the right: a shaft that its own view hardly looks into
    nothing = torch.zeros(SIZE, SIZE)
    closed = solid_opacity(geometry, holed, geometry.radius_m, CAMERA, nothing)
    hole = (seen(geometry, holed, 30.0) < 0.5) & (seen(geometry, solid, 30.0) > 0.99)
    assert hole.sum() > 10 and seen(geometry, closed, 30.0)[hole].min() > 0.9
    for turn_deg in (-30.0, 0.0, 30.0):
        beside = seen(geometry, solid, turn_deg) < 1e-3
        assert seen(geometry, closed, turn_deg)[beside].max() < 0.02


@pytest.mark.parametrize("turn_deg", [-15.0, 15.0])
@torch.inference_mode()
def test_shafts_that_are_looked_through_half_way_close(geometry: SheetGeometry, turn_deg: float) -> None:
    """As between an ear and the jaw: at 30 degrees, and in the photograph's own view, their walls hide them."""
    solid = (geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    points = geometry.points(torch.zeros(1, 64, 64), SIZE)[0]
    x, y, _ = (points @ torch.tensor(CAMERA.orbited(turn_deg).camera_to_world[:3, :3]).float()).unbind(-1)
    shaft = (x.abs() < 0.008) & (y.abs() < 0.02)
    holed = torch.where(shaft, 0.0, solid)
    closed = solid_opacity(geometry, holed, geometry.radius_m, CAMERA, torch.zeros(SIZE, SIZE))
    hole = seen(geometry, holed, turn_deg) < 0.5
    hole &= seen(geometry, solid, turn_deg) > 0.99
    assert hole.sum() > 10 and seen(geometry, closed, turn_deg)[hole].min() > 0.9


@torch.inference_mode()
def test_what_is_missing_at_an_edge_is_not_closed_in_the_air_before_it(geometry: SheetGeometry) -> None:
    depth_m = torch.full((SIZE, SIZE), 1.20)
    depth_m[:, 64:] = 1.28
    alpha = torch.ones(SIZE, SIZE)
    alpha[:, 63:65], depth_m[:, 63:65] = 0.6, 1.24  # half of either is drawn there
    seen = (pinhole(CAMERA, "cpu"), alpha, depth_m, torch.ones(SIZE, SIZE))
    gaps = solidity._gaps(geometry, geometry.radius_m, *seen, solidity.NEAR_M)
    lacking = gaps.missing > 0.0
    assert lacking[:, 63:65].all() and lacking.sum() == 2 * SIZE
    assert (gaps.surface_m[lacking] == 1.28).all()
    assert (gaps.surface_m[:, :60] == 1.20).all()


@pytest.mark.parametrize("geometry", [CHART_HALF_EXTENT], indirect=True)  # it counts that chart's texels
@torch.inference_mode()
def test_what_hangs_loose_beside_the_head_clears(geometry: SheetGeometry) -> None:
    solid = (geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    littered = solid.clone()
    littered[-1, 60:66, 114:120] = 1.0  # on the outermost sheet, seen beside the head from its side
    cleared = solid_opacity(geometry, littered, geometry.radius_m, CAMERA, torch.zeros(SIZE, SIZE))
    litter = (seen(geometry, littered, 30.0) > 0.5) & (seen(geometry, solid, 30.0) < 1e-3)
    assert litter.sum() > 5 and seen(geometry, cleared, 30.0)[litter].max() < 0.1
    for turn_deg in (-30.0, 0.0, 30.0):
        head = seen(geometry, solid, turn_deg) > 0.99
        assert seen(geometry, cleared, turn_deg)[head].min() > 0.98


@torch.inference_mode()
def test_what_can_be_closed_close_by_is_not_closed_behind_the_outline(
    geometry: SheetGeometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closed at once as far off as anything is, it puts wings behind ears."""
    solid = (geometry.offsets_m < 1e-3).float()[:, None, None].expand(-1, SIZE, SIZE).contiguous()
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, geometry.half_extent))
    level = elevation_deg.abs() < 20.0
    holed = solid * torch.where((azimuth_deg > 80.0) & level, 0.3, 1.0)
    person = seen(geometry, solid) > 0.99
    behind = []
    (_, _, more_px), (_, near_m, _) = steps = solidity.LOOKS[:2]
    for looks in (steps, ((0.0, near_m, more_px),)):
        monkeypatch.setattr(solidity, "LOOKS", looks)
        closed = solid_opacity(geometry, holed, geometry.radius_m, CAMERA, person.float())
        assert seen(geometry, holed)[person].min() < 0.5 and seen(geometry, closed)[person].min() > 0.99
        behind.append((closed - holed)[:, (azimuth_deg > 92.0) & level].sum())
    assert behind[0] < 0.5 * behind[1]
