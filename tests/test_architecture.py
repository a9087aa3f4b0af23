"""Who may import what."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def imported(path: Path) -> set[str]:
    """Top-level names of all absolute imports in a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_only_the_add_on_knows_blender_and_it_does_not_know_torch() -> None:
    files = {path: imported(path) for folder in ("backend", "cuda_ops") for path in (ROOT / folder).rglob("*.py")}
    assert len(files) > 20
    assert [path for path, names in files.items() if names & {"bpy", "mathutils", "bmesh"}] == []
    for path in (ROOT / "blender_addon").rglob("*.py"):
        assert not imported(path) & {"torch", "mediapipe", "safetensors"}, path


def test_the_core_does_not_know_what_stands_on_it() -> None:
    for name in ("conventions", "errors", "camera", "manifolds", "portrait", "portrait_file", "render"):
        text = (ROOT / "backend" / f"{name}.py").read_text(encoding="utf-8")
        assert "from .cli" not in text and "from .training" not in text and "from .outputs" not in text, name


def test_the_ops_know_nothing_of_what_calls_them() -> None:
    for path in (ROOT / "cuda_ops").rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not [n for n in nodes if isinstance(n, ast.ImportFrom) and n.level > 1], path


def test_drawing_does_not_load_torch(tmp_path: Path, small_head) -> None:  # type: ignore[no-untyped-def]
    small_head.save(tmp_path / "head.portrait")
    script = (
        "import sys; sys.argv = ['portrait-manifolds', 'render', 'head.portrait', '-o', 'head.png']\n"
        "from portrait_manifolds.backend.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "assert 'torch' not in sys.modules and 'bpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "head.png").is_file()
