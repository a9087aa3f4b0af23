"""From a photograph to a portrait: formats, faces that cannot be used, alignment, and the whole way."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import needs_weights
from PIL import Image

from portrait_manifolds import reconstruct
from portrait_manifolds.backend import progress
from portrait_manifolds.backend.batch.settings import Settings
from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.conventions import PHOTO_SUFFIXES, WIDE_HALF_EXTENT
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.networks.weights import load_weights
from portrait_manifolds.backend.photo import input_view, matting, sitter
from portrait_manifolds.backend.photo.input_view import ViewTensors
from portrait_manifolds.backend.photo.landmarks import LandmarkDetector
from portrait_manifolds.backend.photo.matting import Foreground
from portrait_manifolds.backend.photo.photograph import load_photograph, photograph_of
from portrait_manifolds.backend.photo.sitter import align_photograph, find_face
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.reconstruct import aligned_portrait, choose_device
from portrait_manifolds.backend.shape import head, neck_column, relief
from portrait_manifolds.backend.shape.neck import OFFSET_M


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="module")
def portrait(astronaut: np.ndarray) -> Portrait:
    return reconstruct(astronaut, texture_size=256)


def gradient() -> np.ndarray:
    y, x = np.mgrid[0:60, 0:80]
    return np.stack([x * 3, y * 4, x + y], -1).astype(np.uint8)


@pytest.mark.parametrize("suffix", PHOTO_SUFFIXES)
def test_what_is_taken_for_a_photograph_by_its_name_can_be_read(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(gradient()).save(tmp_path / f"photo{suffix}")
    read = load_photograph(tmp_path / f"photo{suffix}").rgb
    assert np.abs(read.astype(int) - gradient()).mean() < 8.0


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P", "I;16"])
def test_every_kind_of_picture_becomes_eight_bit_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "photo.tif"
    if mode == "I;16":
        Image.fromarray(gradient()[..., 0].astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(gradient()).convert(mode).save(path)
    photo = load_photograph(path)
    assert photo.rgb.shape == (60, 80, 3) and photo.rgb.dtype == np.uint8
    if mode in ("RGB", "RGBA"):
        assert np.array_equal(photo.rgb, gradient())
    if mode == "I;16":
        assert np.array_equal(photo.rgb[..., 1], gradient()[..., 0])


def test_a_turned_photograph_is_set_upright_and_its_lens_read(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif.get_ifd(0x8769)[0xA405] = 50  # 35 mm equivalent focal length
    Image.fromarray(gradient()).save(tmp_path / "photo.jpg", exif=exif)
    photo = load_photograph(tmp_path / "photo.jpg")
    assert photo.size_px == (60, 80)
    assert photo.fov_deg == pytest.approx(2 * np.degrees(np.arctan(0.5 * 43.267 * 0.8 / 50)), abs=0.01)


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture_gives_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        load_photograph(tmp_path / "photo.png")


def test_bad_input_names_its_fix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        load_photograph(tmp_path / "missing.jpg")
    with pytest.raises(InputError, match="at least 48"):
        photograph_of(np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InputError, match="512"):
        reconstruct(gradient(), texture_size=500)
    with pytest.raises(InputError, match="No face"):
        reconstruct(np.full((200, 200, 3), 127, np.uint8))


def test_devices_go_by_torchs_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    named = {"auto": "cuda", "cpu": "cpu", "cuda": "cuda", "cuda:0": "cuda", "cuda:1": "cuda:1"}
    assert {name: choose_device(name) for name in named} == named
    with pytest.raises(InputError, match="no cuda:2 here: use cuda:0 to cuda:1"):
        choose_device("cuda:2")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(InputError, match="use --device cpu"):
        choose_device("cuda:0")


@pytest.mark.parametrize("name", ["gpu", "CPU", "cuda:", "cuda:-1", "mps", ""])
def test_a_device_that_no_one_knows_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no device '{name}': use auto, cpu, cuda"):
        reconstruct(tmp_path / "not there.jpg", device=name)
    with pytest.raises(InputError, match="no device"):
        Settings(device=name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"refine_steps": 1.5}, "1.5 steps"), ({"texture_size": 512.0}, "512.0 texels"), ({"face": 1.5}, "no face 1.5")],
)
def test_choices_are_refused_before_any_work(wrong: dict, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitter, "LandmarkDetector", None)
    with pytest.raises(InputError, match=message):
        reconstruct(np.zeros((300, 300, 3), np.uint8), **wrong)


@needs_weights
def test_the_face_gets_relief(astronaut: np.ndarray, portrait: Portrait, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relief, "RELIEF", 0.0)
    flat = reconstruct(astronaut, texture_size=256).manifolds.displacement_m
    middle = (slice(31, 33), slice(31, 33))  # about the nose
    assert 0.002 < (portrait.manifolds.displacement_m - flat)[middle].mean() < 0.01  # metres


@needs_weights
def test_the_neck_is_no_wider_than_the_segmentation_allows(
    astronaut: np.ndarray, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neck_column, "POSSIBLE", 2.0)  # there is no person at all
    thin = reconstruct(astronaut, texture_size=256)
    wide_m, thin_m = (x.total_radius_m() + x.offsets_m[0] * x.spread for x in (portrait.manifolds, thin.manifolds))
    assert (wide_m - thin_m).max() > 0.02


@needs_weights
def test_the_person_is_what_the_mirrored_photograph_shows_too(
    astronaut: np.ndarray, portrait: Portrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left_part(detector: LandmarkDetector, photo: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        return np.repeat(np.arange(width)[None] < 0.56 * width, height, 0).astype(np.float32)

    monkeypatch.setattr(LandmarkDetector, "mirrored_person", left_part)
    less = reconstruct(astronaut, texture_size=256)
    before, after = (x.render(x.camera(64, 64))[0][:40, :, 3] for x in (portrait, less))
    assert np.abs(after - before)[:, :32].mean() < 0.05
    assert after[:, 40:].sum() < 0.3 * before[:, 40:].sum()


@needs_weights
def test_a_face_that_estimates_see_half_of_is_whole(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half in the dark, which no look at the photograph takes for the person."""
    face_px = find_face(photograph_of(astronaut))
    middle_px, right_px = (int(x) for x in (face_px[:, 0].mean(), np.quantile(face_px[:, 0], 0.8)))
    rows = slice(*np.quantile(face_px[:, 1], (0.3, 0.8)).astype(int))
    cheek = (rows, slice(middle_px, right_px))
    dark = astronaut.copy()
    dark[:, middle_px:] = dark[:, middle_px:] // 12
    monkeypatch.setattr(LandmarkDetector, "person", lambda self, picture: (picture.max(-1) > 60).astype(np.float32))
    alignment = align_photograph(photograph_of(astronaut), face_px, load_weights("cpu").template, None)
    made = aligned_portrait(photograph_of(dark), alignment, 256, "cpu")
    assert made.render(made.input_camera)[0][cheek][..., 3].min() > 0.9


