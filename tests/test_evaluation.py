"""The measures themselves, on pictures and points whose truth is known."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image
from scipy.spatial.transform import Rotation

from portrait_manifolds.backend.camera import Camera, load_cameras, look_at
from portrait_manifolds.backend.cli.evaluate import Evaluate
from portrait_manifolds.backend.conventions import srgb_to_linear
from portrait_manifolds.backend.edit import load_painted
from portrait_manifolds.backend.errors import InputError, WriteError
from portrait_manifolds.backend.evaluation import page, photos
from portrait_manifolds.backend.evaluation.groups import by_group, hair_length, read_groups, typology_angle_deg
from portrait_manifolds.backend.evaluation.multiview import (
    ViewFigures,
    by_angle,
    drawn_figures,
    load_depth,
    on_face,
    subject_folders,
    view_figures,
)
from portrait_manifolds.backend.evaluation.page import (
    COLUMNS,
    PAGE_TILE_PX,
    SHEET_TILES_PX,
    save_page,
    save_sheet,
)
from portrait_manifolds.backend.evaluation.photos import Evaluated, photo_paths
from portrait_manifolds.backend.evaluation.pictures import hole_share, laplacian_energy, medians, picture_figures
from portrait_manifolds.backend.evaluation.pose import seen_turn_deg
from portrait_manifolds.backend.evaluation.true_cameras import TrueCameras, load_turns, true_cameras, with_depth_seen
from portrait_manifolds.backend.evaluation.true_picture import true_picture
from portrait_manifolds.backend.networks import weights
from portrait_manifolds.backend.outputs.jpeg import MAX_BYTES
from portrait_manifolds.backend.outputs.png import to_bytes
from portrait_manifolds.backend.photo.alignment import LandmarkTemplate
from portrait_manifolds.backend.photo.landmarks import LandmarkDetector
from portrait_manifolds.backend.photo.photograph import load_photograph
from portrait_manifolds.backend.picture.compositing import over_light
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


def in_another_space(views: list[Camera], unit: float, origin_m: tuple[float, float, float]) -> list[Camera]:
    """The same cameras turned, in another unit, about another origin."""
    spin = Rotation.from_rotvec([0.2, 0.7, -0.1]).as_matrix()
    moved = []
    for view in views:
        pose = np.eye(4)
        pose[:3, :3] = spin @ view.camera_to_world[:3, :3]
        pose[:3, 3] = unit * spin @ (view.position_m - origin_m)
        moved.append(replace(view, camera_to_world=pose))
    return moved


def depth_of(camera: Camera, point_m: np.ndarray | tuple[float, float, float] = (0.0, 0.0, 0.0)) -> float:
    return float(camera.project(np.array(point_m))[1])


def test_true_cameras_of_another_space_see_the_same_from_the_estimate(small_head: Portrait) -> None:
    ours = small_head.camera(96, 96)
    views = [ours, ours.orbited(25.0), ours.orbited(0.0, 15.0)]
    origin_m = (0.0, 0.02, -0.05)
    true = TrueCameras(tuple(in_another_space(views, 100.0, origin_m)), ours, depth_of(ours, origin_m))
    assert true.scale == pytest.approx(0.01)
    for view, back in zip(views, true.in_portrait(), strict=True):
        assert np.allclose(back.camera_to_world, view.camera_to_world, atol=1e-9)
    rgba, depth_m = small_head.render(views[1])
    true_depth_m = np.where(np.isfinite(depth_m), depth_m, 0.0)
    assert np.allclose(true.depth_in_portrait(100.0 * true_depth_m, 1), true_depth_m, atol=1e-6)
    figures = drawn_figures(views[1], rgba, depth_m, rgba, true_depth_m)
    assert figures["opacity_iou"] == 1.0 and figures["novel_psnr_db"] > 90 and figures["depth_error_mm"] == 0.0
    face = on_face(views[1], true_depth_m) & (true_depth_m > 0)
    assert 0.1 < face.sum() / (true_depth_m > 0).sum() < 0.8
    figures = drawn_figures(views[1], rgba, depth_m + 0.003 * face, rgba, true_depth_m)
    assert figures["face_depth_error_mm"] == pytest.approx(3.0, abs=1e-3)


def test_the_optical_axis_may_lie_elsewhere_in_the_true_picture(small_head: Portrait) -> None:
    """The same place and picture, told as a camera that points 3 degrees higher with its head below the middle."""
    ours = small_head.camera(96, 96)
    tilt = np.eye(4)
    tilt[:3, :3] = Rotation.from_euler("x", 3.0, degrees=True).as_matrix()
    tilted = replace(ours, camera_to_world=ours.camera_to_world @ tilt)
    shift = ours.project(np.zeros(3))[0] - tilted.project(np.zeros(3))[0]
    tilted = replace(tilted, cx_px=tilted.cx_px + shift[0], cy_px=tilted.cy_px + shift[1])
    views = [tilted, tilted.orbited(20.0), tilted.orbited(-20.0, 10.0)]
    true = TrueCameras(tuple(views), ours, depth_of(ours))
    points_m = 0.1 * np.array([[0.0, 0.0, 1.0], [0.7, 0.0, 0.7], [-0.7, 0.0, 0.7], [0.0, 0.8, 0.6], [0.0, -0.8, 0.6]])
    for back, view in zip(true.in_portrait(), views, strict=True):
        assert np.allclose(back.position_m, view.position_m, atol=1e-6)
        assert np.abs(back.project(points_m)[0] - view.project(points_m)[0]).max() < 0.1  # pixels
    assert np.allclose(true.turns_deg(), [(0, 0), (20, 0), (-20, 10)], atol=0.05)


def test_the_depth_that_cameras_turn_about_is_seen_by_the_landmarks(small_head: Portrait) -> None:
    """A detector that sees the portrait's own surface points stands for MediaPipe."""
    ours = small_head.camera(128, 128)
    head = replace(small_head, input_camera=ours)
    rows, columns = np.mgrid[34:94:24j, 40:88:20j].reshape(2, -1)[:, :478]
    at = np.stack([columns, rows], -1).astype(int) + 0.5
    at = at[np.isfinite(head.render(ours)[1][rows.astype(int), columns.astype(int)])]
    at = np.resize(at, (478, 2))
    depth_m = head.render(ours)[1][at[:, 1].astype(int), at[:, 0].astype(int)]
    origin, directions = ours.rays()
    points_m = origin + directions[at[:, 1].astype(int), at[:, 0].astype(int)] * depth_m[:, None]
    views = [ours, ours.orbited(20.0), ours.orbited(-20.0)]

    class Detector:
        def __init__(self) -> None:
            self.views = iter(views)

        def faces(self, picture: np.ndarray) -> np.ndarray:
            return next(self.views).project(points_m)[0][None]

    origin_m = np.array([0.0, 0.0, -0.04])
    true = TrueCameras(tuple(in_another_space(views, 1000.0, (0.0, 0.0, -0.04))), ours, depth_of(ours))
    template = LandmarkTemplate(np.zeros((478, 3)), np.ones(478))
    pictures = 3 * [np.zeros((128, 128, 3), np.uint8)]
    seen = with_depth_seen(true, head, pictures, Detector(), template)
    assert depth_of(ours, origin_m) - depth_of(ours) > 0.03, "no test of the depth"
    assert seen.origin_depth_m == pytest.approx(depth_of(ours, origin_m), abs=1e-3)
    assert seen.turns_deg()[1][0] == pytest.approx(20.0, abs=0.1)  # about the head, not about their origin


