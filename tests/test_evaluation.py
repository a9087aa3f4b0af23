"""The measures themselves, on pictures and points whose truth is known."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend.alignment import LandmarkTemplate, rotation_matrix
from portrait_manifolds.backend.camera import Camera, load_cameras, look_at
from portrait_manifolds.backend.cli.evaluate import Evaluate
from portrait_manifolds.backend.edit import load_painted
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.evaluation.multiview import (
    cameras_about_head,
    depth_about_head,
    drawn_figures,
    load_depth,
    on_face,
    subject_folders,
    view_figures,
)
from portrait_manifolds.backend.evaluation.page import COLUMNS, MAX_SHEET_BYTES, save_page, save_sheet
from portrait_manifolds.backend.evaluation.photos import Evaluated, photo_paths
from portrait_manifolds.backend.evaluation.pictures import hole_share, laplacian_energy, medians, picture_figures
from portrait_manifolds.backend.evaluation.pose import seen_turn_deg
from portrait_manifolds.backend.networks.weights import FOLDER, MANIFEST
from portrait_manifolds.backend.outputs.png import to_bytes
from portrait_manifolds.backend.photograph import load_photograph
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.training.examples import pack, save_shard
from portrait_manifolds.backend.training.export_views import TrainExportViews


@pytest.mark.parametrize("yaw, pitch", [(30.0, 0.0), (-15.0, 0.0), (0.0, 15.0), (0.0, -20.0)])
def test_a_turn_is_seen_with_its_sign(yaw: float, pitch: float) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(478, 3)) * (0.06, 0.08, 0.03)
    template = LandmarkTemplate(points, rng.uniform(0.1, 1.0, 478))
    camera = Camera(np.eye(4), 500.0, 500.0, 128.0, 128.0, 256, 256)
    pose = camera.camera_to_world.copy()
    pose[2, 3] = 1.0
    camera = Camera(pose, 500.0, 500.0, 128.0, 128.0, 256, 256)

    def seen(one: Camera) -> np.ndarray:
        """From very far: pixels, z towards the viewer."""
        local = points @ one.camera_to_world[:3, :3]
        return np.asarray(700.0 * local * (1.0, -1.0, 1.0) + 128.0)

    assert seen_turn_deg(seen(camera), seen(camera.orbited(yaw, pitch)), template) == pytest.approx(
        (yaw, pitch), abs=1e-6
    )


def test_true_cameras_of_another_space_see_the_same_from_the_estimate(small_head: Portrait) -> None:
    ours = small_head.camera(96, 96)
    views = [ours, ours.orbited(25.0), ours.orbited(0.0, 15.0)]
    spin = rotation_matrix(np.array([0.2, 0.7, -0.1]))
    theirs = []
    for view in views:  # turned, and in centimetres
        pose = np.eye(4)
        pose[:3, :3] = spin @ view.camera_to_world[:3, :3]
        pose[:3, 3] = 100.0 * spin @ view.position_m
        theirs.append(Camera(pose, view.fx_px, view.fy_px, view.cx_px, view.cy_px, 96, 96))
    for view, back in zip(views, cameras_about_head(theirs, ours), strict=True):
        assert np.allclose(back.camera_to_world, view.camera_to_world, atol=1e-9)
    with pytest.raises(InputError, match="input picture is 48 x 48, its camera 96 x 96"):
        cameras_about_head(theirs, ours.resized(48, 48))
    rgba, depth_m = small_head.render(views[1])
    theirs_cm = 100.0 * np.where(np.isfinite(depth_m), depth_m, 0.0)
    assert np.allclose(depth_about_head(theirs_cm, theirs[1], theirs[0], ours), theirs_cm / 100.0, atol=1e-6)
    true_depth_m = np.where(np.isfinite(depth_m), depth_m, 0.0)
    figures = drawn_figures(views[1], rgba, depth_m, rgba, true_depth_m)
    assert figures["opacity_iou"] == 1.0 and figures["novel_psnr_db"] > 90 and figures["depth_error_mm"] == 0.0
    face = on_face(views[1], true_depth_m) & (true_depth_m > 0)
    assert 0.1 < face.sum() / (true_depth_m > 0).sum() < 0.8
    figures = drawn_figures(views[1], rgba, depth_m + 0.003 * face, rgba, true_depth_m)
    assert figures["face_depth_error_mm"] == pytest.approx(3.0, abs=1e-3)


def test_another_lens_leaves_the_heads_depth(small_head: Portrait) -> None:
    near = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=96, height_px=96)
    far = look_at((0.0, 0.0, 1.1), width_px=96, height_px=96)
    far = replace(far, fx_px=1.1 * near.fx_px, fy_px=1.1 * near.fy_px)
    depth = np.array([[0.0, 0.9, 1.0, 1.05]])
    assert np.allclose(depth_about_head(depth, near, near, far), [[0.0, 1.0, 1.1, 1.15]])


def test_holes_and_bands_are_counted_inside_only() -> None:
    y, x = np.mgrid[0:100, 0:100]
    opacity = (np.hypot(x - 50, y - 50) < 40).astype(float)
    assert hole_share(opacity) == 0.0
    opacity[45:55, 45:55] = 0.0
    assert hole_share(opacity) == pytest.approx(100 / (np.pi * 38**2), rel=0.03)
    smooth = np.repeat((x / 100.0)[..., None], 3, -1)
    banded = smooth + 0.05 * (x // 4 % 2)[..., None]
    mask = np.hypot(x - 50, y - 50) < 30
    assert laplacian_energy(banded, mask) > 100 * laplacian_energy(smooth, mask)


def test_likeness_and_medians_of_what_is_there() -> None:
    truth = np.random.default_rng(1).uniform(size=(32, 32, 3))
    half = np.zeros((32, 32), bool)
    half[:, :16] = True
    other = truth.copy()
    other[:, 20:] = 0.0
    assert picture_figures(other, truth, half)["psnr_db"] == 100.0
    assert picture_figures(other, truth, ~half)["psnr_db"] < 10.0
    assert medians([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0, "b": 2.0}


def test_page_and_sheet_show_every_photograph(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pictures = {name: rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for name in COLUMNS}
    evaluated = [Evaluated(f"<p>{i}.jpg", {"ssim": 0.1 * i, "psnr_db": 30.0}, pictures) for i in range(3)]
    save_page(tmp_path / "page", evaluated, {"ssim": 0.1})
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 3 * len(COLUMNS) and "<p>0" not in page
    assert len(list((tmp_path / "page").glob("*.jpg"))) == 3 * len(COLUMNS)
    save_sheet(tmp_path / "sheet.jpg", evaluated)
    assert 0 < (tmp_path / "sheet.jpg").stat().st_size <= MAX_SHEET_BYTES


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no picture"):
        photo_paths(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        photo_paths(tmp_path / "missing")


def test_exported_subjects_are_read_back_as_they_were(tmp_path: Path, small_head: Portrait) -> None:
    cameras = [small_head.camera(48, 48).orbited(yaw) for yaw in (0.0, 25.0)]
    drawn = [small_head.render(camera) for camera in cameras]
    rgba = [to_bytes(picture) for picture, _ in drawn]
    depths_m = [depth_m for _, depth_m in drawn]
    example = pack(rgba[0][..., :3], drawn[0][0][..., 3], rgba, depths_m, cameras, np.zeros((4, 4)))
    cache, output = tmp_path / "cache", tmp_path / "views"
    cache.mkdir()
    with pytest.raises(InputError, match="holds no test subjects"):
        TrainExportViews(cache, output).run()
    save_shard(cache / "test-01-00000.safetensors", [example])
    TrainExportViews(cache, output).run()
    (folder,) = subject_folders(output)
    assert load_cameras(folder / "cameras.json") == cameras
    depth_m = load_depth(folder / "depth_01.png")
    figures = view_figures(small_head, cameras[1], load_painted(folder / "view_01.png"), depth_m)
    assert figures["opacity_iou"] > 0.95 and figures["depth_error_mm"] < 1.0
    assert np.array_equal(load_photograph(folder / "input.png").rgb, rgba[0][..., :3])


def test_pictures_of_true_views_are_refused(tmp_path: Path) -> None:
    (tmp_path / "person").mkdir()
    (tmp_path / "person" / "cameras.json").write_text("[]")
    for wanted in ({"page": tmp_path / "page"}, {"sheet": tmp_path / "sheet.jpg"}):
        with pytest.raises(InputError, match="leave out --page and --sheet"):
            Evaluate(tmp_path, **wanted).run()


@pytest.mark.skipif(not (FOLDER / MANIFEST).is_file(), reason="the weights are not in this checkout")
def test_the_command_measures_a_photograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = pytest.importorskip("skimage.data").astronaut()[:230, 120:350]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")  # without a face: left out
    Evaluate(tmp_path, texture_size=256, page=tmp_path / "page", sheet=tmp_path / "sheet.jpg", json=True).run()
    figures = json.loads(capsys.readouterr().out)
    assert figures["photographs"] == 1
    assert figures["psnr_db"] > 22.0 and figures["ssim"] > 0.85 and figures["covered"] > 0.9
    assert figures["holes_15"] < 0.1 and 5.0 < figures["yaw_seen_15_deg"] < 25.0
    assert (tmp_path / "sheet.jpg").is_file()
    assert (tmp_path / "page" / "index.html").read_text(encoding="utf-8").count("<figure>") == len(COLUMNS)
