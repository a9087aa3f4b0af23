"""Beards go on to the ears, where there is one; shade, wrinkles and shaven faces stay as they are."""

import pytest
import torch
from torch import Tensor

from portrait_manifolds.backend.conventions import WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.texture.beard import MOST_CONTRAST, Beard, hidden_beard
from portrait_manifolds.backend.texture.hidden_scalp import Seen

SIZE, COARSE = 512, 128
SKIN, HAIR = (0.75, 0.55, 0.45), (0.25, 0.2, 0.17)
AZIMUTH_DEG, ELEVATION_DEG = (torch.tensor(x) for x in chart_angles_deg(SIZE, WIDE_HALF_EXTENT))
SEEN = (AZIMUTH_DEG < 34.0).float()
LOWER = ELEVATION_DEG < -20.0
NOISE = torch.randn(SIZE, SIZE, generator=torch.Generator().manual_seed(3))
LEFT = torch.arange(SIZE) >= SIZE // 2  # columns of the person's left

COARSE_AZIMUTH_DEG, COARSE_ELEVATION_DEG = (torch.tensor(x) for x in chart_angles_deg(COARSE, WIDE_HALF_EXTENT))
BESIDE = (COARSE_AZIMUTH_DEG > 50.0) & (COARSE_AZIMUTH_DEG < 74.0)
JAW = BESIDE & (COARSE_ELEVATION_DEG < -34.0) & (COARSE_ELEVATION_DEG > -42.0)
TEMPLE = BESIDE & (COARSE_ELEVATION_DEG > 6.0)


def face(lower: tuple[float, ...], rough: float, where: Tensor = LOWER, known: Tensor = SEEN) -> Seen:
    """Skin, and `where` another colour that varies by so much."""
    colour = torch.where(where, torch.tensor(lower)[:, None, None], torch.tensor(SKIN)[:, None, None])
    return Seen((colour * torch.exp(torch.where(where, rough, 0.012) * NOISE)).clamp(0.0, 1.0), known)


def beard_of(seen: Seen) -> Beard:
    return hidden_beard(seen, seen.reduced(COARSE), WIDE_HALF_EXTENT)


def test_a_beard_goes_on_along_the_jaw_in_its_own_colour() -> None:
    beard = beard_of(face(HAIR, 0.12))
    assert beard.share[JAW].min() > 0.9 and beard.share[TEMPLE].max() == 0.0
    assert beard.share[COARSE_AZIMUTH_DEG > 88.0].max() == beard.share[COARSE_AZIMUTH_DEG < 20.0].max() == 0.0
    torch.testing.assert_close(beard.colour[:, JAW].mean(-1), torch.tensor(HAIR), atol=0.02, rtol=0.0)
    painted = beard.painted(torch.ones(2, 3, COARSE, COARSE))
    assert painted[..., JAW].max() < 0.4 and painted[..., TEMPLE].min() == 1.0


def test_it_begins_as_high_as_it_does_where_the_photograph_ends() -> None:
    def highest(top_deg: float) -> float:
        share = beard_of(face(HAIR, 0.12, where=top_deg > ELEVATION_DEG)).share
        column = (COARSE_AZIMUTH_DEG > 36.0) & (COARSE_AZIMUTH_DEG < 42.0) & (share > 0.5)
        return float(COARSE_ELEVATION_DEG[column].max())

    assert highest(-24.0) + 3.0 < highest(-18.0) < -5.0


@pytest.mark.parametrize(
    ("lower", "rough"),
    [
        (SKIN, 0.012),  # shaven
        (SKIN, 0.12),  # rough but as light as the cheek
        (tuple(0.5 * x for x in SKIN), 0.012),  # in smooth shade
        ((0.6, 0.3, 0.2), 0.12),  # in shade that reddens the skin
        (tuple(0.6 * x for x in SKIN), 0.03),  # in shade, with pores
    ],
)
def test_faces_without_a_beard_get_none(lower: tuple[float, ...], rough: float) -> None:
    assert beard_of(face(lower, rough)).share.max() == 0.0


