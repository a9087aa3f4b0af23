"""The back of a head: what lies above the ears goes on down to the neck as heads do, and nothing else changes."""

from dataclasses import replace

import pytest
import torch
from test_surface_following import SIZE, about_ball, painting

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, texel_directions
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.shape.back_of_head import (
    BEGINS_DEG,
    BEHIND_CROWN_DEG,
    BELOW_DEG,
    BESIDE_DEG,
    CROWN_DEG,
    CROWN_INSIDE_M,
    INSIDE_M,
    NAPE_DEG,
    NAPE_SHARE,
    POLE_DEG,
    SIDES_TOP_DEG,
    TOP_DEG,
    with_back,
    with_nape,
)

RADIUS_SIZE, HEAD_M, NECK_M = 128, 0.1, 0.06
HEADS = {20: (0.90, 0.94), 10: (0.84, 0.90), 0: (0.80, 0.86), -10: (0.77, 0.84), -20: (0.75, 0.82)}
"""By elevation in degrees, how far out heads are 130 degrees from the front, as shares of that at 34 degrees: the mean
of light-stage scans (ICT-FaceKit) and one scanned head."""

NO_EARS, NECK = torch.zeros(RADIUS_SIZE, RADIUS_SIZE), torch.full((RADIUS_SIZE, RADIUS_SIZE), NECK_M)
WIDE = torch.full((RADIUS_SIZE, RADIUS_SIZE), 0.3)
"""An outline wider than the head."""

Made = tuple[PaintedSheets, PaintedSheets, torch.Tensor]


