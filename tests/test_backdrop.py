"""Where no person can be: on a ground of one colour, and where a file is clear."""

from pathlib import Path

import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image
from scipy import ndimage

from portrait_manifolds import reconstruct
from portrait_manifolds.backend.networks import inversion
from portrait_manifolds.backend.photo import backdrop
from portrait_manifolds.backend.photo.backdrop import where_person_can_be
from portrait_manifolds.backend.photo.photograph import Photograph, load_photograph, photograph_of

GREY, WHITE, BLACK, BLUE = (128, 128, 128), (255, 255, 255), (0, 0, 0), (110, 128, 148)
SIDE_PX, HEAD, BODY = 120, (slice(30, 80), slice(40, 80)), (slice(80, 120), slice(20, 100))
HOLE = (slice(50, 60), slice(55, 65))


def figure(ground: tuple[int, int, int], body: bool = False) -> np.ndarray:
    """A noisy head on a ground of one colour, which is in a hole of it, too; with a body down to the border."""
    rgb = np.full((SIDE_PX, SIDE_PX, 3), ground, np.uint8)
    noise = np.random.default_rng(0).integers(60, 200, rgb.shape, dtype=np.uint8)
    for part in (HEAD, BODY) if body else (HEAD,):
        rgb[part] = noise[part]
    rgb[HOLE] = ground
    return rgb


@pytest.mark.parametrize("ground", [GREY, WHITE, BLACK, BLUE])
def test_a_ground_of_one_colour_shows_no_person(ground: tuple[int, int, int]) -> None:
    found = where_person_can_be(photograph_of(figure(ground)))
    person = np.zeros((SIDE_PX, SIDE_PX), bool)
    person[HEAD] = True
    person = ndimage.binary_dilation(person)  # an outline may lie in one pixel more
    assert found is not None and np.array_equal(found == 255, person) and np.array_equal(found == 0, ~person)


@pytest.mark.parametrize("level", [0, 16, 128, 245, 255])
def test_clothes_may_be_as_light_or_as_dark_as_a_ground(level: int) -> None:
    """What reaches the border below may go on in them; noise that clips is as flat."""
    rgb = figure((level, level, level), body=True).astype(int)
    rgb[BODY] = level + np.random.default_rng(2).integers(-3, 4, rgb[BODY].shape)
    assert where_person_can_be(photograph_of(np.clip(rgb, 0, 255).astype(np.uint8))) is None


@pytest.mark.parametrize(("ground", "told"), [(GREY, True), (BLUE, True), (WHITE, False), (BLACK, False)])
def test_a_neck_may_reach_the_border_before_a_ground_in_between(ground: tuple[int, int, int], told: bool) -> None:
    rgb = figure(ground)
    rgb[HEAD[0].stop :, 50:70] = rgb[HEAD][:40, 10:30]
    assert (where_person_can_be(photograph_of(rgb)) is not None) == told


def test_a_photograph_has_no_such_ground() -> None:
    noisy = figure(GREY).astype(int) + np.random.default_rng(1).integers(-8, 9, (SIDE_PX, SIDE_PX, 3))
    assert where_person_can_be(photograph_of(noisy.astype(np.uint8))) is None


def test_a_large_picture_is_looked_at_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = where_person_can_be(photograph_of(figure(BLUE)))
    monkeypatch.setattr(backdrop, "MOST_PX", 50)
    coarse = where_person_can_be(photograph_of(figure(BLUE)))
    assert whole is not None and coarse is not None and coarse.shape == whole.shape
    assert (coarse[HEAD] == 255).all() and (coarse != whole).mean() < 0.12


def test_where_a_file_is_clear_is_no_person(tmp_path: Path) -> None:
    opacity = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    opacity[HEAD], opacity[HOLE] = 200, 80
    rgba = np.dstack([np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8), opacity])
    Image.fromarray(rgba).save(tmp_path / "clear.png")
    rgba[..., 3] = 255
    Image.fromarray(rgba).save(tmp_path / "opaque.png")
    read = load_photograph(tmp_path / "clear.png")
    assert read.opacity is not None and set(np.unique(read.opacity)) == {0, 102, 255}  # over its greatest value
    assert np.array_equal(read.opacity == 255, opacity == 200)
    noisy = Photograph(rgba[..., :3], "", None, opacity)
    found = where_person_can_be(noisy)
    assert found is not None and np.array_equal(found, opacity)
    assert load_photograph(tmp_path / "opaque.png").opacity is None
    rgba[..., 3] = 120  # no more of it is clear than all of it
    Image.fromarray(rgba).save(tmp_path / "veiled.png")
    assert load_photograph(tmp_path / "veiled.png").opacity is None


@needs_weights
@pytest.mark.parametrize("clear", [False, True])
def test_a_head_that_ends_at_the_neck_gets_no_body(
    clear: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pytest.importorskip("skimage.data")
    whole = reconstruct(data.astronaut(), texture_size=256)
    rgba, _ = whole.render(whole.input_camera, 2)
    chin_px = int(whole.input_camera.project(np.array([[0.0, -0.12, 0.05]]))[0][0, 1])
    rgba[chin_px:, :, 3] = 0.0
    ground = np.array(WHITE if clear else BLUE) / 255.0
    picture = np.rint(255.0 * (rgba[..., :3] * rgba[..., 3:] + ground * (1.0 - rgba[..., 3:]))).astype(np.uint8)
    if clear:
        picture = np.dstack([picture, np.rint(255.0 * rgba[..., 3]).astype(np.uint8)])
    Image.fromarray(picture).save(tmp_path / "head.png")
    told: list[np.ndarray] = []
    as_input = inversion.as_input
    monkeypatch.setattr(inversion, "as_input", lambda crop, person: told.append(person) or as_input(crop, person))
    head = reconstruct(tmp_path / "head.png", texture_size=256)
    assert told[0][:128].max() > 0.9 and told[0][-16:].max() == 0.0  # nor do the networks hear of one
    drawn, _ = head.render(head.input_camera, 2)
    assert drawn[chin_px + 20 :, :, 3].max() < 0.1
    both, either = np.minimum(drawn[..., 3], rgba[..., 3]).sum(), np.maximum(drawn[..., 3], rgba[..., 3]).sum()
    assert both / either > 0.9
