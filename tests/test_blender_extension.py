"""The extension as users get it: built by Blender's own tool, installed, switched off and on, used, removed."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import is_running

from portrait_manifolds.backend.portrait import Portrait

ROOT = Path(__file__).parents[1]
BACKEND = [sys.executable, "-m", "portrait_manifolds.backend"]
PYTHON = os.environ.get("PORTRAIT_MANIFOLDS_BPY", sys.executable)

FRAMES = 2000
"""More than are drawn in a minute. The camera's place is read in all of them first, in a millisecond and more each."""

pytestmark = pytest.mark.skipif(find_spec("bpy") is None, reason="needs Blender's module: pip install bpy")


def blender_tool(*arguments: str) -> str:
    """Runs Blender's extension tool; returns what it says."""
    package = Path(find_spec("bpy").origin).parent
    tool = next(package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    command = [sys.executable, "-I", str(tool), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension's zip."""
    folder = tmp_path_factory.mktemp("extension")
    blender_tool("build", "--source-dir", str(ROOT), "--output-dir", str(folder))
    return next(folder.glob("*.zip"))


def test_zip_is_valid_and_holds_what_is_needed(built: Path) -> None:
    blender_tool("validate", str(built))
    with zipfile.ZipFile(built) as file:
        names = set(file.namelist())
    needed = {
        "__init__.py",
        "blender_manifest.toml",
        "blender_addon/__init__.py",
        "backend/worker.py",
        "pyproject.toml",
    }
    assert needed <= names
    assert not [name for name in names if name.split("/")[0] in {"tests", "docs", "examples", "out"} or "/." in name]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in tracked if name.startswith(("blender_addon/", "backend/", "cuda_ops/"))} <= names


def test_installed_used_and_removed(built: Path, tmp_path: Path, small_head: Portrait) -> None:
    folder = tmp_path / "Köpfe und mehr"
    small_head.save(folder / "small.portrait")
    environment = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(tmp_path / "Einstellungen für Blender"),
        "PORTRAIT_MANIFOLDS_PYTHON": sys.executable,
    }
    command = [PYTHON, str(ROOT / "tests" / "blender_extension_checks.py"), str(built), str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]


def test_command_line_renders_a_scene(tmp_path: Path, small_head: Portrait) -> None:
    folder = tmp_path / "Köpfe und mehr"
    small_head.save(folder / "small.portrait")
    script = (
        "import bpy, os\nfrom portrait_manifolds import blender_addon\n"
        "bpy.ops.wm.read_factory_settings(use_empty=True)\nblender_addon.register()\n"
        "bpy.ops.portrait_manifolds.import_portrait(filepath='small.portrait')\n"
        "bpy.ops.portrait_manifolds.add_rig(type='SWING', frame_start=1, frame_end=8)\n"
        "bpy.context.scene.render.resolution_x = bpy.context.scene.render.resolution_y = 32\n"
        "bpy.ops.wm.save_as_mainfile(filepath=os.path.abspath('Szene ü.blend'))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, capture_output=True, timeout=60)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*BACKEND, "blender", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)

    done = run("Szene ü.blend", "--frames", "3..5", "-o", "Bilder", "--format", "png")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "Bilder").glob("*.png")) == [f"frame_{k:04d}.png" for k in (3, 4, 5)]
    for arguments, code, word in (
        (("missing.blend", "-o", "x"), 2, "missing.blend"),
        (("Szene ü.blend", "-o", "x", "--frames", "5..1"), 2, "FIRST..LAST"),
        (("Szene ü.blend", "-o", "x", "--blender", "/nowhere/blender"), 2, "/nowhere/blender"),
        (("small.portrait", "-o", "x"), 2, "check that it is a Blender file"),
    ):
        result = run(*arguments)
        assert result.returncode == code and word in result.stderr and "Traceback" not in result.stderr, result.stderr
    (folder / "small.portrait").unlink()
    result = run("Szene ü.blend", "-o", "more")
    assert result.returncode == 2 and "is gone: choose it anew" in result.stderr, result.stderr
    assert not (folder / "more").exists()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_blender_stops_with_the_command_that_started_it(tmp_path: Path, small_head: Portrait, end: int) -> None:
    small_head.save(tmp_path / "small.portrait")
    subprocess.run([*BACKEND, "export", "small.portrait", "-o", "small.blend"], cwd=tmp_path, check=True, timeout=60)
    command = [*BACKEND, "blender", "small.blend", "--frames", f"1..{FRAMES}", "-o", "frames"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        while not list((tmp_path / "frames").glob("frame_*")):
            assert process.poll() is None
            time.sleep(0.1)
        started = descendants(process.pid)
        assert started, "Blender, and its backend"
        process.send_signal(end)
        ended_s = time.time()
    while running := [pid for pid in started if is_running(pid)]:
        assert time.time() < ended_s + 20.0, running
        time.sleep(0.02)
    drawn_s = max(frame.stat().st_mtime for frame in (tmp_path / "frames").iterdir())
    assert drawn_s < ended_s + 3.0  # the frames under way are finished
    assert len(list((tmp_path / "frames").glob("frame_*"))) < FRAMES // 2


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that these did."""
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # gone meanwhile
        children = []
    return children + [each for child in children for each in descendants(child)]


def test_export_writes_a_blend(tmp_path: Path, small_head: Portrait) -> None:
    small_head.save(tmp_path / "Kopf ü.portrait")
    command = [*BACKEND, "export", "Kopf ü.portrait", "-o", "Kopf ü.blend"]
    said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60).stdout
    assert not said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Kopf ü.blend", "Kopf ü.portrait"]
    script = (  # opened without the add-on
        "import bpy\nimport os\nbpy.ops.wm.open_mainfile(filepath=os.path.abspath('Kopf ü.blend'))\n"
        "scene = bpy.context.scene\nassert scene.camera and scene.view_settings.view_transform == 'Standard'\n"
        "assert [image for image in bpy.data.images if image.packed_file and image.alpha_mode == 'CHANNEL_PACKED']\n"
        "assert len([item for item in scene.objects if item.type == 'MESH']) == 1\n"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
