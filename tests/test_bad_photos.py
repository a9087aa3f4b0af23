"""Photographs that are no good portraits: a crop and a camera, with a warning where one is due, or one sentence."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image, ImageDraw, ImageFilter

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.networks.weights import load_weights
from portrait_manifolds.backend.photo.alignment import Alignment, crop_half_size_px
from portrait_manifolds.backend.photo.photograph import photograph_of
from portrait_manifolds.backend.photo.sitter import align_photograph, find_face
from portrait_manifolds.backend.reconstruct import reconstruct

pytestmark = needs_weights

Picture = Image.Image


def sample(name: str) -> Picture:
    return Image.fromarray(getattr(pytest.importorskip("skimage.data"), name)()).convert("RGB")


def astronaut() -> Picture:
    return sample("astronaut")  # the eyes at (203, 113) and (240, 113), the chin at row 165


def noise() -> Picture:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))


def sketch() -> Picture:
    edges = astronaut().convert("L").filter(ImageFilter.FIND_EDGES)
    return edges.point(lambda value: 255 - min(255, 2 * value)).convert("RGB")


def cartoon() -> Picture:
    picture = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((70, 50, 230, 260), outline="black", width=4)
    for x in (120, 180):
        draw.ellipse((x - 18, 120, x + 18, 140), outline="black", width=3)
        draw.ellipse((x - 6, 124, x + 6, 136), fill="black")
    draw.line((150, 140, 142, 185, 156, 187), fill="black", width=3)
    draw.arc((110, 170, 190, 230), 20, 160, fill="black", width=4)
    return picture


def statue() -> Picture:
    """Without colour, skin and pupils."""
    smooth = astronaut().convert("L").filter(ImageFilter.MedianFilter(9))
    return smooth.point(lambda value: 110 + value // 3).convert("RGB")


def black_and_white() -> Picture:
    return astronaut().convert("L").convert("RGB")


def sunglasses() -> Picture:
    picture = astronaut()
    draw = ImageDraw.Draw(picture)
    for x in (203, 240):
        draw.ellipse((x - 17, 100, x + 17, 128), fill=(12, 12, 14))
    draw.line((203, 110, 240, 110), fill=(12, 12, 14), width=4)
    return picture


def hand() -> Picture:
    """Before the mouth."""
    picture = astronaut()
    draw = ImageDraw.Draw(picture)
    for x in range(190, 246, 14):
        draw.rounded_rectangle((x, 128, x + 13, 190), 6, fill=(205, 150, 125), outline=(150, 100, 80))
    draw.rounded_rectangle((188, 160, 248, 230), 10, fill=(205, 150, 125))
    return picture


def small(side_px: int) -> Picture:
    return astronaut().crop((120, 0, 350, 230)).resize((side_px, side_px))


def aligned(picture: Picture) -> Alignment:
    photograph = photograph_of(np.asarray(picture))
    return align_photograph(photograph, find_face(photograph), load_weights().template, None)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (lambda: sample("coffee"), "No face was found"),
        (lambda: sample("chelsea"), "No face was found"),  # a cat, which the face mesh fits
        (lambda: sample("chelsea").crop((90, 0, 330, 240)), "No face was found"),
        (noise, "No face was found"),
        (lambda: astronaut().crop((222, 0, 512, 512)), "No face was found"),  # half of it
        (lambda: astronaut().crop((205, 0, 512, 512)), "cut off by the photo's border"),
        (lambda: astronaut().crop((0, 120, 512, 512)), "not cut off"),  # at the eyes
        (lambda: small(40), "at least 48"),
    ],
)
def test_what_cannot_be_used_is_refused(picture: Callable[[], Picture], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        aligned(picture())
    assert_one_sentence(refused.value)


@pytest.mark.parametrize("picture", [black_and_white, statue, sunglasses, hand, lambda: small(100)])
def test_a_face_that_is_odd_is_still_a_face(picture: Callable[[], Picture]) -> None:
    found = aligned(picture())
    assert found.residual_px < 0.04 * crop_half_size_px(found.crop_to_photo)


@pytest.mark.parametrize("picture", [sketch, cartoon, lambda: sample("camera")])
def test_what_is_hardly_a_face_is_taken_or_refused_in_one_sentence(picture: Callable[[], Picture]) -> None:
    try:
        assert np.isfinite(aligned(picture()).camera.camera_to_world).all()
    except InputError as error:
        assert_one_sentence(error)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photo_gives_the_same_camera_turned(quarters: int) -> None:
    upright = aligned(astronaut())
    turned = aligned(Image.fromarray(np.rot90(np.asarray(astronaut()), quarters)))
    assert np.linalg.norm(turned.camera.position_m - upright.camera.position_m) < 0.08  # 3 degrees
    x, y = turned.crop_to_photo[:, 0]  # the crop's upright axis, in the photo as it was given
    assert np.degrees(np.arctan2(y, x)) % 360.0 == pytest.approx(
        (np.degrees(np.arctan2(*upright.crop_to_photo[::-1, 0])) - 90.0 * quarters) % 360.0, abs=4.0
    )


def test_a_drawing_in_which_no_person_stands_out_is_refused() -> None:
    with pytest.raises(InputError, match="No person stands out") as refused:
        reconstruct(np.asarray(cartoon()), texture_size=256)
    assert_one_sentence(refused.value)


@pytest.mark.parametrize(("turn_deg", "refused"), [(30.0, False), (50.0, False), (75.0, True), (-75.0, True)])
def test_a_profile_is_refused_and_a_strong_turn_warned_of(
    turn_deg: float, refused: bool, caplog: pytest.LogCaptureFixture
) -> None:
    template = load_weights().template
    angle = np.radians(turn_deg)
    camera = look_at((1.2 * np.sin(angle), 0.0, 1.2 * np.cos(angle)))
    points_px, _ = camera.project(template.points_m)
    photograph = photograph_of(np.full((512, 512, 3), 127, np.uint8))
    if refused:
        with pytest.raises(InputError, match=r"turned away by 7\d degrees") as error:
            align_photograph(photograph, points_px, template, None)
        assert_one_sentence(error.value)
        return
    with caplog.at_level(logging.WARNING):
        align_photograph(photograph, points_px, template, None)
    assert ("far side is guessed" in caplog.text) == (turn_deg > 40.0)


@pytest.mark.parametrize(
    ("picture", "warning"),
    [
        (lambda: small(60), "pixels tall: the portrait will be soft"),
        (lambda: astronaut().point(lambda value: value // 6), "dark: the portrait will be noisy"),
        (lambda: astronaut().point(lambda value: min(255, 30 + 3 * value // 2)), "overexposed"),
        (lambda: astronaut().rotate(90), "lies on its side: it was turned by 90 degrees clockwise"),
        (lambda: astronaut().rotate(180), "upside down: it was turned by 180 degrees"),
        (lambda: astronaut().rotate(20), ""),
        (astronaut, ""),
    ],
)
def test_poor_quality_is_said(picture: Callable[[], Picture], warning: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "portrait_manifolds"):
        aligned(picture())
    assert warning in caplog.text
    assert warning or not caplog.text


def assert_one_sentence(error: InputError) -> None:
    """It names its fix after a colon."""
    text = str(error)
    assert "\n" not in text and text.endswith(".") and text.count(". ") == 0 and ": " in text
