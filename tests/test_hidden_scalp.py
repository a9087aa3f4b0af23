"""The hidden scalp takes the colour of the scalp that is seen: hair's where there is hair, else skin's."""

import numpy as np
import pytest
import torch
from torch import Tensor

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.cameras import CameraBatch
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, chart_grid, texel_directions
from portrait_manifolds.backend.networks.mean_sheets import MeanSheets
from portrait_manifolds.backend.networks.visibility import scalp_maps
from portrait_manifolds.backend.photo.input_view import ViewTensors
from portrait_manifolds.backend.texture import hidden_scalp
from portrait_manifolds.backend.texture.hidden_scalp import hidden_parts, scalp_colours, with_hairline, with_scalp
from portrait_manifolds.backend.texture.seen_surface import Seen
from portrait_manifolds.backend.texture.sideburns import sideburns

SIZE = 128
NO_SIDEBURNS = torch.zeros(SIZE, SIZE)
SKIN, BROWN = (0.85, 0.62, 0.52), (0.22, 0.15, 0.10)
BLOND, FAIR = (0.72, 0.56, 0.40), (0.82, 0.61, 0.50)  # the latter hardly other than skin


def from_front_deg(half_extent: float) -> Tensor:
    return torch.rad2deg(torch.arccos(texel_directions(SIZE, half_extent)[..., 2]))


def head(hair: tuple[float, ...], hairline_deg: float, half_extent: float) -> Seen:
    """Skin, and hair from so many degrees from the front, above the ears; seen up to 85 degrees from the front."""
    _, elevation_deg = chart_angles_deg(SIZE, half_extent)
    away = from_front_deg(half_extent)
    hairy = (away > hairline_deg) & torch.tensor(elevation_deg > 12.0)
    colour = torch.where(hairy, torch.tensor(hair)[:, None, None], torch.tensor(SKIN)[:, None, None])
    spots = 1.0 + 0.03 * torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return Seen((colour * spots).clamp(0.0, 1.0), (away < 85.0).float())


def hidden(half_extent: float) -> Tensor:
    """Where the back of the head is, well away from what is seen."""
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, half_extent)
    return torch.tensor((azimuth_deg > 104.0) & (elevation_deg > 0.0)) & (from_front_deg(half_extent) < 130.0)


def behind_of(seen: Seen) -> Tensor:
    """Colours [3, N] of the back of the head."""
    return scalp_colours(seen, NO_SIDEBURNS, WIDE_HALF_EXTENT)[:, hidden(WIDE_HALF_EXTENT)]


@pytest.mark.parametrize("half_extent", [CHART_HALF_EXTENT, WIDE_HALF_EXTENT])
@pytest.mark.parametrize("hair", [BROWN, BLOND, SKIN])
def test_hair_goes_on_as_hair_and_a_bald_head_as_skin(hair: tuple[float, ...], half_extent: float) -> None:
    behind = scalp_colours(head(hair, 70.0, half_extent), NO_SIDEBURNS, half_extent)[:, hidden(half_extent)]
    assert float((behind - torch.tensor(hair)[:, None]).abs().max()) < 0.08


def test_a_high_forehead_does_not_colour_the_hair_behind_it() -> None:
    behind = behind_of(head(BROWN, 70.0, WIDE_HALF_EXTENT))
    assert float(behind[0].max()) < BROWN[0] + 0.08  # skin has 0.85


def test_ears_do_not_colour_the_hair_above_and_behind_them() -> None:
    seen = head(BROWN, 70.0, WIDE_HALF_EXTENT)
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    ears = torch.tensor((azimuth_deg > 72.0) & (azimuth_deg < 92.0) & (abs(elevation_deg) < 12.0))
    red = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
    seen = Seen(torch.where(ears, red, seen.colour), torch.where(ears, 1.0, seen.known))
    behind = behind_of(seen)
    assert float(behind[0].max()) < BROWN[0] + 0.08


def test_dark_roots_do_not_colour_fair_hair_at_the_sides() -> None:
    seen = head(FAIR, 60.0, WIDE_HALF_EXTENT)
    away = from_front_deg(WIDE_HALF_EXTENT)
    _, elevation_deg = chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    roots = (away > 50.0) & (away < 62.0) & torch.tensor(elevation_deg > 40.0)
    seen = Seen(torch.where(roots, torch.tensor(BROWN)[:, None, None], seen.colour), seen.known)
    behind = behind_of(seen)
    assert float((behind - torch.tensor(FAIR)[:, None]).abs().mean()) < 0.12