def test_cameras_may_be_given_as_turns_only(tmp_path: Path, small_head: Portrait) -> None:
    ours = small_head.camera(96, 96)
    (tmp_path / "turns.json").write_text("[[10, 0], [-20, 0], [0, 15]]")
    true = true_cameras(tmp_path, ours)
    assert np.allclose(true.turns_deg(), [(0, 0), (10, 0), (-20, 0), (0, 15)], atol=1e-6)
    for camera, expected in zip(true.in_portrait(), [ours, ours.orbited(10.0)], strict=False):
        assert np.allclose(camera.camera_to_world, expected.camera_to_world, atol=1e-9)
    for wrong in ("[10, 20]", "{}", "[]", "[[1, NaN]]", "no"):
        (tmp_path / "turns.json").write_text(wrong)
        with pytest.raises(InputError, match=r"write \[\[yaw, pitch\]"):
            load_turns(tmp_path / "turns.json")
    (tmp_path / "cameras.json").write_text(json.dumps([ours.resized(48, 48).to_dict()]))
    with pytest.raises(InputError, match="input picture is 96 x 96, its camera 48 x 48"):
        true_cameras(tmp_path, ours)


def test_a_true_view_may_have_a_background(small_head: Portrait) -> None:
    camera = small_head.camera(96, 96)
    rgba = small_head.render(camera, 2)[0]
    colour = srgb_to_linear(np.array([0.2, 0.7, 0.3]))
    plain = over_light(rgba, colour)
    with LandmarkDetector(max_faces=1) as detector:
        truth = true_picture(plain, detector, Path("view.png"))
        with pytest.raises(InputError, match=r"No person stands out in view\.png"):
            true_picture(np.full((96, 96, 3), 0.4), detector, Path("view.png"))
    assert truth.background is not None and np.allclose(truth.background, colour, atol=1e-6)
    figures = view_figures(camera, *small_head.render(camera, 2), truth, None)
    assert figures["whole_psnr_db"] > 60 and figures["opacity_iou"] > 0.9
    worse = replace(truth, picture=truth.picture[:, ::-1])
    assert view_figures(camera, *small_head.render(camera, 2), worse, None)["whole_psnr_db"] < 40


