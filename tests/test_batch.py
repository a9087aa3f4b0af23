"""Many photographs: names, failures, what a killed run leaves, and how the next one goes on; both engines."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
from conftest import is_running, needs_weights
from PIL import Image

from portrait_manifolds.backend.batch import cluster, work
from portrait_manifolds.backend.batch.cores import share_of
from portrait_manifolds.backend.batch.local import run_local
from portrait_manifolds.backend.batch.outcome import PRIVATE, Outcome, kept_outcome, publish
from portrait_manifolds.backend.batch.photos import Task, find_tasks, output_names
from portrait_manifolds.backend.batch.run import run_batch
from portrait_manifolds.backend.batch.settings import Settings
from portrait_manifolds.backend.camera import look_at, save_cameras
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.portrait import Portrait

ASTRONAUT, MIRRORED = "Jürgen & co", "jürgen & CO-2"
QUICK = "--workers 1 --texture-size 256 --size 64x64 --path swing --frames 3 --samples 1 --device cpu"
SMALL = Settings(texture_size=256, size_px=(48, 48), samples=1, device="cpu")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portrait, half a portrait and noise, and in a folder inside it a portrait of the same name."""
    pixels = pytest.importorskip("skimage.data").astronaut()
    folder = tmp_path_factory.mktemp("Fotos für Tests")
    (folder / "more").mkdir()
    Image.fromarray(pixels).save(folder / f"{ASTRONAUT}.jpg", quality=95)
    Image.fromarray(pixels[:, ::-1]).save(folder / "more" / "jürgen & CO.png")
    data = (folder / f"{ASTRONAUT}.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(data[: len(data) // 3])
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)).save(folder / "noise.jpg")
    (folder / "notes.txt").write_text("no photograph")
    return folder


def batch(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "portrait_manifolds.backend", "batch", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check_whole(output: Path) -> list[str]:
    """Names of the outputs, each of which must be readable."""
    for path in output.glob("*.portrait"):
        Portrait.load(path)
    for path in output.glob("*.png"):
        with Image.open(path) as still:
            still.load()
    return sorted(path.name for path in output.iterdir())


def test_names_are_told_apart() -> None:
    assert output_names(["a", "b", "a", "A", "a-2"]) == ["a", "b", "a-3", "A-4", "a-2"]
    assert output_names(["u\u0308", "ü"]) == ["u\u0308", "ü-2"]  # the same letter, written in two ways


def test_photos_are_found_once_each(photos: Path, tmp_path: Path) -> None:
    first = photos / f"{ASTRONAUT}.jpg"
    tasks = find_tasks([str(first), str(photos), str(photos / "*.jpg"), str(photos / "more" / "*")], tmp_path)
    assert [task.name for task in tasks] == [ASTRONAUT, "half", "noise", MIRRORED]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["missing.jpg"], "missing.jpg"),
        (["*.jpg"], "pattern"),
        (["."], "no photos"),
        ([], "photos"),
    ],
)
def test_no_photos_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=re.escape(word)):
        find_tasks(arguments, tmp_path / "out")


def test_photos_in_the_output_folder_are_refused(photos: Path) -> None:
    with pytest.raises(InputError, match="output folder"):
        find_tasks([str(photos)], photos)


@pytest.mark.parametrize(
    "options", [("--path", "spiral"), ("--size", "big"), ("--workers", "0"), ("--address", "auto"), ("--frames", "0")]
)
def test_bad_options_exit_with_2_and_make_nothing(photos: Path, tmp_path: Path, options: tuple) -> None:
    process = batch(photos, "-o", tmp_path / "out", *options)
    error = process.communicate()[1]
    assert process.returncode == 2 and error.startswith("portrait-manifolds: ") and "Traceback" not in error
    assert not (tmp_path / "out").exists()