def test_below_a_bald_crown_hair_goes_round_the_head() -> None:
    azimuth_deg, elevation_deg = (torch.tensor(x) for x in chart_angles_deg(SIZE, WIDE_HALF_EXTENT))
    hairy = head(BROWN, 60.0, WIDE_HALF_EXTENT)
    skin = torch.tensor(SKIN)[:, None, None]
    colours = scalp_colours(
        Seen(torch.where(elevation_deg > 42.0, skin, hairy.colour), hairy.known), NO_SIDEBURNS, WIDE_HALF_EXTENT
    )
    behind = (azimuth_deg > 120.0) & (azimuth_deg < 140.0)
    assert float(colours[0, behind & ((elevation_deg - 30.0).abs() < 4.0)].mean()) < BROWN[0] + 0.12
    assert float(colours[0, behind & ((elevation_deg - 58.0).abs() < 4.0)].mean()) > SKIN[0] - 0.12


@pytest.mark.parametrize("hair", [BROWN, BLOND, SKIN])
def test_sideburns_are_the_hair_s_and_of_a_bald_head_skin(hair: tuple[float, ...]) -> None:
    burns = sideburns(SIZE, WIDE_HALF_EXTENT)
    colours = scalp_colours(head(hair, 56.0, WIDE_HALF_EXTENT), burns, WIDE_HALF_EXTENT)
    assert float((colours - torch.tensor(hair)[:, None, None])[:, burns > 0.99].abs().mean()) < 0.08


def test_sideburns_are_as_grey_as_the_hair_above_them_not_as_dark_as_the_crown() -> None:
    """Short grey hair is hardly other than skin, which must not give its place to what is surely hair."""
    burns, (_, elevation_deg) = sideburns(SIZE, WIDE_HALF_EXTENT), chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    fair = head(FAIR, 40.0, WIDE_HALF_EXTENT)
    crown = torch.tensor(elevation_deg > 40.0)
    seen = Seen(torch.where(crown, torch.tensor(BROWN)[:, None, None], fair.colour), fair.known)
    near, far = (scalp_colours(seen, share * burns, WIDE_HALF_EXTENT)[0, burns > 0.99].mean() for share in (1.0, 0.0))
    assert float(far) < 0.6 < FAIR[0] - 0.1 < float(near)


