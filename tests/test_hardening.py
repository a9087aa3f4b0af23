"""What is broken, hostile or has no room: one sentence, no file left, and never a hang."""

import io
import json
import resource
import subprocess
import sys
import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend import camera, worker
from portrait_manifolds.backend.camera import MAX_CAMERAS, MAX_JSON_BYTES, Camera, load_cameras, look_at, save_cameras
from portrait_manifolds.backend.edit import load_painted
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.photo.photograph import (
    MAX_CMYK_PIXELS,
    MAX_COSTLY_PIXELS,
    MAX_PIXELS,
    decode_photograph,
    load_photograph,
)
from portrait_manifolds.backend.portrait import Portrait

FUZZ = Path(__file__).parent / "fuzz" / "fuzz.py"
COMMAND = [sys.executable, "-m", "portrait_manifolds.backend"]


@pytest.mark.parametrize("target", ["portrait", "cameras", "photograph", "pipe"])
def test_damaged_files_are_refused_or_read_never_worse(target: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FUZZ), target, "--seconds", "2"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    facts = json.loads(result.stdout)
    assert facts["runs"] >= 30 and facts["refused"] > 0


@pytest.mark.parametrize(("kind", "side_px"), [("PNG", MAX_PIXELS), ("TIFF", MAX_PIXELS), ("WEBP", MAX_COSTLY_PIXELS)])
def test_a_small_file_of_a_huge_picture_is_refused_unread(tmp_path: Path, kind: str, side_px: int) -> None:
    side = int(side_px**0.5) + 100
    path = tmp_path / "bomb"
    options = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    Image.new("1" if kind != "WEBP" else "RGB", (side, side)).save(path, kind, **options)
    assert path.stat().st_size < 1e6
    for read in (load_photograph, load_painted):
        with pytest.raises(InputError, match=r"shrink it to at most \d+ megapixels"):
            read(path)