def test_a_face_that_is_rough_all_over_is_no_beard() -> None:
    """A photograph with grain, whose lower half is in shade."""
    seen = face(tuple(0.5 * x for x in SKIN), 0.0)
    assert beard_of(Seen(seen.colour * torch.exp(0.1 * NOISE), SEEN)).share.max() == 0.0


def test_a_very_smooth_face_need_not_be_rough_to_be_told_from_a_beard() -> None:
    seen = face(tuple(0.5 * x for x in SKIN), 0.0)
    grain = torch.exp(torch.where(LOWER, 0.04, 0.004) * NOISE)
    assert beard_of(Seen(seen.colour * grain, SEEN)).share.max() == 0.0


def test_folds_are_no_beard() -> None:
    lines = torch.arange(SIZE)[:, None] % 24 < 2
    seen = face(tuple(0.6 * x for x in SKIN), 0.012)
    assert beard_of(Seen(seen.colour * torch.where(lines & LOWER, 0.5, 1.0), SEEN)).share.max() == 0.0


def test_without_a_cheek_to_compare_with_there_is_no_beard() -> None:
    assert beard_of(face(HAIR, 0.12, known=SEEN * LOWER)).share.max() == 0.0


def test_it_goes_over_into_the_sideburns_before_the_ear_and_not_into_what_is_seen() -> None:
    beard = beard_of(face(HAIR, 0.12, known=(AZIMUTH_DEG < 18.0).float()))
    before_ear = (COARSE_AZIMUTH_DEG > 73.0) & (COARSE_AZIMUTH_DEG < 77.0) & (COARSE_ELEVATION_DEG.abs() < 11.0)
    assert beard.share[before_ear & (COARSE_ELEVATION_DEG < -9.0)].min() > 0.9
    assert beard.share[before_ear & (COARSE_ELEVATION_DEG > 3.0)].max() == 0.0
    assert beard.share[COARSE_AZIMUTH_DEG < 21.0].max() == 0.0 and beard.share[JAW].min() > 0.9


def test_half_a_beard_is_none() -> None:
    """Of a face lit from the side, as a rule."""
    assert beard_of(face(HAIR, 0.12, where=LOWER & LEFT)).share.max() == 0.0


def test_a_bare_chin_or_jaw_is_no_beard() -> None:
    assert beard_of(face(HAIR, 0.12, where=LOWER & (AZIMUTH_DEG > 12.0))).share.max() == 0.0
    assert beard_of(face(HAIR, 0.12, where=LOWER & (AZIMUTH_DEG < 13.0))).share.max() == 0.0


def test_a_side_that_does_not_show_takes_the_other_s() -> None:
    beard = beard_of(face(HAIR, 0.12, known=SEEN * (LEFT | (AZIMUTH_DEG < 8.0))))
    assert beard.share[JAW].min() > 0.9
    torch.testing.assert_close(beard.colour[:, JAW].mean(-1), torch.tensor(HAIR), atol=0.02, rtol=0.0)


def test_what_the_photograph_shows_stays() -> None:
    seen = face(HAIR, 0.12, known=(AZIMUTH_DEG < 60.0).float())
    beard = beard_of(seen)
    assert beard.share[COARSE_AZIMUTH_DEG < 58.0].max() == 0.0 and beard.share[JAW].max() > 0.9
    assert bool((beard.shade(seen.known, WIDE_HALF_EXTENT)[seen.known == 1.0] == 1.0).all())


def test_strands_are_as_strong_as_the_beard_is_rough() -> None:
    def contrast(rough: float) -> float:
        seen = face(HAIR, rough)
        jaw = (AZIMUTH_DEG > 52.0) & (AZIMUTH_DEG < 72.0) & (ELEVATION_DEG < -34.0) & (ELEVATION_DEG > -42.0)
        return float(torch.log(beard_of(seen).shade(seen.known, WIDE_HALF_EXTENT))[jaw].std())

    assert 1.3 < contrast(0.16) / contrast(0.1) < 1.8
    assert contrast(0.1) > 0.05 and contrast(1.0) == pytest.approx(MOST_CONTRAST, rel=0.15)


def test_nothing_known_is_no_beard() -> None:
    beard = beard_of(face(HAIR, 0.12, known=torch.zeros(SIZE, SIZE)))
    assert beard.share.max() == 0.0 and bool(torch.isfinite(beard.colour).all())
