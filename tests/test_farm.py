"""Render farms: the Open Job Description template runs, and Flamenco's script makes commands that run."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image

from portrait_manifolds.backend.camera import save_cameras
from portrait_manifolds.backend.cli import parse
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.frames import animation
from portrait_manifolds.backend.frames.camera_paths import path_cameras
from portrait_manifolds.backend.portrait import Portrait

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "farm" / "openjd" / "portrait_animation.yaml"
SCRIPT = ROOT / "farm" / "flamenco" / "portrait_manifolds.js"

needs_openjd = pytest.mark.skipif(find_spec("openjd") is None, reason="needs openjd-cli")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    data = pytest.importorskip("skimage.data")
    path = tmp_path / "ein Photo ü.png"
    Image.fromarray(np.ascontiguousarray(data.astronaut())).save(path)
    return path


def openjd(*arguments: object, cwd: Path) -> str:
    """Runs openjd with this environment's portrait-manifolds on the PATH, as on a farm's node."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "openjd", *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=250)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


@needs_openjd
def test_the_template_passes_the_check(tmp_path: Path) -> None:
    assert "passes validation" in openjd("check", TEMPLATE, cwd=tmp_path)


@needs_openjd
@needs_weights
def test_the_template_runs_on_two_frames(tmp_path: Path, photo: Path) -> None:
    values = {"Photo": photo, "OutputFolder": tmp_path / "out", "Name": "head", "TextureSize": 256}
    values |= {"Frames": 2, "FramesPerTask": 1, "Size": "64x48", "Samples": 1, "CameraPath": "swing"}
    parameters = [word for name, value in values.items() for word in ("-p", f"{name}={value}")]
    openjd("run", TEMPLATE, *parameters, cwd=tmp_path)
    assert sorted(path.name for path in (tmp_path / "out" / "head.frames").glob("*.png")) == [
        "frame_0001.png",
        "frame_0002.png",
    ]
    with av.open(str(tmp_path / "out" / "head.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 2 and frames[0].shape == (48, 64, 3)


def compiled(**settings: object) -> dict:
    """The tasks that Flamenco's Manager would make of these settings."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    command = [node, str(ROOT / "tests" / "flamenco_stub.js"), str(SCRIPT)]
    result = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_flamencos_tasks_depend_on_each_other_and_cover_all_frames() -> None:
    job = compiled(photo="/in/a photo.jpg", output_folder="/out", name="head", frames=10, chunk_size=4)
    tasks = {task["name"]: task for task in job["tasks"]}
    assert list(tasks) == ["reconstruct", "frames-1-4", "frames-5-8", "frames-9-10", "encode"]
    assert tasks["reconstruct"]["dependencies"] == []
    for name in ("frames-1-4", "frames-5-8", "frames-9-10"):
        assert tasks[name]["dependencies"] == ["reconstruct"]
    assert tasks["encode"]["dependencies"] == ["frames-1-4", "frames-5-8", "frames-9-10"]
    for setting in job["jobType"]["settings"]:
        assert setting["type"] in ("string", "int32", "float", "bool") and setting["description"]
        assert setting.get("required") or "default" in setting


def test_flamencos_commands_are_ones_that_the_command_line_takes() -> None:
    for task in compiled(photo="/in/a photo.jpg", output_folder="/out", frames=3, chunk_size=2)["tasks"]:
        (command,) = task["commands"]
        assert command["name"] == "exec" and command["parameters"]["exe"] == "portrait-manifolds"
        parse(command["parameters"]["args"])  # exits where an option is unknown


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_parts_drawn_apart_are_one_film(tmp_path: Path, small_head: Portrait, kind: str) -> None:
    small_head.save(tmp_path / "head.portrait")
    frames, film = tmp_path / "frames", tmp_path / "film.mp4"
    drawing = ["animate", str(tmp_path / "head.portrait"), "-o", str(frames), "--frames", "3", "--size", "48x32"]
    encoding = ["encode", str(frames), "-o", str(film), "--frames", "1..3"]
    parse([*drawing, "--format", kind, "--only", "2..3"]).run()
    with pytest.raises(InputError, match="frame_0001"):
        parse(encoding).run()
    drawn = (frames / f"frame_0002.{kind}").stat().st_mtime_ns
    parse([*drawing, "--format", kind, "--only", "1-2"]).run()
    assert (frames / f"frame_0002.{kind}").stat().st_mtime_ns == drawn  # kept by the note that it carries
    parse(encoding).run()
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
    with pytest.raises(InputError, match=r"1\.\.3"):
        parse([*drawing, "--only", "3..4"]).run()


def test_frames_of_two_portraits_kinds_or_animations_are_no_film(tmp_path: Path, small_head: Portrait) -> None:
    other = replace(small_head, textures=small_head.textures[:, ::-1])
    frames, film = tmp_path / "frames", tmp_path / "film.mp4"
    cameras = path_cameras("swing", small_head.camera(48, 32), 4)
    animation.render_frames(small_head, cameras[:2], frames, "png")
    animation.render_frames(other, cameras[2:], frames, "png", first_frame=3)
    with pytest.raises(InputError, match="of another size or portrait"):
        animation.encode_frames(frames, (1, 4), film, 24.0, (0.5, 0.5, 0.5))
    animation.render_frames(other, cameras[:1], frames, "exr")
    with pytest.raises(InputError, match="PNG and as EXR"):
        animation.encode_frames(frames, (1, 2), film, 24.0, (0.5, 0.5, 0.5))
    save_cameras(frames / animation.CAMERAS, cameras[:1])
    with pytest.raises(InputError, match=r"has frames 1\.\.1"):
        parse(["encode", str(frames), "-o", str(film), "--frames", "1..2"]).run()
    assert not film.exists()


def test_frames_of_a_narrower_chart_are_drawn_again(small_head: Portrait) -> None:
    narrower = replace(small_head.manifolds, half_extent=0.9 * small_head.manifolds.half_extent)
    notes = []
    for portrait in (small_head, replace(small_head, manifolds=narrower)):
        notes += animation._frame_notes(portrait, [portrait.camera(48, 32)], [""])
    assert notes[0] != notes[1]
