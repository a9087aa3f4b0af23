"""The person cut out of a picture: opacity at a soft edge, and colours without the background."""

import numpy as np
import pytest
from scipy import ndimage

from portrait_manifolds.backend.photo import matting
from portrait_manifolds.backend.photo.matting import Foreground, _without_steps, cut_out

SIDE = 160


def cut(picture: np.ndarray, segmented: np.ndarray, matte: np.ndarray) -> Foreground:
    """`cut_out` of a picture in which the person can be anywhere."""
    return cut_out(picture, segmented, matte, np.ones(picture.shape[:2], np.float32))


@pytest.mark.parametrize("enlarge", [1, 4])
def test_a_soft_edge_gets_its_opacity_and_the_persons_colour(enlarge: int) -> None:
    size = SIDE * enlarge
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    truth = np.clip((0.3 - np.hypot(x - 0.5, y - 0.5)) / 0.03 + 0.5, 0.0, 1.0)[..., None]
    person = np.array([0.8, 0.45, 0.3]) + 0.05 * np.sin(40.0 * x)[..., None]
    picture = np.rint(255.0 * (person * truth + np.array([0.1, 0.3, 0.8]) * (1.0 - truth))).astype(np.uint8)
    coarse = ndimage.gaussian_filter(np.roll(truth[..., 0], size // 80, axis=1), size / 80)
    found = cut(picture, coarse, coarse)
    assert np.abs(found.opacity - truth[..., 0]).mean() < 0.01
    edge = (truth[..., 0] > 0.3) & (truth[..., 0] < 0.9)
    assert np.abs(found.opacity - truth[..., 0])[edge].mean() < 0.12
    mixed = np.abs(picture / 255.0 - person)[edge].mean()
    assert np.abs(found.rgb - person)[edge].mean() < 0.35 * mixed


def test_a_matte_that_steps_do_not_suffice_for_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    coarse = np.clip((0.3 - np.hypot(x - 0.5, y - 0.5)) / 0.06 + 0.5, 0.0, 1.0).astype(np.float32)
    picture = np.rint(255.0 * (0.2 + 0.5 * coarse))[..., None].repeat(3, -1).astype(np.uint8)
    solved = cut(picture, coarse, coarse).opacity
    errors = []
    for steps in (1, 20, 40):
        monkeypatch.setattr(matting, "MOST_STEPS", steps)
        errors.append(np.abs(cut(picture, coarse, coarse).opacity - solved).mean())
    assert 0.05 > errors[0] > 2.0 * errors[1] > 4.0 * errors[2] > 0.0


def test_specks_are_not_the_person() -> None:
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    picture[60:130, 50:110] = 220
    picture[5:20, 5:20] = 220
    coarse = (picture[..., 0] > 200).astype(np.float32)
    found = cut(picture, coarse, coarse)
    assert found.opacity[70:120, 60:100].min() > 0.95
    assert found.opacity[5:20, 5:20].max() < 0.05


def test_what_is_doubted_far_from_the_head_is_not_the_person_but_shoulders_may_be() -> None:
    """A flag behind a head, as bright as that; and a sleeve."""
    picture = np.full((SIDE, SIDE, 3), 60, np.uint8)
    likely, unlikely = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    person, flag, sleeve, hair = (
        (slice(20, 160), slice(50, 90)),
        (slice(30, 70), slice(105, 130)),
        (slice(110, 150), slice(105, 130)),
        (slice(30, 70), slice(47, 50)),
    )
    for there, sure in ((person, (1.0, 1.0)), (flag, (0.7, 0.4)), (sleeve, (0.7, 0.4)), (hair, (0.7, 0.4))):
        picture[there], likely[there], unlikely[there] = 220, *sure
    picture[135:145, 85:110] = 220  # an arm to the sleeve
    likely[135:145, 90:105] = 0.7
    picture[40:44, 85:110] = 220  # and a pole to the flag
    likely[40:44, 90:105] = 0.7
    opacity = cut(picture, likely, unlikely).opacity
    assert opacity[flag].max() < 0.05
    assert opacity[115:145, 110:125].min() > 0.9 and opacity[40:60, 47:50].min() > 0.7


@pytest.mark.parametrize("doubting", ["matte", "segmentation"])
def test_background_that_one_estimate_is_sure_of_goes_where_colours_say_little(doubting: str) -> None:
    """A mottled curtain behind as mottled hair; and a wall as white as the collar before it."""
    rng = np.random.default_rng(0)
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    centre = 0.3 if doubting == "matte" else 0.75  # clothes are what a matte misses, walls what it takes for them
    radius = np.hypot(x - 0.5, y - centre)
    person, more = ((radius < r).astype(np.float32) for r in (0.12, 0.2))
    picture = rng.integers(60, 200, (SIDE, SIDE, 1)).repeat(3, -1).astype(np.uint8)
    picture[radius > 0.22] = (20, 60, 200)
    found = cut(picture, *((more, person) if doubting == "matte" else (person, more))).opacity
    assert found[(radius > 0.16) & (radius < 0.2)].mean() < 0.2
    assert found[radius < 0.1].min() > 0.9


def test_what_a_segmentation_misses_by_little_stays() -> None:
    """The edge of grey clothes before a wall that is hardly darker, in a noisy picture."""
    side, missed_px = 2 * SIDE, 4
    picture = np.full((side, side, 3), 90.0)
    segmented, matte = np.zeros((2, side, side), np.float32)
    picture[180:, 80:240], segmented[180 + missed_px :, 80:240], matte[180:, 80:240] = (110.0, 100.0, 95.0), 1.0, 1.0
    picture += np.random.default_rng(0).normal(0.0, 6.0, picture.shape)
    assert cut(picture.astype(np.uint8), segmented, matte).opacity[180:184, 100:220].mean() > 0.8


def test_clothes_that_the_matte_alone_misses_stay() -> None:
    picture = np.full((SIDE, SIDE, 3), 60, np.uint8)
    segmented = np.zeros((SIDE, SIDE), np.float32)
    picture[20:, 50:110], segmented[20:, 50:110] = 200, 1.0
    matte = segmented.copy()
    matte[120:, 80:] = 0.0
    assert cut(picture, segmented, matte).opacity[125:155, 85:105].min() > 0.9


@pytest.mark.parametrize("noise", [0, 90])
def test_pictures_that_say_nothing_of_the_edge_get_one_all_the_same(noise: int) -> None:
    picture = (128 + np.random.default_rng(0).integers(-noise, noise + 1, (SIDE, SIDE, 3))).astype(np.uint8)
    y, x = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE
    near, far = (np.clip((radius - np.hypot(x - 0.5, y - 0.5)) / 0.02, 0.0, 1.0) for radius in (0.25, 0.4))
    found = cut(picture, far, near)
    assert (np.diff([(near > 0.5).mean(), found.opacity.mean(), (far > 0.5).mean()]) > 0.02).all()
    assert np.isfinite(found.rgb).all()


def test_a_picture_without_background_is_all_person() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3)).astype(np.uint8)
    everywhere = np.ones((SIDE, SIDE), np.float32)
    found = cut(noise, everywhere, everywhere)
    assert found.opacity.min() > 0.99
    assert np.abs(found.rgb - noise / 255.0).max() < 0.01