def test_views_are_put_together_by_their_turn() -> None:
    views = [ViewFigures(yaw, pitch, {"a": value}) for yaw, pitch, value in ((-11, 1, 1.0), (9, 0, 3.0), (14, 14, 5.0))]
    assert by_angle([views]) == {"10": {"views": 2, "a": 2.0}, "20": {"views": 1, "a": 5.0}}


def test_groups_are_measured_and_read(tmp_path: Path) -> None:
    skin = np.full((50, 3), (224, 172, 140), np.uint8)  # CIELAB 74.6, 14.4, 23.4
    assert typology_angle_deg(skin) == pytest.approx(np.degrees(np.arctan(24.6 / 23.4)), abs=1.0)
    assert typology_angle_deg(np.full((50, 3), 120, np.uint8)) is None
    points = np.zeros((478, 2))
    points[[234, 454, 61, 291, 152]] = (40, 50), (80, 50), (52, 70), (68, 70), (60, 90)
    person = np.zeros((120, 120), bool)
    person[20:95, 42:78] = person[84:] = True  # a head and its shoulders
    assert hair_length(person, points) == "short"
    person[20:90, 30:90] = True
    assert hair_length(person, points) == "long"
    (tmp_path / "groups.csv").write_text("file,sex,age\na.jpg, woman ,60\n\nb.jpg,man,\n", encoding="utf-8-sig")
    said = read_groups(tmp_path)
    assert said == {"a.jpg": {"sex": "woman", "age": "60"}, "b.jpg": {"sex": "man"}}
    groups = by_group([({"ssim": 0.9}, said["a.jpg"]), ({"ssim": 0.7}, said["b.jpg"]), ({"ssim": 0.8}, said["b.jpg"])])
    assert groups["sex"] == {"man": {"photographs": 2, "ssim": 0.75}, "woman": {"photographs": 1, "ssim": 0.9}}
    assert list(groups["age"]) == ["60"]
    (tmp_path / "groups.csv").write_text("only a list\n")
    with pytest.raises(InputError, match="names no groups: begin with a line such as file,sex,age"):
        read_groups(tmp_path)


def test_another_lens_leaves_the_heads_depth() -> None:
    near = look_at((0.0, 0.0, 1.0), fov_deg=20.0, width_px=96, height_px=96)
    far = look_at((0.0, 0.0, 1.1), width_px=96, height_px=96)
    far = replace(far, fx_px=1.1 * near.fx_px, fy_px=1.1 * near.fy_px)
    depth = np.array([[0.0, 0.9, 1.0, 1.05]])
    true = TrueCameras((near, near), far, depth_of(far))
    assert np.allclose(true.depth_in_portrait(depth, 1), [[0.0, 1.0, 1.1, 1.15]])


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
    groups = {"sex": {"<man>": {"photographs": 2, "ssim": 0.125}}}
    save_page(tmp_path / "page", evaluated, {"ssim": 0.1}, groups)
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 3 * len(COLUMNS) and "<p>0" not in page
    assert "<td>&lt;man&gt;</td><td>2</td><td>0.125</td>" in page
    assert len(list((tmp_path / "page").glob("*.jpg"))) == 3 * len(COLUMNS)
    save_sheet(tmp_path / "sheet.jpg", evaluated)
    assert 0 < (tmp_path / "sheet.jpg").stat().st_size <= MAX_BYTES


def test_photographs_of_one_name_have_pictures_of_their_own(tmp_path: Path) -> None:
    names = ("anna.jpg", "anna.png", "anna b.jpg", "anna_b.jpg")
    pictures = dict.fromkeys(COLUMNS, np.zeros((8, 8, 3), np.uint8))
    save_page(tmp_path, [Evaluated(name, {}, pictures) for name in names], {}, {})
    assert len(list(tmp_path.glob("*.jpg"))) == len(names) * len(COLUMNS)


def test_a_sheet_is_no_taller_than_a_jpeg_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (1, page.MAX_SHEET_PX)).save(tmp_path / "tallest.jpg")
    with pytest.raises(OSError):
        Image.new("L", (1, page.MAX_SHEET_PX + 1)).save(tmp_path / "taller.jpg")
    assert page.MOST_ON_SHEET * SHEET_TILES_PX[-1] <= page.MAX_SHEET_PX
    pictures = dict.fromkeys(COLUMNS, np.zeros((128, 128, 3), np.uint8))
    monkeypatch.setattr(page, "MAX_SHEET_PX", 300)
    for count, side_px in ((2, 128), (3, 96), (4, 64)):
        save_sheet(tmp_path / "sheet.jpg", [Evaluated("a.jpg", {}, pictures)] * count)
        with Image.open(tmp_path / "sheet.jpg") as sheet:
            assert sheet.size == (len(COLUMNS) * side_px, count * side_px)