def test_a_shadow_at_the_rim_ends_softly_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bald head that is dark at its rim: right behind that as dark, and darker than without `_meeting`, which changes
    little far behind."""
    bald, away = head(SKIN, 70.0, WIDE_HALF_EXTENT), from_front_deg(WIDE_HALF_EXTENT)
    dark = 1.0 - 0.6 * ((away - 76.0) / 3.0).clamp(0.0, 1.0)
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    above = torch.tensor((elevation_deg > 20.0) & (elevation_deg < 50.0) & (azimuth_deg > 80.0))

    def behind() -> list[float]:
        colours = scalp_colours(Seen(bald.colour * dark, bald.known), NO_SIDEBURNS, WIDE_HALF_EXTENT)[0]
        return [float(colours[above & (away > low) & (away < low + 6.0)].mean()) for low in (86.0, 130.0)]

    near, far = behind()
    assert abs(near - 0.4 * SKIN[0]) < 0.03
    monkeypatch.setattr(hidden_scalp, "_meeting", lambda seen, weight, colours: colours)
    near_before, far_before = behind()
    assert near < near_before - 0.03 and abs(far - far_before) < 0.01 and near < far - 0.06


def test_hair_is_not_as_dark_behind_as_its_darkest_strands() -> None:
    """Of strands that are dark and, every other one, nearly as skin, it is in the mean."""
    seen = head(BROWN, 40.0, WIDE_HALF_EXTENT)
    away, (_, elevation_deg) = from_front_deg(WIDE_HALF_EXTENT), chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    bright = (away > 40.0) & torch.tensor(elevation_deg > 12.0) & (torch.arange(SIZE) % 2 == 0)
    seen = Seen(torch.where(bright, torch.tensor(FAIR)[:, None, None], seen.colour), (away < 64.0).float())
    behind = behind_of(seen).mean(1)
    torch.testing.assert_close(behind, (torch.tensor(BROWN) + torch.tensor(FAIR)) / 2.0, atol=0.05, rtol=0.0)


def test_hair_that_is_hardly_turned_to_the_camera_outweighs_that_far_off() -> None:
    """Sides that are grey, seen along their surface, and a dark crown: grey goes on behind the sides."""
    fair = head(FAIR, 40.0, WIDE_HALF_EXTENT)
    away, (azimuth_deg, elevation_deg) = from_front_deg(WIDE_HALF_EXTENT), chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    crown = torch.tensor(elevation_deg > 50.0)
    colour = torch.where(crown, torch.tensor(BROWN)[:, None, None], fair.colour)
    grazing = torch.where(crown, 1.0, ((85.0 - away) / 100.0).clamp(0.0, 1.0))
    beside = torch.tensor(
        (azimuth_deg > 90.0) & (azimuth_deg < 110.0) & (elevation_deg > 24.0) & (elevation_deg < 36.0)
    )
    behind = scalp_colours(Seen(colour, fair.known * grazing), NO_SIDEBURNS, WIDE_HALF_EXTENT)[0, beside].mean()
    assert float(behind) > 0.4


def test_only_what_is_not_known_of_the_scalp_is_painted_over() -> None:
    painted, colours = torch.full((2, 3, SIZE, SIZE), 0.25), torch.full((3, SIZE, SIZE), 0.75)
    known = (from_front_deg(WIDE_HALF_EXTENT) < 85.0).float()
    sides = hidden_parts(sideburns(SIZE, WIDE_HALF_EXTENT), WIDE_HALF_EXTENT)
    after = with_scalp(painted, colours, known, sides)
    for part in (scalp_maps(SIZE, WIDE_HALF_EXTENT)[0], sideburns(SIZE, WIDE_HALF_EXTENT)):
        assert bool((sides >= part).all())
    assert bool((after == 0.25)[..., (known == 1.0) | (sides == 0.0)].all())
    assert bool((after == 0.75)[..., (known == 0.0) & (sides == 1.0)].all())


def test_hair_grows_down_a_neck_and_lower_behind() -> None:
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, WIDE_HALF_EXTENT)
    neck = with_hairline(torch.zeros(3, SIZE, SIZE), torch.ones(3, SIZE // 2, SIZE // 2), WIDE_HALF_EXTENT)[0]
    ends_deg = [
        float(elevation_deg[(neck > 0.5).numpy() & (abs(azimuth_deg - middle) < 3.0)].min()) for middle in (105, 150)
    ]
    assert -28.0 < ends_deg[0] < -22.0 and -38.0 < ends_deg[1] < -32.0
    assert float(neck[azimuth_deg < 84.0].max()) == 0.0


def test_the_photograph_lies_on_the_surface_where_the_camera_sees_it() -> None:
    geometry = MeanSheets(8).sheets()
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=96, height_px=96)
    rgb = torch.zeros(96, 96, 3)
    rgb[:, :48, 0] = 1.0  # red on the left
    rgb[:48, :, 2] = 1.0  # blue above
    person = torch.ones(96, 96)
    person[:, 62:] = 0.0
    photo = ViewTensors(person, rgb, torch.ones(96, 96, dtype=torch.bool))
    turned = torch.full((SIZE, SIZE), 0.5)
    maps = (geometry, torch.zeros(1, 64, 64), CameraBatch.of([camera], "cpu"), photo, turned)
    seen = Seen.of(*maps, torch.full((8, 8), 1.4))
    points = 0.11 * torch.tensor([[-0.3, 0.3, 0.9], [0.3, -0.3, 0.9], [0.7, 0.0, 0.7]])
    column, row = ((chart_grid(points, CHART_HALF_EXTENT) + 1.0) * 0.5 * SIZE).long().T
    assert camera.project(points[2].numpy())[0][0] > 64.0  # beside the person
    np.testing.assert_allclose(seen.colour[:, row[0], column[0]], [1.0, 0.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(seen.colour[:, row[1], column[1]], [0.0, 0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(seen.known[row, column], [0.5, 0.5, 0.0], atol=1e-5)
    before_it = torch.full((8, 8), 1.4)
    before_it[:, :4] = 1.2  # something stands before the left half
    np.testing.assert_allclose(Seen.of(*maps, before_it).known[row, column], [0.0, 0.5, 0.0], atol=1e-5)


def test_reduced_maps_do_not_mix_in_what_is_unknown() -> None:
    colour, known = torch.zeros(3, 64, 64), torch.zeros(64, 64)
    colour[:, :, ::2], known[:, ::2] = 0.6, 1.0
    small = Seen(colour, known).reduced(16)
    assert small.known.shape == (16, 16)
    assert torch.allclose(small.colour, torch.tensor(0.6)) and torch.allclose(small.known, torch.tensor(0.5))
