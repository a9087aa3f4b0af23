"""The Blender add-on, in Blender processes: each check is a function of a script beside this file.

PORTRAIT_MANIFOLDS_BPY names another Python whose bpy is tried instead, for the versions of `make test-blender-matrix`;
the backend is this environment's either way.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend.made.made_portrait import made_portrait

TESTS = Path(__file__).parent
PYTHON = os.environ.get("PORTRAIT_MANIFOLDS_BPY", sys.executable)
CHECKS = {
    "native": (
        "faithful",
        "look",
        "size_and_time",
        "reopened",
        "parented",
        "sheets_apart",
        "sheets_changed",
        "nested",
        "places",
        "linked_collection",
        "replaced",
        "enclosed",
        "edit_mode",
        "bad_files",
    ),
    "camera": (
        "round_trip",
        "refused",
        "photo_camera",
        "photo_behind",
        "hidden_in_viewports",
        "linked_duplicate",
        "rigs",
        "shared_action",
        "another_scene",
        "framing",
        "dolly_zoom",
    ),
    "compositing": (
        "compositing",
        "engines",
        "nodes",
        "outputs",
        "followed",
        "tracked",
        "portraits_come_and_go",
        "stand_in",
        "stand_in_renewed",
        "scaled_unevenly",
        "depth_of_field",
    ),
    "library": ("linked", "moved"),
    "light": (
        "shadow_on_portrait",
        "shadows_switched_off",
        "match_light",
        "light_on_set",
        "light_in_layers",
        "light_on_namesakes",
        "light_and_shadow",
    ),
    "look": ("look", "look_keys", "look_nodes", "edit", "edit_keeps", "painted", "read_only"),
    "setup": ("interrupted", "cancelled"),
    "interface": ("tooltips", "panels", "colours", "limits"),
    "cancel": ("import", "frames", "edit_and_export", "disabled"),
    "engine": (
        "engine",
        "looking_away",
        "region",
        "hidden",
        "background_set",
        "live_picture",
        "two_eyes",
        "engine_failures",
    ),
    "render": ("frames", "one_backend", "cancel_and_death", "killed_import", "another_python", "command", "export"),
}

pytestmark = pytest.mark.skipif(
    sys.executable == PYTHON and find_spec("bpy") is None, reason="needs Blender's module: pip install bpy"
)


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """head.portrait (512 texels), small.portrait (128) and wide.portrait, the same but 1 cm larger all around."""
    folder = tmp_path_factory.mktemp("portraits")
    made_portrait(512).save(folder / "head.portrait")
    small = made_portrait(128)
    small.save(folder / "small.portrait")
    wide = replace(small.manifolds, displacement_m=small.manifolds.displacement_m + np.float32(0.01))
    replace(small, manifolds=wide).save(folder / "wide.portrait")
    return folder


@pytest.fixture
def folder(tmp_path: Path, portraits: Path) -> Path:
    """A folder of a check's own, with a space and umlauts in its name."""
    folder = tmp_path / "Köpfe und mehr"
    shutil.copytree(portraits, folder)
    return folder


@pytest.mark.parametrize("script", ["render", "cancel"])
def test_photograph(script: str, folder: Path, tmp_path: Path) -> None:
    """The astronaut, through the real backend process."""
    data = pytest.importorskip("skimage.data", reason="has the astronaut's photograph")
    if not (TESTS.parent / "backend" / "weights").is_dir():
        pytest.skip("there are no weights yet")
    Image.fromarray(data.astronaut()).save(folder / "Astro naut ü.png")
    run_check(script, "photograph", folder, tmp_path)


@pytest.mark.parametrize(("script", "check"), [(script, check) for script in CHECKS for check in CHECKS[script]])
def test_in_blender(script: str, check: str, folder: Path, tmp_path: Path) -> None:
    run_check(script, check, folder, tmp_path)


@pytest.mark.skipif(find_spec("bpy") is None, reason="needs bpy in this Python")
def test_a_set_up_that_fails_in_any_way_ends() -> None:
    """The preferences wait for its end."""
    script = (
        "import threading, time\n"
        "from portrait_manifolds.blender_addon.setup_backend import SetUp\n"
        "def broken(*_): raise RuntimeError('out of threads')\n"
        "SetUp._install = broken\n"
        "set_up, end = SetUp(None), time.time() + 20.0\n"
        "while not set_up.done and time.time() < end: time.sleep(0.01)\n"
        "[thread.join(20.0) for thread in threading.enumerate() if thread is not threading.main_thread()]\n"
        "assert set_up.done and 'out of threads' in set_up.error, (set_up.done, set_up.error)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.skipif(find_spec("bpy") is None, reason="needs bpy in this Python")
@pytest.mark.parametrize("said", ["", "a last word"])
def test_a_script_leaves_only_logs_that_say_something(said: str, tmp_path: Path) -> None:
    script = (
        "from portrait_manifolds.blender_addon.backend_home import log_path, user_folder\n"
        f"log_path().write_text({said!r}); user_folder('edits')"
    )
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "TMPDIR": str(tmp_path)}, check=True, timeout=120)
    left = [path.name for path in tmp_path.glob("portrait_manifolds_*/**/*") if path.is_file()]
    assert left == (["backend.txt"] if said else [])
    assert bool(said) == any(tmp_path.glob("portrait_manifolds_*"))


def run_check(script: str, check: str, folder: Path, tmp_path: Path) -> None:
    """Runs a check's script in a Blender process."""
    scratch = tmp_path / "scratch"  # what a check leaves there goes when pytest clears up
    scratch.mkdir()
    environment = {**os.environ, "PORTRAIT_MANIFOLDS_PYTHON": sys.executable, "TMPDIR": str(scratch)}
    if sys.executable != PYTHON:
        (tmp_path / "packages").mkdir()
        (tmp_path / "packages" / "portrait_manifolds").symlink_to(TESTS.parent)
        environment["PYTHONPATH"] = str(tmp_path / "packages")
    command = [PYTHON, str(TESTS / f"blender_{script}_checks.py"), check, str(folder)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    print(result.stdout[-4000:])
    assert result.returncode == 0, result.stderr[-4000:]