@needs_weights
def test_the_neck_has_the_cut_out_person_s_colours(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    red = torch.tensor([1.0, 0.0, 0.0, 1.0])
    monkeypatch.setattr(ViewTensors, "person", lambda view: red[:, None, None].expand(4, *view.opacity.shape))
    innermost = reconstruct(astronaut, texture_size=256).textures[0]
    assert (innermost[..., :3] == (255, 0, 0)).all(-1).mean() > 0.02


def test_the_astronaut_lies_on_the_photograph(astronaut: np.ndarray, portrait: Portrait) -> None:
    rgba, depth = portrait.render(portrait.input_camera)
    assert rgba.shape == (512, 512, 4)
    face = (slice(95, 150), slice(200, 250))
    assert rgba[face][..., 3].min() > 0.9
    error = rgba[face][..., :3] - astronaut[face] / 255.0
    assert -10 * np.log10((error**2).mean()) > 26.0
    assert rgba[:60, :100, 3].mean() < 0.2  # the wall behind
    assert np.ptp(depth[face]) < 0.15


@needs_weights
def test_the_astronaut_has_a_neck(portrait: Portrait) -> None:
    assert portrait.manifolds.offsets_m[0] == pytest.approx(OFFSET_M)
    camera = portrait.camera(256, 256)
    for yaw_deg in (-35.0, 35.0):
        view = camera.orbited(yaw_deg)
        (column, row), _ = view.project(np.array([0.0, -0.09, -0.02]))  # within the neck
        rgba, _ = portrait.render(view)
        assert rgba[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3, 3].min() > 0.9


@needs_weights
def test_a_crown_that_the_border_cuts_off_is_made_up(astronaut: np.ndarray, portrait: Portrait) -> None:
    """As large as it is, not a rim that fades out."""
    cut_px = 32
    cut = reconstruct(astronaut[cut_px:], texture_size=256)
    height_px, width_px = astronaut.shape[:2]
    rgba, _ = cut.render(cut.input_camera.part(0, -cut_px, width_px, height_px))
    made, true = rgba[:cut_px, :, 3] > 0.5, portrait.render(portrait.input_camera)[0][:cut_px, :, 3] > 0.5
    assert true.sum() > 800 and (made & true).sum() > 0.85 * true.sum() and made.sum() < 2.0 * true.sum()


@needs_weights
def test_what_lies_below_the_networks_crop_has_the_photographs_colour(
    astronaut: np.ndarray, portrait: Portrait
) -> None:
    rgba, _ = portrait.render(portrait.input_camera)
    bottom = float(portrait.crop.to_photo[1, 2] + np.abs(portrait.crop.to_photo[1, :2]).sum())
    collar = (slice(int(bottom) + 4, int(bottom) + 24), slice(190, 260))
    assert rgba[collar][..., 3].min() > 0.9
    assert np.abs(rgba[collar][..., :3] - astronaut[collar] / 255.0).mean() < 0.08


@needs_weights
def test_heads_are_laid_by_what_textures_are_cut_by(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands out of that would be cut sheet by sheet."""
    laid_by: list[np.ndarray] = []

    def left_half(*arguments: np.ndarray) -> Foreground:
        found = matting.cut_out(*arguments)
        opacity = found.opacity.copy()
        opacity[:, len(opacity) // 2 :] = 0.0
        return Foreground(opacity, found.rgb)

    def kept(painting: PaintedSheets, camera: Camera, landmarks_px: np.ndarray, *masks: np.ndarray) -> Any:
        laid_by.append(masks[-1])
        return with_head(painting, camera, landmarks_px, *masks)

    with_head = head.with_head
    monkeypatch.setattr(input_view, "cut_out", left_half)
    monkeypatch.setattr(head, "with_head", kept)
    reconstruct(astronaut, texture_size=256)
    (person,) = laid_by
    left, right = np.split(person, 2, axis=1)
    assert left.max() > 0.9 and right[:, 2:].max() == 0.0


@needs_weights
def test_a_turned_head_is_whole(portrait: Portrait) -> None:
    for yaw in (-30.0, 30.0):
        rgba, _ = portrait.render(portrait.camera(128, 128).orbited(yaw))
        assert rgba[50:80, 54:74, 3].min() > 0.8


@needs_weights
def test_the_head_goes_on_behind_the_ears(portrait: Portrait) -> None:
    assert portrait.manifolds.half_extent == WIDE_HALF_EXTENT
    for side in (-1.0, 1.0):
        azimuth = np.radians(125.0)
        behind_ear = 0.07 * np.array([side * np.sin(azimuth), 0.0, np.cos(azimuth)])  # within a head of 8 cm and more
        view = portrait.camera(256, 256).orbited(side * 45.0)
        (column, row), _ = view.project(behind_ear)
        rgba, _ = portrait.render(view)
        assert rgba[int(row) - 2 : int(row) + 3, int(column) - 2 : int(column) + 3, 3].min() > 0.9


@needs_weights
def test_faces_are_counted_from_the_largest(astronaut: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    head = astronaut[:230, 120:350]
    two = np.concatenate([head, head[:, ::-1]], axis=1)
    with pytest.raises(InputError, match="no face 5"):
        reconstruct(two, texture_size=256, face=5)
    with pytest.raises(InputError, match=r"only 1 found: choose 1\.$"):
        reconstruct(head, texture_size=256, face=2)
    assert reconstruct(two, texture_size=256, face=1).input_camera.width_px == 460
    assert "2 faces" in caplog.text


@needs_weights
def test_the_command_writes_a_portrait(tmp_path: Path, astronaut: np.ndarray) -> None:
    Image.fromarray(astronaut).save(tmp_path / "photo.png")
    command = [sys.executable, "-m", "portrait_manifolds.backend", "reconstruct", "photo.png"]
    subprocess.run([*command, "-o", "head.portrait", "--texture-size", "256"], cwd=tmp_path, check=True)
    portrait = Portrait.load(tmp_path / "head.portrait")
    assert portrait.texture_size == 256 and len(portrait.photo_sha256) == 64 and portrait.weights_id
    failed = subprocess.run([*command, "-o", "head.glb"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 2 and ".portrait" in failed.stderr


@needs_weights
def test_progress_never_goes_back(astronaut: np.ndarray) -> None:
    heard: list[tuple[float, str]] = []
    with progress.listening(lambda fraction, stage: heard.append((fraction, stage))):
        reconstruct(astronaut, texture_size=256, refine_steps=4)
    fractions = [fraction for fraction, _ in heard]
    assert fractions == sorted(fractions) and fractions[0] > 0.0 and fractions[-1] < 1.0
    assert sum(stage == "sharpening" for _, stage in heard) >= 4
