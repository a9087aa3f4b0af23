"""Names that cannot be had or said, and streams that cannot say everything."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image

from portrait_manifolds.backend.atomic import atomic_path, make_folder
from portrait_manifolds.backend.batch import work
from portrait_manifolds.backend.batch.outcome import PRIVATE
from portrait_manifolds.backend.batch.photos import find_tasks
from portrait_manifolds.backend.batch.report import write_report
from portrait_manifolds.backend.batch.run import run_batch
from portrait_manifolds.backend.batch.settings import Settings
from portrait_manifolds.backend.camera import load_cameras
from portrait_manifolds.backend.cli import parse
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.photo.photograph import load_photograph
from portrait_manifolds.backend.portrait import Portrait

LATIN = os.fsdecode(b"latin\xe9")
"""As an old archive or another system leaves it."""

COMMAND = [sys.executable, "-m", "portrait_manifolds.backend"]
needs_such_names = pytest.mark.skipif(sys.platform != "linux", reason="this system has no such names")


@needs_such_names
@pytest.mark.parametrize("read", [load_photograph, load_cameras, Portrait.load])
def test_a_file_whose_name_is_no_text_is_not_read(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / LATIN).touch()
    with pytest.raises(InputError, match=r"latin\\udce9 is not UTF-8: rename it"):
        read(tmp_path / LATIN)


@pytest.mark.parametrize("output", [f"{LATIN}.mp4", f"{LATIN}.exr", f"{LATIN}/frames"])
def test_nothing_is_written_under_a_name_that_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_head: Portrait, output: str
) -> None:
    monkeypatch.chdir(tmp_path)
    small_head.save("head.portrait")
    action = ["render"] if output.endswith(".exr") else ["animate", "--frames", "2", "--size", "8x8"]
    with pytest.raises(InputError, match="is not UTF-8: rename it"):
        parse([*action, "head.portrait", "-o", output]).run()
    with pytest.raises(InputError, match="is not UTF-8: rename it"):
        parse(["blender", "head.portrait", "-o", LATIN]).run()
    with pytest.raises(InputError, match="is not UTF-8: rename it"):
        run_batch([], Settings(), Path(LATIN))
    assert [path.name for path in tmp_path.iterdir()] == ["head.portrait"]


@needs_such_names
def test_blender_is_given_no_path_that_is_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_head: Portrait
) -> None:
    folder = tmp_path / LATIN
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "scene.blend").touch()
    small_head.save("../head.portrait")
    for arguments in (["blender", "scene.blend", "-o", "../a"], ["export", "../head.portrait", "-o", "a.blend"]):
        with pytest.raises(InputError, match="is not UTF-8: rename it"):
            parse(arguments).run()
    assert [path.name for path in folder.iterdir()] == ["scene.blend"]


@needs_such_names
def test_a_photograph_whose_name_is_no_text_is_told_of_in_the_report(tmp_path: Path) -> None:
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    (output / PRIVATE).mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(photos / "photo.jpg")
    (photos / "photo.jpg").rename(photos / f"{LATIN}.jpg")
    tasks = find_tasks([str(photos)], output)
    write_report([work.attempt(task, None, Settings(), output) for task in tasks], output, 1.0)
    with (output / "report.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["photo"].endswith(r"latin\udce9.jpg") and "rename it" in row["reason"]
    assert r"latin\udce9" in (output / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_path_without_a_name_is_no_file(name: str) -> None:
    with pytest.raises(InputError, match="is a folder: name a file"), atomic_path(name):
        pass


def test_a_name_that_is_too_long_is_to_be_shortened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shorten the name"), atomic_path(tmp_path / f"{300 * 'a'}.png"):
        pass
    with pytest.raises(InputError, match="shorten the name"):
        make_folder(tmp_path / (300 * "a"))


def test_the_backend_ends_where_its_input_was_closed_before(tmp_path: Path) -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "serve"]
    closed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert closed.returncode == 0 and "Traceback" not in closed.stderr


@needs_weights
def test_json_is_whole_where_the_output_has_few_letters(tmp_path: Path) -> None:
    np.save(tmp_path / "no photo", np.zeros(9))
    (tmp_path / "no photo.npy").rename(tmp_path / "Jürgen.jpg")
    arguments = ["batch", "Jürgen.jpg", "-o", "Köpfe", "--json", "--workers", "1", "--device", "cpu"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, env=environment, capture_output=True, timeout=120)
    assert b"Traceback" not in process.stderr
    assert json.loads(process.stdout)["photos"][0]["name"] == "Jürgen"
