"""Paint over the input view, carried into the portrait; and the textures matched to the photograph."""

import logging
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image
from scipy import ndimage

from portrait_manifolds.backend import edit as editing
from portrait_manifolds.backend import progress
from portrait_manifolds.backend.edit import edit, load_painted, reshape
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.made.made_portrait import made_portrait
from portrait_manifolds.backend.networks.weights import load_weights
from portrait_manifolds.backend.photo.input_view import InputView
from portrait_manifolds.backend.photo.matting import Foreground
from portrait_manifolds.backend.photo.photograph import Photograph, photograph_of
from portrait_manifolds.backend.photo.sitter import align_photograph, find_face
from portrait_manifolds.backend.portrait import Crop, Portrait
from portrait_manifolds.backend.refine import refine

PAINT = (0.1, 0.2, 0.9)


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    made = made_portrait(texture_size=128)
    return replace(made, input_camera=made.camera(160, 160))


@pytest.fixture(scope="module")
def view(portrait: Portrait) -> np.ndarray:
    return np.rint(portrait.render(portrait.input_camera, 2)[0] * 255.0) / 255.0


def cheek(size: int = 160, radius: float = 0.05) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] + 0.5
    return np.hypot(x - 0.56 * size, y - 0.55 * size) < radius * size


def test_a_view_that_is_not_painted_on_changes_nothing(portrait: Portrait, view: np.ndarray) -> None:
    assert np.array_equal(edit(portrait, view).textures, portrait.textures)


@pytest.mark.parametrize("channels", [3, 4])
def test_paint_is_seen_from_every_view_and_the_rest_stays(portrait: Portrait, view: np.ndarray, channels: int) -> None:
    spot = cheek()
    painted = view[..., :channels].copy()
    painted[spot, :3] = PAINT
    edited = edit(portrait, painted)
    after = edited.render(portrait.input_camera, 2)[0]
    inner, far = cheek(radius=0.03), ~cheek(radius=0.08) & (after[..., 3] > 0.99)
    assert np.abs(after[inner, :3] - PAINT).mean() < 0.02
    assert np.abs(after - view)[far].max() <= 1.5 / 255.0
    for yaw in (-25.0, 25.0):
        camera = portrait.input_camera.orbited(yaw)
        turned = edited.render(camera)[0]
        blue = (np.abs(turned[..., :3] - PAINT).max(-1) < 0.12) & (turned[..., 3] > 0.9)
        assert 0.5 * inner.sum() < blue.sum() < 1.5 * spot.sum()


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda view: np.rint(view * 255.0).astype(np.uint8),
        lambda view: view * 255.0,
        lambda view: view * np.nan,
        lambda view: view[..., 0],
        lambda view: view[..., :1],
        lambda view: view[:0],
    ],
    ids=["bytes", "bytes as floats", "no numbers", "no channels", "one channel", "no rows"],
)
def test_what_is_no_picture_in_0_to_1_is_refused(portrait: Portrait, view: np.ndarray, spoiled) -> None:  # type: ignore[no-untyped-def]
    for change in (edit, reshape):
        with pytest.raises(InputError, match=r"in 0\.\.1"):
            change(portrait, spoiled(view))


def test_what_is_erased_is_clear_however_deep(portrait: Portrait, view: np.ndarray) -> None:
    painted = view.copy()
    painted[:40, :, 3] = 0.0
    after = edit(portrait, painted).render(portrait.input_camera, 2)[0]
    assert after[:36, :, 3].max() < 0.05
    assert np.abs(after[48:] - view[48:])[view[48:, :, 3] > 0.99].max() <= 1.5 / 255.0


def test_paint_beside_the_person_is_left_out_and_said(
    portrait: Portrait, view: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    painted = view.copy()
    painted[:4, :4] = (1.0, 0.0, 0.0, 1.0)
    with caplog.at_level(logging.WARNING):
        edited = edit(portrait, painted)
    assert np.array_equal(edited.textures, portrait.textures)
    assert "16 painted pixels lie beside the person" in caplog.text


@needs_weights
def test_reshaping_takes_a_hat_and_leaves_out_what_is_erased(portrait: Portrait) -> None:
    photo = photograph_of(np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()))
    found = align_photograph(photo, find_face(photo), load_weights().template, None)
    portrait = replace(portrait, input_camera=found.camera, crop=Crop(found.crop_to_photo))
    y, x = np.mgrid[0:512, 0:512] + 0.5
    painted = np.dstack([photo.rgb / 255.0, np.ones((512, 512))]).astype(np.float32)
    painted[(np.abs(x - 222) < 58) & (np.abs(y - 36) < 30)] = (0.6, 0.1, 0.1, 1.0)
    painted[x < 185, 3] = 0.0  # cuts through the hair
    after, _ = reshape(portrait, painted).render(portrait.input_camera)
    hat = (slice(14, 56), slice(190, 270))
    assert after[hat][..., 3].mean() > 0.9
    assert np.abs(after[hat] - painted[hat])[..., :3].mean() < 0.05
    assert after[100:300, :180, 3].mean() < 0.05
    assert after[95:150, 200:250, 3].min() > 0.9  # the face is where the old camera sees it
    with pytest.raises(InputError, match="keep its shape"):
        reshape(portrait, painted[:300])