def test_more_photographs_than_a_sheet_can_show_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_ON_SHEET", 2)
    for index in range(3):
        (tmp_path / f"{index}.jpg").touch()
    with pytest.raises(InputError, match="shows 2 photographs, not 3: give a greater --every"):
        Evaluate(tmp_path, sheet=tmp_path / "out" / "sheet.jpg").run()


def test_figures_are_printed_before_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full_disk(*_: object) -> None:
        raise WriteError("the disk is full")

    (tmp_path / "a.jpg").touch()
    monkeypatch.setattr(photos, "evaluate_photos", lambda *_: iter([Evaluated("a.jpg", {"ssim": 0.5}, {})]))
    monkeypatch.setattr(page, "save_page", full_disk)
    with pytest.raises(WriteError):
        Evaluate(tmp_path, page=tmp_path / "page", json=True).run()
    assert json.loads(capsys.readouterr().out)["ssim"] == 0.5


def test_only_the_network_that_reconstructs_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def refuse(*_: object, **__: object) -> None:
        raise InputError("no face")

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr(photos, "choose_device", lambda _: "a GPU")
    monkeypatch.setattr(photos, "reconstruct", refuse)
    monkeypatch.setattr(weights, "load_weights", lambda device: used.append(device) or SimpleNamespace(template=None))
    assert list(photos.evaluate_photos([tmp_path / "a.png"])) == []
    assert used == ["a GPU"]


@pytest.mark.parametrize("of_true_views", [False, True])
def test_every_photograph_or_person_counts_from_one(tmp_path: Path, of_true_views: bool) -> None:
    (tmp_path / "person").mkdir()
    (tmp_path / "person" / ("turns.json" if of_true_views else "picture.jpg")).touch()
    with pytest.raises(InputError, match="give 1 or more"):
        Evaluate(tmp_path, every=0).run()


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no picture"):
        photo_paths(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        photo_paths(tmp_path / "missing")


def test_hidden_files_are_no_photographs(tmp_path: Path) -> None:
    """A Mac leaves ._a.jpg beside a.jpg on disks that are not its own, which is no picture."""
    for name in ("b.png", "a.jpg", "._a.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in photo_paths(tmp_path)] == ["a.jpg", "b.png"]


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
    with LandmarkDetector(max_faces=1) as detector:
        truth = true_picture(load_painted(folder / "view_01.png"), detector, folder / "view_01.png")
    figures = view_figures(cameras[1], *small_head.render(cameras[1], 2), truth, load_depth(folder, 1))
    assert figures["opacity_iou"] > 0.95 and figures["depth_error_mm"] < 1.0
    assert np.array_equal(load_photograph(folder / "input.png").rgb, rgba[0][..., :3])


def test_pictures_of_true_views_are_refused(tmp_path: Path) -> None:
    (tmp_path / "person").mkdir()
    (tmp_path / "person" / "cameras.json").write_text("[]")
    for wanted in ({"page": tmp_path / "page"}, {"sheet": tmp_path / "sheet.jpg"}):
        with pytest.raises(InputError, match="leave out --page and --sheet"):
            Evaluate(tmp_path, **wanted).run()


@needs_weights
def test_the_command_measures_a_photograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = pytest.importorskip("skimage.data").astronaut()[:230, 120:350]
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")  # without a face: left out
    (tmp_path / "groups.csv").write_text("file,who\nphoto.png,someone\n")
    Evaluate(tmp_path, texture_size=256, page=tmp_path / "page", sheet=tmp_path / "sheet.jpg", json=True).run()
    figures = json.loads(capsys.readouterr().out)
    assert figures["photographs"] == 1 and figures["groups"]["hair"]["short"]["photographs"] == 1
    assert figures["groups"]["who"]["someone"]["psnr_db"] == figures["psnr_db"]
    assert figures["psnr_db"] > 22.0 and figures["ssim"] > 0.85 and figures["covered"] > 0.9
    assert figures["holes_15"] < 0.1 and 5.0 < figures["yaw_seen_15_deg"] < 25.0
    assert (tmp_path / "sheet.jpg").is_file()
    with Image.open(tmp_path / "page" / "photo.png_yaw_-15.jpg") as shown:
        assert shown.size == (PAGE_TILE_PX, PAGE_TILE_PX)
    assert (tmp_path / "page" / "index.html").read_text(encoding="utf-8").count("<figure>") == len(COLUMNS)


def test_textures_that_cannot_be_made_are_told_before_the_photographs_are_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="300 texels"):
        Evaluate(tmp_path / "none", texture_size=300).run()
