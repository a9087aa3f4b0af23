"""The examples, at a small size: each ends with its picture."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from portrait_manifolds.backend.networks.manifest import FOLDER, MANIFEST
from portrait_manifolds.backend.portrait import Portrait

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = {
    "orbit": "side_px=48, frames=3",
    "edit": "side_px=48",
    "python_api": "side_px=48",
    "dolly_zoom": "width_px=64, height_px=48, frames=4",
    "composite_over_scene": "width_px=64, height_px=48, samples=1",
}


def run(name: str, arguments: str, folder: Path) -> str:
    """Calls an example's main in a process of its own, as Blender needs; returns what it printed."""
    script = f"import runpy; from pathlib import Path; runpy.run_path({str(EXAMPLES / name / name)!r} + '.py')"
    command = [sys.executable, "-c", f"{script}['main']({arguments})"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def contrast(picture: Path) -> float:
    """Standard deviation of its grey values."""
    with Image.open(picture) as image:
        histogram = image.convert("L").histogram()
    count = sum(histogram)
    mean = sum(value * number for value, number in enumerate(histogram)) / count
    return float((sum(number * (value - mean) ** 2 for value, number in enumerate(histogram)) / count) ** 0.5)


@pytest.mark.parametrize("name", SMALL)
def test_example(name: str, small_head: Portrait, tmp_path: Path) -> None:
    if name in ("dolly_zoom", "composite_over_scene") and find_spec("bpy") is None:
        pytest.skip("needs Blender's module: pip install bpy")
    small_head.save(tmp_path / "head.portrait")
    printed = run(name, f"Path('made'), Path('head.portrait'), {SMALL[name]}", tmp_path)
    assert f"made/{name}.jpg" in printed
    assert contrast(tmp_path / "made" / f"{name}.jpg") > 10


def test_made_head(tmp_path: Path) -> None:
    run("made_head", "Path('made'), side_px=48, frames=2, texture_size=128", tmp_path)
    assert {"made_head.jpg", "dolly_zoom.mp4", "head.glb"} <= {path.name for path in (tmp_path / "made").iterdir()}


def test_batch_folder(tmp_path: Path) -> None:
    pytest.importorskip("skimage.data", reason="has the astronaut's photograph")
    if not (FOLDER / MANIFEST).is_file():
        pytest.skip("the weights are not in this checkout")
    run("batch_folder", "Path('made'), side_px=48, texture_size=256", tmp_path)
    made = {path.name for path in (tmp_path / "made" / "portraits").iterdir()}
    assert {"contact_sheet.jpg", "report.html", "mirrored.png", "cut closely.portrait"} <= made
    assert "no face.png" not in made
    assert "No face was found" in (tmp_path / "made" / "portraits" / "report.html").read_text(encoding="utf-8")


def test_every_example_is_tried_and_explained() -> None:
    names = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert names == {*SMALL, "made_head", "batch_folder"}
    for name in names:
        assert f"examples/{name}/{name}.py" in (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
        assert (EXAMPLES / name / f"{name}.jpg").stat().st_size <= 300_000