@needs_weights
@pytest.mark.parametrize("name", ["report.csv", "contact_sheet_2.jpg", "a.png"])
def test_a_file_that_no_batch_made_is_not_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name} is there already"):
        run_batch([Task(tmp_path / "photos" / "a.jpg", "a")], SMALL, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "mine"


@needs_weights
def test_only_an_earlier_report_is_taken_away(tmp_path: Path) -> None:
    run_batch([], SMALL, tmp_path)
    for name in ("contact_sheet.jpg", "contact_sheet_2.jpg", "contact_sheet_of_client.jpg"):
        (tmp_path / name).touch()
    run_batch([], SMALL, tmp_path)
    assert {path.name for path in tmp_path.glob("*.*")} - {PRIVATE} == {
        "contact_sheet_of_client.jpg",
        "report.csv",
        "report.html",
    }


def test_all_cores_are_shared_out_and_none_twice() -> None:
    shares = [share_of(worker, 3, range(8)) for worker in range(3)]
    assert sorted(core for share in shares for core in share) == list(range(8))
    assert [share_of(worker, 3, [4, 6]) for worker in range(3)] == [[4], [6], [4]]


@needs_weights
def test_the_settings_tell_what_changes_the_outputs() -> None:
    same, other = Settings(frames=9, device="cpu"), Settings(yaw_deg=5.0)
    assert Settings().fingerprint() == same.fingerprint()  # without a path the number of frames does not count
    assert len({settings.fingerprint() for settings in (Settings(), other, Settings(path="orbit"))}) == 3


WRONG_CHOICES = [
    *({"refine_steps": steps} for steps in (20_000, -1, 1.5, "2")),
    *({"texture_size": size} for size in (2048, 512.0, "512")),
]


@pytest.mark.parametrize("wrong", WRONG_CHOICES)
def test_settings_are_refused_that_no_portrait_can_be_made_with(wrong: dict) -> None:
    with pytest.raises(InputError, match="cannot be made"):
        Settings(**wrong)


def test_a_path_that_no_film_can_follow_is_refused_before_any_portrait_is_made(tmp_path: Path) -> None:
    cameras = [look_at((0.0, 0.0, 1.0), width_px=side_px, height_px=48) for side_px in (48, 64)]
    path = tmp_path / "path.json"
    save_cameras(path, cameras)
    with pytest.raises(InputError, match="differ in size: give one with --size"):
        Settings(path=str(path))
    assert len(Settings(path=str(path), size_px=(32, 32)).json_cameras) == 2
    save_cameras(path, [cameras[0], look_at((0.0, 0.0, 1.0), (0.0, 0.0, 2.0), width_px=48, height_px=48)])
    assert len(Settings(path=str(path)).json_cameras) == 2  # a pan past the head, whose frame is clear


def test_a_gpu_that_is_not_there_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="use --device cpu"):
        run_batch([Task(tmp_path / "a.jpg", "a")], Settings(device="cuda"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_that_is_not_the_disk_s_fault_is_told_as_it_is(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_weights(*_: object) -> None:
        try:
            Path("/nowhere/weights").read_bytes()
        except OSError as error:
            raise ProcessingError("The weights are missing: install the package again.") from error

    monkeypatch.setattr(work, "make_outputs", without_weights)
    monkeypatch.setattr(Settings, "fingerprint", lambda settings: "")
    (tmp_path / PRIVATE).mkdir()
    outcome = work.attempt(Task(photos / "noise.jpg", "noise"), None, SMALL, tmp_path)
    assert outcome.reason == "The weights are missing: install the package again."


def test_what_fails_on_a_node_is_no_death_of_it(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    cause = ProcessingError("The weights are missing: install the package again.")
    error = ray.exceptions.RayTaskError("make", "Traceback", cause)

    class Failed:
        exceptions = ray.exceptions

        @staticmethod
        def get(done: object) -> None:
            raise error

    outcome = cluster._outcome(Failed, object(), Task(Path("a.jpg"), "a"), tmp_path)
    assert outcome.reason == str(cause)


def test_a_note_counts_only_for_whole_files_of_the_same(tmp_path: Path) -> None:
    task, made = Task(Path("a.jpg"), "a"), Outcome("a", "a.jpg", "made", "photo", "settings", (("a.png", 3),))
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "a.png").write_bytes(b"abc")
    assert kept_outcome(task, "photo", tmp_path, "settings") is None
    publish(tmp_path / "unfinished", tmp_path, made)
    kept = kept_outcome(task, "photo", tmp_path, "settings")
    assert kept is not None and kept.state == "kept" and kept.files == made.files
    assert kept_outcome(task, "other photo", tmp_path, "settings") is None
    assert kept_outcome(task, "photo", tmp_path, "other settings") is None
    (tmp_path / "a.png").write_bytes(b"ab")
    assert kept_outcome(task, "photo", tmp_path, "settings") is None


@pytest.fixture(scope="module")
def killed_and_resumed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict, float]]:
    """The output folder of a run killed after its first portrait and taken up by another; what that one printed."""
    output = tmp_path_factory.mktemp("Ausgabe") / "neu"
    arguments = (photos, photos / "more" / "*", "-o", output, *QUICK.split())
    process = batch(*arguments)
    note = output / PRIVATE / "notes" / f"{ASTRONAUT}.json"
    deadline = time.monotonic() + 100
    while not note.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    process.kill()
    process.communicate()
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(is_running(pid) for pid in workers)
    assert check_whole(output) == [PRIVATE, *(f"{ASTRONAUT}.{kind}" for kind in ("mp4", "png", "portrait"))]
    changed = (output / f"{ASTRONAUT}.portrait").stat().st_mtime_ns
    process = batch(*arguments, "--resume", "--json")
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "2 of 4 photos failed" in errors and "Traceback" not in errors
    yield output, json.loads(printed), changed


@needs_weights
def test_a_killed_run_leaves_whole_files_and_is_taken_up(killed_and_resumed: tuple[Path, dict, float]) -> None:
    output, facts, changed = killed_and_resumed
    states = {one["name"]: one["state"] for one in facts["photos"]}
    assert states == {"half": "failed", ASTRONAUT: "kept", "noise": "failed", MIRRORED: "made"}
    assert (output / f"{ASTRONAUT}.portrait").stat().st_mtime_ns == changed
    outputs = [f"{name}.{kind}" for name in (ASTRONAUT, MIRRORED) for kind in ("mp4", "png", "portrait")]
    assert check_whole(output) == sorted([PRIVATE, *outputs, "contact_sheet.jpg", "report.csv", "report.html"])
    assert not (output / PRIVATE / "unfinished").exists()


@needs_weights
def test_the_report_tells_what_became_of_each_photo(killed_and_resumed: tuple[Path, dict, float]) -> None:
    output, _, _ = killed_and_resumed
    with (output / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["photo"]).name: row for row in csv.DictReader(file)}
    assert rows["half.jpg"]["state"] == "failed" and "cannot be read" in rows["half.jpg"]["reason"]
    assert "No face" in rows["noise.jpg"]["reason"]
    assert rows["jürgen & CO.png"]["portrait"] == f"{MIRRORED}.portrait"
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "No face was found" in page and "J%C3%BCrgen%20%26%20co.mp4" in page and "Jürgen &amp; co.png" in page
    assert page.count("data:image/jpeg") == 5  # three photographs can be shown, and two portraits
    assert not re.search(r'(?:src|href)="(?:https?:|/|file:)', page)
    with Image.open(output / "contact_sheet.jpg") as sheet:
        pixels = np.asarray(sheet.convert("RGB"), np.float32)
    assert pixels.shape[1] > 550 and pixels.std() > 30  # two pairs, and something in them


