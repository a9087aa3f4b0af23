"""The command line, as a user types it."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend import progress
from portrait_manifolds.backend.camera import load_cameras, look_at, save_cameras
from portrait_manifolds.backend.cli import bar, main, parse
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.frames.camera_paths import dolly_zoom
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.version import installed_version


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "portrait_manifolds.backend", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def done(*arguments: object, cwd: Path) -> str:
    result = run(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path, small_head: Portrait) -> Path:
    """A folder with a space and an umlaut in its name, and head.portrait in it."""
    folder = tmp_path / "Köpfe und mehr"
    small_head.save(folder / "head.portrait")
    return folder


@pytest.fixture
def run_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run` in this process, which has loaded already what a new one loads in half a second and more."""

    def run_here(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # as `main` would leave it
        monkeypatch.setattr(sys, "argv", ["portrait-manifolds", *map(str, arguments)])
        terminated = signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit) as left:
            main()
        signal.signal(signal.SIGTERM, terminated)
        said = capfd.readouterr()
        warnings = [f"{record.getMessage()}\n" for record in caplog.records if record.levelno >= logging.WARNING]
        return subprocess.CompletedProcess(arguments, left.value.code, said.out, "".join(warnings) + said.err)

    return run_here


def test_render_on_the_photos_grid_by_default(folder: Path, small_head: Portrait) -> None:
    done("render", "head.portrait", "-o", "view ü.png", "--samples", "1", cwd=folder)
    picture = np.asarray(Image.open(folder / "view ü.png")) / 255
    expected, _ = small_head.render(small_head.input_camera)
    assert picture.shape == (512, 512, 4)
    visible = expected[..., 3] > 0.01
    assert np.abs(picture - expected)[visible].max() <= 1 / 255
    assert picture[~visible, 3].max() < 0.02


def test_render_options_turn_and_frame(folder: Path, small_head: Portrait) -> None:
    options = ("--yaw", "20", "--pitch", "-5", "--fov", "12", "--size", "90x60", "--samples", "1")
    done("render", "head.portrait", "-o", "a.png", *options, cwd=folder)
    picture = np.asarray(Image.open(folder / "a.png")) / 255
    expected, _ = small_head.render(small_head.camera(90, 60).with_fov(12).orbited(20, -5))
    assert picture.shape == (60, 90, 4)
    assert np.abs(picture[..., 3] - expected[..., 3]).max() <= 1 / 255


def test_render_takes_a_camera_file(folder: Path, small_head: Portrait) -> None:
    camera = look_at((0.3, 0, 1), width_px=40, height_px=30)
    save_cameras(folder / "camera.json", [camera])
    done("render", "head.portrait", "-o", "a.exr", "--camera", "camera.json", cwd=folder)
    done("render", "head.portrait", "-o", "a.png", "--camera", "camera.json", "--samples", "1", cwd=folder)
    assert (folder / "a.exr").stat().st_size > 1000
    expected, _ = small_head.render(camera)
    assert np.abs(np.asarray(Image.open(folder / "a.png"))[..., 3] / 255 - expected[..., 3]).max() <= 1 / 255


