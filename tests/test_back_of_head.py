"""The back of a head: what lies above the ears goes on down to the neck, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_surface_following import CONFIG, SIZE, painting

from portrait_manifolds.backend.back_of_head import BEGINS_DEG, BELOW_DEG, TOP_DEG, with_back
from portrait_manifolds.backend.networks.geometry import chart_angles_deg
from portrait_manifolds.backend.networks.inversion import Inversion, Painting

RADIUS_SIZE, HEAD_M, NECK_M = 128, 0.1, 0.06
NO_EARS, NECK = torch.zeros(RADIUS_SIZE, RADIUS_SIZE), torch.full((RADIUS_SIZE, RADIUS_SIZE), NECK_M)
Made = tuple[Inversion, Painting, Inversion, Painting, torch.Tensor]


def angles_deg(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    azimuth_deg, elevation_deg = chart_angles_deg(size)
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
    network = Inversion(CONFIG).eval()
    network.geometry.set_mean(np.full((RADIUS_SIZE, RADIUS_SIZE), radius_m))
    before = painting(network, torch.zeros(SIZE, SIZE))
    above = angles_deg(SIZE)[1] > TOP_DEG[1]
    red = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    painted = torch.where(above, red, before.painted)
    before = replace(before, opacity=before.opacity * above, painted=painted, confidence=before.confidence * above)
    return network, before, *with_back(network, before, NECK, ears, hair)


def at(portrait: Painting, azimuth_deg: float, elevation_deg: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Opacities and colours of the texel nearest to a direction."""
    azimuth, elevation = angles_deg(SIZE)
    row, column = divmod(int(((azimuth - azimuth_deg).abs() + (elevation - elevation_deg).abs()).argmin()), SIZE)
    return portrait.opacity[0, :, row, column], portrait.painted[0, :, :, row, column]


def test_it_narrows_evenly_from_the_head_to_the_neck() -> None:
    _, _, network, after, ends_m = made()
    radius = after.radius_m[0]
    rings = [behind(BELOW_DEG[1] + k, BELOW_DEG[1] + k + 3.0) for k in (1.0, 10.0, 20.0, 30.0)]
    means = [float(radius[ring].mean()) for ring in rings]
    assert NECK_M < means[0] < means[1] - 0.004 < means[2] - 0.008 < means[3] - 0.012 < HEAD_M
    assert means[0] < NECK_M + 0.008
    torch.testing.assert_close(radius[rings[1]], ends_m[rings[1]])
    torch.testing.assert_close(network.geometry.total_radius(after.displacement_m[:1])[0], radius)


def test_what_lies_above_is_carried_down() -> None:
    *_, after, _ = made()
    opacity, painted = at(after, 108.0, -10.0)
    torch.testing.assert_close((opacity, painted), at(after, 108.0, TOP_DEG[0]), atol=0.02, rtol=0.0)
    assert opacity.max() > 0.95 and painted[:, 0].min() > 0.85


def test_the_face_the_crown_and_what_is_below_stay() -> None:
    _, before, _, after, ends_m = made()
    stays = elsewhere(RADIUS_SIZE)
    assert torch.equal(after.radius_m[0, stays], before.radius_m[0, stays]) and float(ends_m[stays].max()) == 0.0
    stays = elsewhere(SIZE)
    for name in ("opacity", "painted", "confidence"):
        assert torch.equal(getattr(after, name)[..., stays], getattr(before, name)[..., stays])


@pytest.mark.parametrize(("hair", "changed"), [(1.0, 0.0), (0.5, 0.5)])
def test_hair_beside_the_neck_stays(hair: float, changed: float) -> None:
    *_, before, _, after, _ = made(hair=hair)
    *_, without, _ = made()
    moved, whole = (x.radius_m[0] - before.radius_m[0] for x in (after, without))
    torch.testing.assert_close(moved, changed * whole, atol=1e-5, rtol=0.0)


def test_ears_stay_where_they_stand_out_of_it_and_go_where_they_do_not() -> None:
    ears = torch.ones_like(NO_EARS)
    *_, before, _, after, _ = made(ears)
    low = behind(BELOW_DEG[1], 0.0)
    assert torch.equal(after.radius_m[0, low], before.radius_m[0, low])
    *_, before, _, after, _ = made(ears, radius_m=NECK_M - 0.01)
    assert float((after.radius_m[0, low] - before.radius_m[0, low]).min()) > 0.001