def angles_deg(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    azimuth_deg, elevation_deg = chart_angles_deg(size, CHART_HALF_EXTENT)
    return torch.tensor(azimuth_deg), torch.tensor(elevation_deg)


def behind(low_deg: float, high_deg: float) -> torch.Tensor:
    """Directions [RADIUS_SIZE, RADIUS_SIZE] behind the ears between two elevations."""
    azimuth_deg, elevation_deg = angles_deg(RADIUS_SIZE)
    return (azimuth_deg > BEGINS_DEG[1]) & (elevation_deg > low_deg) & (elevation_deg < high_deg)


def elsewhere(size: int) -> torch.Tensor:
    """Directions [size, size] that are not of the back, 4 degrees from it."""
    azimuth_deg, elevation_deg = angles_deg(size)
    before, above = azimuth_deg < BEGINS_DEG[0] - 4.0, elevation_deg > TOP_DEG[0] + 4.0
    return before | above | (elevation_deg < BELOW_DEG[0] - 4.0)


def made(ears: torch.Tensor = NO_EARS, hair: float = 0.0, radius_m: float = HEAD_M) -> Made:
    """Before and after: a ball that is opaque and red above the ears, clear and green below, and how far it goes."""
    before = painting(about_ball(radius_m), torch.zeros(SIZE, SIZE))
    above = angles_deg(SIZE)[1] > TOP_DEG[1]
    red = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    painted = torch.where(above, red, before.painted)
    before = replace(before, opacity=before.opacity * above, painted=painted, confidence=before.confidence * above)
    return before, *with_back(before, NECK, WIDE, ears, hair)


def on_wide_chart() -> PaintedSheets:
    """An opaque ball."""
    before, *_ = made()
    geometry = replace(before.geometry, radius_m=before.radius_m, half_extent=WIDE_HALF_EXTENT)
    return replace(before, opacity=torch.ones_like(before.opacity), geometry=geometry)


def at(portrait: PaintedSheets, azimuth_deg: float, elevation_deg: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Opacities and colours of the texel nearest to a direction."""
    azimuth, elevation = angles_deg(SIZE)
    row, column = divmod(int(((azimuth - azimuth_deg).abs() + (elevation - elevation_deg).abs()).argmin()), SIZE)
    return portrait.opacity[:, row, column], portrait.painted[:, :, row, column]


def test_what_sides_and_crown_hide_stays_within_the_outline() -> None:
    """And no farther inside of it; ears, what is seen, the top and, below the crown, what hangs as hair stay."""
    outline = torch.full((RADIUS_SIZE, RADIUS_SIZE), 0.09)
    before, *_ = made()
    azimuth_deg, elevation_deg = angles_deg(RADIUS_SIZE)
    behind = azimuth_deg > BESIDE_DEG[1] + 2.0
    sides = behind & (elevation_deg > TOP_DEG[0]) & (elevation_deg < SIDES_TOP_DEG[1] - 2.0)
    crown = behind & (elevation_deg > SIDES_TOP_DEG[0] + 2.0) & (elevation_deg < CROWN_DEG[1][1] - 2.0)
    hair = behind & (elevation_deg < CROWN_DEG[0][0] - 2.0)
    stays = (elevation_deg > CROWN_DEG[1][0] + 3.0) | (azimuth_deg < BEHIND_CROWN_DEG[0] - 3.0)
    ears = torch.ones_like(outline)
    held, with_ears, haired = (
        with_back(before, NECK, outline, *given)[0].radius_m for given in ((NO_EARS, 0.0), (ears, 0.0), (NO_EARS, 1.0))
    )
    for radius, there, inside_m in (
        (held, sides, INSIDE_M),
        (held, crown, CROWN_INSIDE_M),
        (haired, crown, CROWN_INSIDE_M),
    ):
        torch.testing.assert_close(radius[there], outline[there] - inside_m, atol=5e-4, rtol=0.0)
    for radius, there in ((held, stays), (haired, stays), (haired, hair), (with_ears, sides), (with_ears, crown)):
        torch.testing.assert_close(radius[there], before.radius_m[there], atol=1e-3, rtol=0.0)
    assert float((before.radius_m - held)[sides | crown].min()) > 0.01


def test_it_ends_at_the_neck() -> None:
    _, after, ends_m = made()
    radius, low = after.radius_m, behind(BELOW_DEG[1], BELOW_DEG[1] + 3.0)
    assert NECK_M < float(radius[low].mean()) < NECK_M + 0.004
    torch.testing.assert_close(radius[low], ends_m[low])
    torch.testing.assert_close(after.geometry.total_radius(after.displacement_m), radius)


def test_it_is_as_round_as_heads_are() -> None:
    before = on_wide_chart()
    nape = with_nape(before.geometry, before.radius_m, NECK, 0.0)
    after, _ = with_back(before, nape, WIDE, NO_EARS, 0.0)
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(RADIUS_SIZE, WIDE_HALF_EXTENT))
    for level_deg, shares in HEADS.items():
        ring = ((azimuth_deg - 130.0).abs() < 5.0) & ((elevation_deg - level_deg).abs() < 2.0)
        assert shares[0] < float(after.radius_m[ring].mean()) / HEAD_M < shares[1]


def test_a_neck_goes_over_into_the_head_at_the_nape_alone() -> None:
    before, *_ = made()
    radius = before.radius_m
    nape = with_nape(before.geometry, radius, NECK, 0.0)
    whole = behind(NAPE_DEG[1], BELOW_DEG[0])
    torch.testing.assert_close(nape[whole], torch.full_like(nape, NAPE_SHARE * HEAD_M)[whole])
    azimuth_deg, elevation_deg = angles_deg(RADIUS_SIZE)
    stays = (azimuth_deg < BEGINS_DEG[0]) | (elevation_deg < NAPE_DEG[0])
    assert torch.equal(nape[stays], NECK[stays])
    assert torch.equal(with_nape(before.geometry, radius, NECK, 1.0), NECK)
    thick = NECK + 0.03
    assert torch.equal(with_nape(before.geometry, radius, thick, 0.0), thick)


def test_nothing_is_left_straight_behind() -> None:
    before = on_wide_chart()
    after, _ = with_back(before, NECK, WIDE, NO_EARS, 0.0)
    from_front_deg = texel_directions(SIZE, WIDE_HALF_EXTENT)[..., 2].arccos().rad2deg()
    pole, sides = from_front_deg > POLE_DEG[0], from_front_deg < POLE_DEG[1]
    assert pole.any() and float(after.opacity[..., pole].max()) == 0.0
    assert float(after.opacity[..., sides].min()) > 0.99


def test_what_lies_above_is_carried_down() -> None:
    _, after, _ = made()
    opacity, painted = at(after, 108.0, -10.0)
    torch.testing.assert_close((opacity, painted), at(after, 108.0, TOP_DEG[0]), atol=0.02, rtol=0.0)
    assert opacity.max() > 0.95 and painted[:, 0].min() > 0.85


def test_the_face_the_crown_and_what_is_below_stay() -> None:
    before, after, ends_m = made()
    stays = elsewhere(RADIUS_SIZE)
    assert torch.equal(after.radius_m[stays], before.radius_m[stays]) and float(ends_m[stays].max()) == 0.0
    stays = elsewhere(SIZE)
    for name in ("opacity", "painted", "confidence"):
        assert torch.equal(getattr(after, name)[..., stays], getattr(before, name)[..., stays])


@pytest.mark.parametrize(("hair", "changed"), [(1.0, 0.0), (0.5, 0.5)])
def test_hair_beside_the_neck_stays(hair: float, changed: float) -> None:
    before, after, _ = made(hair=hair)
    _, without, _ = made()
    moved, whole = (x.radius_m - before.radius_m for x in (after, without))
    torch.testing.assert_close(moved, changed * whole, atol=1e-5, rtol=0.0)


def test_ears_stay_where_they_stand_out_of_it_and_go_where_they_do_not() -> None:
    ears = torch.ones_like(NO_EARS)
    before, after, _ = made(ears)
    low = behind(BELOW_DEG[1], 0.0)
    assert torch.equal(after.radius_m[low], before.radius_m[low])
    before, after, _ = made(ears, radius_m=NECK_M - 0.01)
    assert float((after.radius_m[low] - before.radius_m[low]).min()) > 0.001