def test_animate_writes_a_film(folder: Path) -> None:
    options = ("--path", "dolly-zoom", "--frames", "7", "--fps", "25", "--size", "65x48")
    done("animate", "head.portrait", "-o", "film.mp4", *options, cwd=folder)
    with av.open(str(folder / "film.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 25
    assert len(frames) == 7
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1  # the lens shows


def test_animate_writes_frames_and_a_later_run_completes_them(folder: Path) -> None:
    options = ("--path", "swing", "--frames", "5", "--size", "32x32")
    done("animate", "head.portrait", "-o", "frames", *options, cwd=folder)
    frames = sorted((folder / "frames").glob("*.png"))
    assert [path.name for path in frames] == [f"frame_{k:04d}.png" for k in range(1, 6)]
    assert len(load_cameras(folder / "frames" / "cameras.json")) == 5
    before = [path.read_bytes() for path in frames]
    frames[2].unlink()
    os.utime(frames[0], (1, 1))
    done("animate", "head.portrait", "-o", "frames", *options, cwd=folder)
    assert [path.read_bytes() for path in frames] == before
    assert frames[0].stat().st_mtime == 1  # kept, not drawn again
    frames[3].write_bytes(before[3][: len(before[3]) // 2])  # as a copy that broke off leaves it
    done("animate", "head.portrait", "-o", "frames", *options, cwd=folder)
    assert frames[3].read_bytes() == before[3]
    done("animate", "head.portrait", "-o", "frames", *options, "--samples", "1", cwd=folder)
    assert frames[0].read_bytes() != before[0]  # other settings: drawn again


def test_animate_follows_a_camera_file(folder: Path, small_head: Portrait) -> None:
    cameras = dolly_zoom(small_head.camera(24, 24), 3)
    save_cameras(folder / "cameras.json", cameras)
    done("animate", "head.portrait", "-o", "out", "--path", "cameras.json", "--format", "exr", cwd=folder)
    assert len(list((folder / "out").glob("frame_*.exr"))) == 3


def test_info_says_what_a_file_holds(folder: Path) -> None:
    facts = json.loads(done("info", "head.portrait", "--json", cwd=folder))
    assert (facts["sheets"], facts["texture_size"], facts["photo_size"]) == (24, 128, [512, 512])
    assert "compositeWithTrainedAlgorithmicMedia" in facts["provenance"]
    assert "texture_size" in done("info", "head.portrait", cwd=folder)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("render", "missing.portrait", "-o", "a.png"), "missing.portrait"),
        (("render", "head.portrait", "-o", "a.gif"), ".png or .exr"),
        (("render", "head.portrait", "-o", "a.png", "--size", "0x10"), "WIDTHxHEIGHT"),
        (("render", "head.portrait", "-o", "a.png", "--size", "big"), "WIDTHxHEIGHT"),
        (("render", "head.portrait", "-o", "a.png", "--fov", "180"), "field of view"),
        (("render", "head.portrait", "-o", "a.png", "--fov", "nan"), "field of view"),
        (("render", "head.portrait", "-o", "a.png", "--yaw", "nan"), "finite"),
        (("render", "head.portrait", "-o", "a.png", "--yaw", "1e9", "--samples", "9"), "samples"),
        (("render", "head.portrait", "-o", "a.png", "--camera", "none.json"), "none.json"),
        (("render", "head.portrait", "-o", "head.portrait/a.png"), "folder"),
        (("animate", "head.portrait", "-o", "a.mp4", "--frames", "0"), "frames"),
        (("animate", "head.portrait", "-o", "a.mp4", "--path", "spiral"), "orbit"),
        (("animate", "head.portrait", "-o", "a.mp4", "--format", "png"), "folder"),
        (("animate", "head.portrait", "-o", "a.mp4", "--background", "red"), "#rrggbb"),
        (("animate", "head.portrait", "-o", "head.portrait", "--frames", "2"), "is a file"),
        (("animate", "head.portrait", "-o", "a.gif", "--frames", "2"), ".mp4"),
        (("animate", "head.portrait", "-o", "head.portrait/a", "--frames", "2"), "folder you may write to"),
        (("render", "head.portrait", "-o", f"{300 * 'a'}.png"), "File name too long"),
        (("reconstruct", "photo.png", "-o", "head.portrait/a.portrait"), "folder you may write to"),
        (("evaluate", ".", "--page", "head.portrait"), "is a file"),
        (("evaluate", ".", "--sheet", "head.portrait/a.jpg"), "folder you may write to"),
        (("blender", "photo.png", "-o", "a", "--samples", "9"), "samples"),
        (("blender", "photo.png", "-o", "a", "--blender", "photo.png"), "cannot be run"),
        (("blender", "photo.png", "-o", "a", "--blender", "/bin/true"), "left no frame in a: give a Blender"),
        (("export", "head.portrait", "-o", "a.obj"), ".glb, .ply or .blend"),
        (("animate", "head.portrait", "-o", "folder", "--frames", "1"), "frame_0001.png is a folder"),
        (("animate", "head.portrait", "-o", "a", "--frames", "1", "--size", ""), "WIDTHxHEIGHT"),
        (("render", "head.portrait", "-o", "a.png", "--size", ""), "WIDTHxHEIGHT"),
        (("batch", "photo.png", "-o", "a", "--size", ""), "WIDTHxHEIGHT"),
        (("animate", "head.portrait", "-o", "a.mp4", "--background", "#+1+2+3"), "#rrggbb"),
        (("animate", "head.portrait", "-o", "a.mp4", "--background", "#-1-1-1"), "#rrggbb"),
        (("animate", "head.portrait", "-o", "a.mp4", "--path", "swing", "--fov-end", "30"), "use dolly-zoom"),
        (("animate", "head.portrait", "-o", "a.mp4", "--fov-start", "30"), "use dolly-zoom"),
        (("info", "photo.png"), "not a portrait"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_nothing(
    folder: Path, run_here: Callable[..., subprocess.CompletedProcess[str]], arguments: tuple, word: str
) -> None:
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "folder" / "frame_0001.png").mkdir(parents=True)
    before = sorted(path.name for path in folder.iterdir())
    result = run_here(*arguments)
    assert result.returncode == 2, result.stderr
    assert word in result.stderr
    assert result.stderr.startswith("portrait-manifolds: ") and result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_terminated_run_leaves_no_unfinished_file(folder: Path) -> None:
    options = ("animate", "head.portrait", "-o", "long.mp4", "--frames", "20000", "--size", "64x64")
    command = [sys.executable, "-m", "portrait_manifolds.backend", *options]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        while not list(folder.glob(".long*")):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)
        process.terminate()
        said = process.stderr.read() if process.stderr else ""
    assert process.returncode == 130 and "cancelled" in said and "Traceback" not in said
    assert [path.name for path in folder.iterdir()] == ["head.portrait"]


def test_a_reader_that_goes_is_no_failure_to_talk_of(folder: Path) -> None:
    command = [sys.executable, "-m", "portrait_manifolds.backend", "info", "head.portrait", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_photograph_without_a_face_leaves_no_folder_for_its_portrait(
    folder: Path, run_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    Image.new("RGB", (64, 64), "grey").save(folder / "grey.png")
    for arguments in (
        ("reconstruct", "grey.png", "-o", "new/deep/a.portrait"),
        ("evaluate", "new", "--page", "page/deep", "--sheet", "new/sheet.jpg"),
    ):
        result = run_here(*arguments)
        assert result.returncode == 2 and "Traceback" not in result.stderr, result.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["grey.png", "head.portrait"]


def test_wrong_usage_exits_with_2(run_here: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    for arguments in ((), ("paint",), ("render",), ("render", "head.portrait", "-o", "a.png", "--yaw", "left")):
        assert run_here(*arguments).returncode == 2


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody may write to")
def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    """In a process of its own: neither Python nor what it loads adds to the sentence."""
    result = run("render", "head.portrait", "-o", "/proc/nowhere/a.png", cwd=folder)
    assert result.returncode == 2
    assert "choose a folder you may write to" in result.stderr
    assert result.stderr.startswith("portrait-manifolds: ") and result.stderr.count("\n") == 1


def test_streams_that_are_closed_stop_nothing(folder: Path) -> None:
    command = [sys.executable, "-m", "portrait_manifolds.backend", "animate", "head.portrait", "-o", "frames"]
    options = ["--frames", "2", "--size", "8x8"]
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command, *options], cwd=folder, timeout=120)
    assert closed.returncode == 0
    assert len(list((folder / "frames").glob("*.png"))) == 2


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(["--version"])
    assert not stop.value.code
    assert capsys.readouterr().out == f"portrait-manifolds {installed_version()}\n"


def test_frames_of_another_animation_are_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    def drawn(count: int, *options: str) -> str:
        arguments = ["animate", str(folder / "head.portrait"), "-o", str(folder / "frames"), "--size", "8x8"]
        caplog.clear()
        parse([*arguments, "--samples", "1", "--frames", str(count), *options]).run()
        return caplog.text

    assert not drawn(3) and not drawn(3) and not drawn(5, "--only", "1..4")
    assert "2 frames of another animation, which stay: frame_0003.png to frame_0004.png" in drawn(2)
    assert "4 frames of another" in drawn(2, "--format", "exr")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("animate", "head.portrait", "-o", "a.png"), "name a folder"),
        (("render", "head.portrait", "-o", "a.png", "--yaw", "inf"), "finite"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_names_and_turns_that_cannot_be_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], word: str
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=word):
        parse(arguments).run()
    assert [path.name for path in folder.iterdir()] == ["head.portrait"]


@pytest.mark.parametrize(("after_s", "shown"), [(0.0, True), (60.0, False)])
def test_a_bar_is_shown_on_terminals_once_work_takes_long(
    after_s: float, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(bar, "AFTER_S", after_s)
    with bar.bar():
        progress.report(0.2, "painting")
        time.sleep(0.15)  # it is drawn ten times a second at the most
        progress.report(0.5, "drawing")
    assert ("drawing:  50%" in terminal.getvalue()) == shown
    assert shown or terminal.getvalue() == ""


def test_who_listens_already_goes_on_listening() -> None:
    """As a worker does for Blender, which cancels by it."""
    heard: list[float] = []
    with progress.listening(lambda fraction, stage: heard.append(fraction)), bar.bar():
        progress.report(0.5, "drawing")
    assert heard == [0.5]


def test_a_warning_does_not_land_on_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(bar, "AFTER_S", 0.0)
    with bar.bar():
        time.sleep(0.15)
        progress.report(0.5, "drawing")
        logging.getLogger("anything").warning("careful")
    shown, _, after = terminal.getvalue().partition("careful")
    assert "drawing:  50%" in shown and shown.endswith("\r") and after.startswith("\n")