PEAK_BYTES_A_PIXEL = """
import sys
from pathlib import Path
from portrait_manifolds.backend.photo import photograph

def peak_kb():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

path, pixels, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
photograph._STRIP_PIXELS = photograph._STRIP_PIXELS * pixels // most  # in the same share of the picture
photograph.load_photograph(sys.argv[4])  # what is loaded once
before = peak_kb()
photograph.load_photograph(path)
print((peak_kb() - before) * 1024 / pixels)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell how much memory was used")
@pytest.mark.parametrize(
    ("kind", "mode", "most_pixels", "options"),
    [
        ("JPEG", "RGB", MAX_PIXELS, {"progressive": True, "subsampling": 0}),
        ("JPEG", "CMYK", MAX_CMYK_PIXELS, {"progressive": True, "subsampling": 0}),
        ("PNG", "RGBA", MAX_PIXELS, {"compress_level": 1}),
        ("TIFF", "F", MAX_PIXELS, {"compression": "tiff_deflate"}),
        ("WEBP", "RGBA", MAX_COSTLY_PIXELS, {"method": 0}),
        ("JPEG2000", "RGBA", MAX_COSTLY_PIXELS, {}),
        ("AVIF", "RGBA", MAX_COSTLY_PIXELS, {"speed": 10}),
    ],
)
def test_the_largest_picture_takes_less_than_a_gigabyte(
    tmp_path: Path, kind: str, mode: str, most_pixels: int, options: dict
) -> None:
    side = 2000
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    picture = Image.fromarray(np.stack([across % 256, down % 256, across // 8], -1).astype(np.uint8))
    picture.convert("L" if mode == "F" else mode).convert(mode).save(tmp_path / "large", kind, **options)
    picture.crop((0, 0, 64, 64)).save(tmp_path / "small", "PNG")
    arguments = [tmp_path / "large", side * side, most_pixels, tmp_path / "small"]
    command = [sys.executable, "-c", PEAK_BYTES_A_PIXEL, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert float(result.stdout) * most_pixels < 1 << 30, result.stdout + result.stderr


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", b"PK\x03\x04" + bytes(99)])
def test_formats_that_hold_more_than_pixels_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    for read in (load_photograph, load_painted):
        with pytest.raises(InputError, match="cannot be read as a picture"):
            read(path)


def test_the_longest_animation_fits_into_a_file_of_cameras(tmp_path: Path) -> None:
    x = 1.0 / 3.0  # all digits that a number can have, in all places
    turned = Camera(look_at((x, x, x)).camera_to_world + np.full((4, 4), -1e-9 * x), *[1e4 * x] * 4, 10_000, 10_000)
    save_cameras(tmp_path / "cameras.json", [turned] * 10)
    assert (tmp_path / "cameras.json").stat().st_size * MAX_CAMERAS / 10 < MAX_JSON_BYTES
    assert load_cameras(tmp_path / "cameras.json") == [turned] * 10


def test_more_cameras_than_an_animation_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "MAX_CAMERAS", 3)
    save_cameras(tmp_path / "cameras.json", [look_at((0, 0, 1))] * 4)
    with pytest.raises(InputError, match="at most 3 cameras"):
        load_cameras(tmp_path / "cameras.json")


@pytest.mark.parametrize("text", ["[" + "[]," * 300_000 + "[]]", '{"fx_px": [' + "0," * 300_000 + "0]}"])
def test_a_large_file_of_no_cameras_is_refused_at_its_first(tmp_path: Path, text: str) -> None:
    (tmp_path / "cameras.json").write_text(text)
    tracemalloc.start()
    with pytest.raises(InputError):
        load_cameras(tmp_path / "cameras.json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * len(text)  # the bytes, the text, and one camera; all its lists would be 20 times the bytes


@pytest.mark.parametrize("text", ["[{0}, {0}]", " \n[{0}\n,{0}\n]\n", "{0}", "\ufeff[{0}]"])
def test_cameras_however_they_are_written_are_read(tmp_path: Path, text: str) -> None:
    one = look_at((0.1, 0.2, 1.0))
    (tmp_path / "cameras.json").write_text(text.replace("{0}", json.dumps(one.to_dict(), indent=4)), encoding="utf-8")
    assert load_cameras(tmp_path / "cameras.json") == [one] * text.count("{0}")


@pytest.mark.parametrize("text", ["[{0}", "[{0},]", "[{0} {0}]", "[{0}]]", "{0} {0}", "{0},", "[,{0}]"])
def test_cameras_in_what_is_not_json_are_refused(tmp_path: Path, text: str) -> None:
    one = json.dumps(look_at((0.1, 0.2, 1.0)).to_dict())
    (tmp_path / "cameras.json").write_text(text.replace("{0}", one), encoding="utf-8")
    with pytest.raises(InputError, match="is not JSON of cameras"):
        load_cameras(tmp_path / "cameras.json")


def test_a_wrong_camera_is_counted_as_frames_are(tmp_path: Path) -> None:
    one = look_at((0.1, 0.2, 1.0)).to_dict()
    (tmp_path / "cameras.json").write_text(json.dumps([one, one | {"fx_px": -1.0}]))
    with pytest.raises(InputError, match="camera 2: "):
        load_cameras(tmp_path / "cameras.json")


def test_a_pipe_and_a_folder_are_no_photograph(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="check the path"):
            load_photograph(path)
    with pytest.raises(InputError, match="cannot be read"):
        decode_photograph(b"", "nothing")


@pytest.mark.parametrize(
    "garbage", [b"\xff\xfe\n", b"[" * 100_000 + b"\n", b"3\n", b'["cancel"]\n', b'{"id": 1e999}\n']
)
def test_the_backend_outlives_garbage_on_its_pipe(garbage: bytes) -> None:
    good = json.dumps({"id": 7, "method": "nothing"}).encode() + b"\n"
    half = b'{"id": 8, "meth'
    result = subprocess.run([*COMMAND, "serve"], input=garbage + good + half, capture_output=True, timeout=60)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [7]
    assert answers[0]["kind"] in ("input", "cancelled") and result.returncode == 0
    assert b"Traceback" not in result.stderr


def test_a_request_that_is_wrong_is_answered() -> None:

    from portrait_manifolds.backend.worker import Worker

    requests = [
        {"id": 1, "method": "render", "params": {}},
        {"id": 2, "method": "render", "params": [3]},
        {"id": 3, "method": "command", "params": {"arguments": ["serve"]}},
        {"id": 4, "method": {"a": 1}},
        {"id": 5, "method": "render", "params": {"layers": [{"portrait": {}}]}},
        {"id": 6, "method": "render", "params": {"layers": [{"portrait": "\0"}]}},
        {"id": 7, "method": "frames", "params": {"cameras": [], "format": "../../x"}},
        {"id": 8, "method": "command", "params": {"arguments": "info"}},
    ]
    answers = io.StringIO()
    worker = Worker(io.StringIO(), answers)
    assert worker.waiting.get() is None
    worker.gone = False
    for request in requests:
        worker._answer(request)
    last = [json.loads(line) for line in answers.getvalue().splitlines()]
    errors = {message["id"]: message for message in last if "error" in message}
    assert set(errors) == {request["id"] for request in requests}
    assert {error["kind"] for error in errors.values()} == {"input"}
    assert all("'portrait'" in errors[number]["error"] for number in (5, 6))


def test_a_picture_for_a_viewport_that_is_closed_makes_no_folder(tmp_path: Path, small_head: Portrait) -> None:
    small_head.save(tmp_path / "head.portrait")
    layer = {"portrait": str(tmp_path / "head.portrait"), "camera": small_head.camera(16, 16).to_dict()}
    params = worker.Params({"layers": [layer], "output": str(tmp_path / "gone" / "view.npy")})
    with pytest.raises(InputError, match="There is no folder"):
        worker._render(params)
    assert not (tmp_path / "gone").exists()
    (tmp_path / "gone").mkdir()
    assert Path(str(worker._render(params)["output"])).is_file()


WRITING = {
    "still.png": ("render", "head.portrait", "--size", "300x300"),
    "still.exr": ("render", "head.portrait", "--size", "300x300"),
    "film.mp4": ("animate", "head.portrait", "--frames", "3", "--size", "300x300", "--path", "swing"),
    "frames": ("animate", "head.portrait", "--frames", "2", "--size", "300x300"),
    "edited.portrait": ("edit", "head.portrait", "--image", "view.png"),
    "head.glb": ("export", "head.portrait"),
    "head.ply": ("export", "head.portrait"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from portrait_manifolds.backend.made.made_portrait import made_portrait
    from portrait_manifolds.backend.outputs.png import save_png

    folder = tmp_path_factory.mktemp("inputs")
    portrait = made_portrait(texture_size=128)
    portrait.save(folder / "head.portrait")
    save_png(folder / "view.png", portrait.render(portrait.input_camera)[0])
    return folder


ON_A_SMALL_DISK = [
    "unshare",
    "-rm",
    "sh",
    "-c",
    """
    mount -t tmpfs -o size=4k none "$0" || exit 77
    "$@"; code=$?
    cd "$0" && find . -type f -printf "left %P\\n"
    exit $code