def test_a_firm_outline_loses_its_steps_and_stays_where_it_is() -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    stepped = np.clip(0.5 * SIDE + y // 6 - x + 0.5, 0.0, 1.0)  # a pixel aside every sixth row
    smooth = _without_steps(stepped)
    inner = slice(12, -12)
    (before, slope), (after, _) = (roughness(opacity[inner]) for opacity in (stepped, smooth))
    assert slope == pytest.approx(1.0 / 6.0, rel=0.02)
    assert after < 0.4 * before
    edge = (smooth > 0.1) & (smooth < 0.9)
    assert edge[inner].sum(1).max() < 4  # as sharp as it was
    assert abs((smooth - stepped)[inner].mean(1)).max() * SIDE < 0.6


def test_a_wide_edge_of_hair_stays() -> None:
    hair = np.clip((np.mgrid[0:SIDE, 0:SIDE][1] - 0.5 * SIDE) / 14.0, 0.0, 1.0)
    hair *= 0.7 + 0.3 * np.random.default_rng(0).random(hair.shape)
    within = (hair > 0.1) & (hair < 0.7)
    assert (
        abs(_without_steps(hair) - hair)[within].mean()
        < 0.1 * abs(ndimage.gaussian_filter(hair, 1.5) - hair)[within].mean()
    )


def roughness(opacity: np.ndarray) -> tuple[float, float]:
    """How far an outline's places in the rows lie from a straight line, pixels, and that line's slope."""
    places = opacity.sum(1)
    rows = np.arange(len(places))
    slope, start = np.polyfit(rows, places, 1)
    return float(np.std(places - slope * rows - start)), float(slope)


def test_what_cannot_be_the_person_is_not_whatever_both_estimates_say() -> None:
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    picture[60:130, 50:110] = 220
    claimed = np.zeros((SIDE, SIDE), np.float32)
    claimed[60:, 30:130] = 1.0
    person = picture[..., 0] > 200
    can_be = ndimage.binary_dilation(person, iterations=2).astype(np.float32)
    assert cut(picture, claimed, claimed).opacity[70:150, 35:45].min() > 0.9
    found = cut_out(picture, claimed, claimed, can_be).opacity
    assert found[can_be == 0.0].max() == 0.0 and found[63:127, 53:107].min() > 0.95
    assert found[(can_be == 1.0) & ~ndimage.binary_dilation(person)].mean() < 0.2  # there the picture decides


def test_a_person_who_can_be_half_clear_is_so_everywhere() -> None:
    picture = np.full((SIDE, SIDE, 3), 128, np.uint8)
    picture[60:130, 50:110] = 220
    claimed = (picture[..., 0] > 200).astype(np.float32)
    found = cut_out(picture, claimed, claimed, np.full((SIDE, SIDE), 0.5, np.float32)).opacity
    assert found[65:125, 55:105].min() == found.max() == 0.5


MOTTLE = np.random.default_rng(0).integers(0, 2, (SIDE, SIDE))
WALL, DRESS = (
    np.array(two, np.uint8)[MOTTLE] for two in (((200, 40, 40), (40, 200, 200)), ((40, 200, 40), (200, 40, 200)))
)
"""Pictures that no local line between colours tells apart."""


@pytest.mark.parametrize(("picture", "stays"), [(WALL, False), (DRESS, True)])
def test_a_shoulder_that_stands_apart_stays_if_it_is_not_coloured_as_the_wall(picture: np.ndarray, stays: bool) -> None:
    """Both estimates are sure of it, but of what lies between it and the person neither is."""
    photo, estimate = WALL.copy(), np.zeros((SIDE, SIDE), np.float32)
    photo[20:, 50:90], estimate[20:, 50:90] = DRESS[20:, 50:90], 1.0
    photo[120:, 102:130], estimate[120:, 90:130] = picture[120:, 102:130], 0.6
    photo[138:142, 90:102] = DRESS[138:142, 90:102]  # the arm
    estimate[130:150, 105:125] = 0.95
    opacity = cut(photo, estimate, estimate).opacity
    assert opacity[30:150, 55:85].min() > 0.9
    apart = opacity[135:145, 108:122]
    assert apart.min() > 0.9 if stays else apart.mean() < 0.1


def test_colours_tell_background_that_both_estimates_leave_open() -> None:
    photo, estimate = WALL.copy(), np.zeros((SIDE, SIDE), np.float32)
    photo[20:, 50:90], estimate[20:, 50:90], estimate[60:, 90:] = DRESS[20:, 50:90], 1.0, 0.6
    opacity = cut(photo, estimate, estimate).opacity
    assert opacity[70:, 95:].mean() < 0.1 and opacity[30:150, 55:85].min() > 0.9


def test_what_nothing_sure_is_beside_is_not_the_person() -> None:
    """All that is sure lies far from what either estimate takes for the person, which is background around it."""
    photo = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    segmented, matte = np.zeros((2, SIDE, SIDE), np.float32)
    segmented[10:80, 10:90], matte[10:80, 10:90] = 1.0, 0.5
    segmented[20:32, 130:142] = matte[20:32, 130:142] = 1.0
    opacity = cut(photo, segmented, matte).opacity
    assert np.isfinite(opacity).all() and opacity[20:70, 20:80].max() < 0.05