@pytest.mark.parametrize(
    ("size", "filter_name"),
    [*product((320, 200, 128), ("BILINEAR", "BICUBIC", "LANCZOS")), (80, "BICUBIC"), (80, "LANCZOS")],
)
def test_another_size_is_taken_and_what_is_not_painted_on_stays(
    portrait: Portrait, view: np.ndarray, size: int, filter_name: str
) -> None:
    image = Image.fromarray(np.rint(view * 255.0).astype(np.uint8))
    scaled = np.asarray(image.resize((size, size), Image.Resampling[filter_name]), np.float32) / 255.0
    assert np.array_equal(edit(portrait, scaled).textures, portrait.textures)
    scaled[cheek(size), :3] = PAINT
    after = edit(portrait, scaled).render(portrait.input_camera, 2)[0]
    assert np.abs(after[88, 89, :3] - PAINT).max() < 0.1
    assert np.abs(after - view)[~cheek(radius=0.1)].max() <= 1.5 / 255.0


def test_another_shape_is_refused(portrait: Portrait, view: np.ndarray) -> None:
    with pytest.raises(InputError, match="keep its shape"):
        edit(portrait, view[:100])


def test_a_picture_laid_over_white_leaves_soft_edges_as_they_are(portrait: Portrait, view: np.ndarray) -> None:
    flat = view[..., :3] * view[..., 3:] + (1.0 - view[..., 3:])
    flat[cheek()] = PAINT
    after = edit(portrait, flat).render(portrait.input_camera, 2)[0]
    assert np.abs(after[88, 89, :3] - PAINT).max() < 0.1
    assert np.abs(after - view)[~cheek(radius=0.08)].max() <= 1.5 / 255.0


def test_pictures_are_read_as_photographs_are(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_allclose(load_painted(tmp_path / "grey.png")[..., 0], grey / 65535.0, atol=0.003)
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 4), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6  # Orientation: to be turned clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=turned)
    np.testing.assert_array_equal(load_painted(tmp_path / "turned.png"), np.rot90(pixels, -1) / np.float32(255.0))
    clear = Image.fromarray(pixels[..., :3]).quantize(16)
    clear.save(tmp_path / "clear.png", transparency=3)
    opacity = load_painted(tmp_path / "clear.png")[..., 3]
    np.testing.assert_array_equal(opacity, np.asarray(clear) != 3)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Gemälde 1.png"
    path.write_text("no picture")
    with pytest.raises(InputError, match="as a picture"):
        load_painted(path)


def test_refinement_brings_the_photo_nearer_and_keeps_what_it_does_not_show(portrait: Portrait) -> None:
    view, truth = input_view_of(portrait)
    blurred = portrait.textures.copy()
    for shift in (1, 2, 3):
        blurred[..., :3] = (blurred[..., :3].astype(int) + np.roll(blurred[..., :3], shift, axis=2)) // 2
    before = replace(portrait, textures=blurred)
    everywhere = np.ones(before.textures.shape[1:3], np.float32)
    after = refine(before, view, 4, everywhere)
    solid = ndimage.binary_erosion(truth[..., 3] > 0.999, iterations=4)

    def error(one: Portrait) -> float:
        return float(np.abs(one.render(portrait.input_camera, 2)[0] - truth)[solid, :3].mean())

    assert error(after) < 0.5 * error(before)
    assert np.array_equal(after.textures[..., 3], before.textures[..., 3])
    behind = portrait.input_camera.orbited(180.0)
    seen = np.abs(after.render(behind)[0] - before.render(behind)[0])
    assert float(np.percentile(seen[..., :3], 90)) < 1.5 / 255.0
    assert refine(before, view, 0, everywhere) is before
    assert np.array_equal(refine(before, view, 4, 0.0 * everywhere).textures, before.textures)


def test_the_necks_sheet_takes_nothing_of_what_is_before_it(portrait: Portrait) -> None:
    view, _ = input_view_of(portrait)
    seen_through = portrait.textures // 2
    seen_through[0] = 255 - seen_through[portrait.manifolds.sheets // 2]
    seen_through[0, ..., 3] = 255
    before = replace(portrait, textures=seen_through)
    after = refine(before, view, 2, np.ones(before.textures.shape[1:3], np.float32))
    assert np.array_equal(after.textures[0], before.textures[0])
    assert not np.array_equal(after.textures[1:], before.textures[1:])


def input_view_of(portrait: Portrait) -> tuple[InputView, np.ndarray]:
    """What its input camera sees, as a photograph, and as RGBA [H, W, 4]."""
    truth = portrait.render(portrait.input_camera, 2)[0]
    foreground = Foreground(truth[..., 3], truth[..., :3])
    picture = np.rint(truth[..., :3] * 255.0).astype(np.uint8)
    return InputView(portrait.input_camera, picture, np.ones(truth.shape[:2], bool), foreground), truth


def test_progress_of_an_edit_never_goes_back(portrait: Portrait, view: np.ndarray) -> None:
    painted = view.copy()
    painted[cheek(), :3] = PAINT
    heard: list[float] = []
    with progress.listening(lambda fraction, stage: heard.append(fraction)):
        edit(portrait, painted)
    assert heard == sorted(heard) and len(heard) > 3 and heard[-1] < 1.0


@needs_weights
@pytest.mark.parametrize("channels", [3, 4])
def test_reshaping_says_where_the_painted_picture_is_clear(
    portrait: Portrait, view: np.ndarray, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Photograph] = []
    monkeypatch.setattr(editing, "aligned_portrait", lambda photograph, *rest: told.append(photograph) or portrait)
    reshape(portrait, view[..., :channels])
    if channels == 3:
        assert told[0].opacity is None
    else:
        np.testing.assert_array_equal(told[0].opacity, np.rint(255.0 * view[..., 3]))