""",
]
"""A command with a disk of 4 KB mounted on a folder, and what is left there; the folder, then the command follow."""


@cache
def may_mount() -> bool:
    try:
        return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], timeout=60).returncode == 0
    except OSError:
        return False


def _few_bytes() -> None:
    """Where nothing may be mounted: a disk that gives out after 4 KB of a file, as far as a program can tell."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def run_on_full_disk(command: list[str], cwd: Path, disk: Path) -> tuple[str, list[str]]:
    """What a command that fails for want of room prints as its error, and the files that it leaves on the disk."""
    disk.mkdir()
    mounted = may_mount()
    result = subprocess.run(
        [*ON_A_SMALL_DISK, str(disk), *command] if mounted else command,
        cwd=cwd,
        capture_output=True,
        text=True,
        preexec_fn=None if mounted else _few_bytes,
        timeout=300,
    )
    assert result.returncode == 1 and "Traceback" not in result.stderr, result.stderr
    left = [line[5:] for line in result.stdout.splitlines() if line.startswith("left ")]
    here = [str(path.relative_to(disk)) for path in disk.rglob("*") if path.is_file()]
    return result.stderr, left if mounted else here


@pytest.mark.parametrize("output", WRITING)
def test_a_full_disk_gets_one_sentence_and_leaves_nothing(inputs: Path, tmp_path: Path, output: str) -> None:
    disk = tmp_path / "disk"
    said, left = run_on_full_disk([*COMMAND, *WRITING[output], "-o", str(disk / output)], inputs, disk)
    lines = [line for line in said.splitlines() if line.startswith("portrait-manifolds: ")]
    assert len(lines) == 1 and "free some space" in lines[0]
    assert left == []


def test_a_batch_on_a_full_disk_leaves_no_half_report(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    disk = tmp_path / "disk"
    command = [*COMMAND, "batch", "noise.png", "-o", str(disk / "out"), "--workers", "1", "--device", "cpu"]
    said, left = run_on_full_disk(command, tmp_path, disk)
    last = said.splitlines()[-1]
    assert last.startswith("portrait-manifolds: Writing") and "free some space" in last
    assert set(left) <= {"out/.batch/worker-0.log", "out/report.csv"}


@pytest.mark.parametrize("output", [*WRITING, "batch"])
def test_a_folder_that_may_not_be_written_gets_one_sentence(inputs: Path, output: str) -> None:
    action = WRITING.get(output, ("batch", "view.png"))
    command = [*COMMAND, *action, "-o", f"/proc/{output}"]  # root may write everywhere else
    result = subprocess.run(command, cwd=inputs, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2, result.stderr
    assert "choose a folder you may write to" in result.stderr and "Traceback" not in result.stderr
