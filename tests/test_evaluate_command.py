"""What `evaluate` says, and when: of depths that do not fit, of figures that cannot be had, and while it works."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend.camera import Camera, look_at, save_cameras
from portrait_manifolds.backend.cli.evaluate import Evaluate
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.evaluation import multiview, photos
from portrait_manifolds.backend.evaluation.multiview import ViewFigures, drawn_figures, load_depth, subject_figures
from portrait_manifolds.backend.evaluation.photos import Evaluated
from portrait_manifolds.backend.evaluation.true_cameras import true_cameras
from portrait_manifolds.backend.networks import weights
from portrait_manifolds.backend.photo.photograph import MAX_PIXELS
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.training.export_scan import load_texture


@pytest.fixture
def subjects(tmp_path: Path) -> Path:
    """A folder with one person, who has one view."""
    (tmp_path / "person").mkdir()
    (tmp_path / "person" / "turns.json").write_text("[[10, 0]]")
    for name in ("input.png", "view_01.png"):
        Image.new("RGB", (64, 48)).save(tmp_path / "person" / name)
    return tmp_path


def test_a_figure_is_left_out_where_nothing_overlaps(small_head: Portrait) -> None:
    camera = small_head.camera(48, 48)
    rgba, depth_m = small_head.render(camera)
    beside = np.where(rgba[..., 3:] > 0.5, 0.0, 1.0) * np.ones(4)
    figures = drawn_figures(camera, rgba, depth_m, beside, np.ones((48, 48)))
    assert figures["opacity_iou"] == 0.0 and np.isfinite(list(figures.values())).all()
    assert "depth_error_mm" not in figures and "face_depth_error_mm" not in figures


def test_no_number_in_the_json_is_none(
    subjects: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    views = [ViewFigures(10.0, 0.0, {"opacity_iou": 0.0})]
    monkeypatch.setattr(multiview, "evaluate_subjects", lambda *_: iter([("person", views)]))
    Evaluate(subjects, json=True).run()
    figures = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert figures["opacity_iou"] == 0.0 and figures["groups"]["turn_deg"]["10"]["views"] == 1


@pytest.mark.parametrize(
    ("size", "mode", "word"),
    [
        ((40, 30), "I;16", "is 40 x 30, the view 64 x 48: correct one of them"),
        ((64, 48), "RGB", "has 3 channels: write a depth picture with one"),
        ((64, 48), "L", "has 8 bits a pixel: write a depth picture with 16"),
        ((MAX_PIXELS // 10**4 + 1, 10**4), "L", "shrink it to at most 100 megapixels"),
    ],
)
def test_depths_that_do_not_fit_are_refused_before_any_portrait_is_made(
    subjects: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], mode: str, word: str
) -> None:
    monkeypatch.setattr(multiview, "reconstruct", lambda *_, **__: pytest.fail("a portrait was made"))
    monkeypatch.setattr(multiview, "LandmarkDetector", lambda: pytest.fail("work began"))
    Image.new(mode, size).save(subjects / "person" / "depth_01.png")
    with pytest.raises(InputError, match=word):
        Evaluate(subjects).run()


def test_depths_of_both_kinds_are_read(subjects: Path) -> None:
    depth = np.linspace(0.0, 2.0, 64 * 48, dtype=np.float32).reshape(48, 64)
    Image.fromarray(depth).save(subjects / "person" / "depth_01.tif")
    np.testing.assert_array_equal(load_depth(subjects / "person", 1), depth)
    Image.fromarray(np.rint(1e4 * depth).astype(np.uint16)).save(subjects / "person" / "depth_01.png")
    np.testing.assert_allclose(load_depth(subjects / "person", 1), depth, atol=5e-5)


def test_without_what_measures_pictures_no_portrait_is_made(subjects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)  # as if it were not installed
    monkeypatch.setattr(multiview, "LandmarkDetector", lambda: pytest.fail("work began"))
    with pytest.raises(
        ProcessingError, match=r"scikit-image is missing: pip install 'portrait-manifolds\[evaluation\]'"
    ):
        Evaluate(subjects).run()


class NobodySeen:
    """A detector that finds no face."""

    def faces(self, picture: np.ndarray) -> np.ndarray:
        return np.zeros((0, 478, 2))


@pytest.mark.parametrize(
    ("views", "turns", "word"),
    [
        (1, [(20.0, 0.0), (30.0, 0.0)], "view_02.png"),  # a camera without its picture
        (2, [(20.0, 0.0)], "view_02.png has no camera"),
        (1, [], "view_01.png has no camera"),
        (0, [], "holds no view"),
    ],
)
def test_views_and_cameras_that_do_not_pair_are_refused(
    tmp_path: Path, small_head: Portrait, views: int, turns: list[tuple[float, float]], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        _figures(tmp_path, small_head, views, [small_head.input_camera.orbited(*turn) for turn in turns])


@pytest.mark.parametrize(("word", "from_m"), [("looks away", (0.0, 0.0, 1.0)), ("inside the head", (0.0, 0.0, 0.01))])
def test_a_view_whose_camera_sees_no_head_is_named(
    tmp_path: Path, small_head: Portrait, word: str, from_m: tuple[float, float, float]
) -> None:
    camera = small_head.input_camera
    blind = replace(camera, camera_to_world=look_at(from_m, (0.0, 0.0, 2.0)).camera_to_world)
    with pytest.raises(InputError, match=f"view_02.png: The camera.* {word}"):
        _figures(tmp_path, small_head, 2, [camera.orbited(20.0), blind])


def test_the_folder_of_an_input_camera_that_does_not_fit_is_named(tmp_path: Path, small_head: Portrait) -> None:
    camera = small_head.input_camera
    away = camera.camera_to_world @ np.diag([-1.0, 1.0, -1.0, 1.0])
    for wrong in (camera.resized(8, 8), replace(camera, camera_to_world=away)):
        save_cameras(tmp_path / "cameras.json", [wrong])
        with pytest.raises(InputError, match=str(tmp_path)):
            true_cameras(tmp_path, camera)


def _figures(folder: Path, portrait: Portrait, views: int, cameras: list[Camera]) -> list[ViewFigures]:
    """Of a folder with so many views, which are all clear, and the cameras of some, behind the input's."""
    size = (portrait.input_camera.width_px, portrait.input_camera.height_px)
    for name in ("input.png", *(f"view_{index + 1:02d}.png" for index in range(views))):
        Image.new("RGBA", size).save(folder / name)
    save_cameras(folder / "cameras.json", [portrait.input_camera, *cameras])
    return subject_figures(portrait, folder, folder / "input.png", NobodySeen(), None, None)


def test_a_texture_that_is_too_large_is_refused(tmp_path: Path) -> None:
    Image.new("1", (20_000, 10_000)).save(tmp_path / "colours.png")
    with pytest.raises(InputError, match="shrink it to at most 100 megapixels"):
        load_texture(tmp_path / "colours.png", flip=False)


def test_who_stops_the_command_keeps_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> Iterator[Evaluated]:
        yield Evaluated("a.jpg", {"ssim": 0.5}, {})
        raise KeyboardInterrupt

    (tmp_path / "a.jpg").touch()
    monkeypatch.setattr(photos, "evaluate_photos", stopped)
    with pytest.raises(KeyboardInterrupt):
        Evaluate(tmp_path).run()
    assert capsys.readouterr().out.split() == ["a.jpg", "ssim", "0.500"]


def test_a_bar_is_shown_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(weights, "load_weights", lambda _: SimpleNamespace(template=None))
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="usable face"):
        Evaluate(tmp_path).run()
    assert "photographs: 100%" in terminal.getvalue() and "2/2" in terminal.getvalue()