@needs_weights
def test_a_dead_worker_is_replaced_and_its_photo_made_again(photos: Path, tmp_path: Path) -> None:
    (tmp_path / PRIVATE).mkdir()
    tasks = [Task(photos / "noise.jpg", "noise"), Task(photos / f"{ASTRONAUT}.jpg", "astronaut")]
    outcomes = run_local(tasks, SMALL, tmp_path, workers=1)
    assert next(outcomes).state == "failed"
    (worker,) = active_children()
    os.kill(worker.pid or 0, signal.SIGKILL)
    (made,) = list(outcomes)
    assert made.state == "made" and "worker died" in made.warnings[0]
    assert not active_children()
    assert check_whole(tmp_path) == [PRIVATE, "astronaut.png", "astronaut.portrait"]


@needs_weights
def test_a_node_without_the_output_folder_sends_its_files(photos: Path, tmp_path: Path) -> None:
    task = Task(photos / f"{ASTRONAUT}.jpg", "astronaut")
    place = cluster.Place(tmp_path / "elsewhere", "token", SMALL.fingerprint())
    outcome, files = cluster.make(task, task.photo.read_bytes(), SMALL, place)
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "out" / PRIVATE / "unfinished").mkdir(parents=True)
    assert cluster.bring(outcome, files, task, tmp_path / "out").state == "made"
    assert check_whole(tmp_path / "out") == [PRIVATE, "astronaut.png", "astronaut.portrait"]
    assert kept_outcome(task, outcome.photo_sha256, tmp_path / "out", SMALL.fingerprint())


@needs_weights
def test_what_ray_prints_is_no_output(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_ray(tasks: list[Task], *_: object) -> Iterator[Outcome]:
        print("(raylet) A worker died")
        yield from (Outcome(task.name, str(task.photo), "failed", reason="It died.") for task in tasks)

    monkeypatch.setattr(cluster, "run_ray", run_ray)
    run_batch([Task(photos / "noise.jpg", "noise")], SMALL, tmp_path / "out", engine="ray")
    printed = capsys.readouterr()
    assert printed.out == "" and "(raylet)" in printed.err


@needs_weights
def test_ray_makes_the_same(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[cluster]'")
    import av

    settings = Settings(texture_size=256, size_px=(48, 48), samples=1, device="cpu", path="orbit", frames=60)
    tasks = [Task(photos / "noise.jpg", "noise"), Task(photos / f"{ASTRONAUT}.jpg", "astronaut")]
    outcomes = run_batch(tasks, settings, tmp_path / "ray", engine="ray", workers=2)
    assert [outcome.state for outcome in outcomes] == ["failed", "made"]
    with av.open(str(tmp_path / "ray" / "astronaut.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(frames) == 60  # drawn in two parts
    portrait = Portrait.load(tmp_path / "ray" / "astronaut.portrait")
    cameras = settings.film_cameras(portrait)
    for index in (0, 47, 48, 59):  # the ends of the parts
        expected = next(cluster.draw_frames(portrait, [cameras[index]], 1, (0.5, 0.5, 0.5)))
        # Brightness: a film keeps colour at half the size, which at 48 pixels is most of the difference.
        difference = frames[index].mean(-1) - np.asarray(expected, float).mean(-1)
        assert np.abs(difference).mean() < 4, index
