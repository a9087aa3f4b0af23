"""Who may import what."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BACKEND = ROOT / "backend"

STAGES = (
    "checked conventions errors progress atomic quiet version input_file ramps",
    "camera manifolds",
    "portrait portrait_file render",
    "photo",
    "networks",
    "shape",
    "texture",
    "refine",
    "reconstruct",
    "picture",
    "edit",
    "outputs",
    "frames",
    "made",
    "benchmark",
    "batch",
    "evaluation",
    "training",
    "cli worker blender_process __main__",
)
"""Files and folders of backend/: each imports from its own line and from those above it."""


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


def neighbours(path: Path) -> set[str]:
    """What a file imports of this repository, anywhere in it, to two names deep: backend.photo, cuda_ops.native."""
    folder, names = path.relative_to(ROOT).parent.parts, set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[: len(folder) - node.level + 1], *(node.module.split(".") if node.module else [])]
            names |= {".".join([*base, alias.name][:2]) for alias in node.names}
    return names


def test_no_stage_imports_a_later_one() -> None:
    """Not inside a function and not for its types alone, either."""
    files = {path for path in BACKEND.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert sorted(" ".join(STAGES).split()) == sorted({path.stem for path in files} - {"__init__"})
    later, known = [], set()
    for stage in STAGES:
        known |= {f"backend.{name}" for name in stage.split()}
        for name in stage.split():
            for path in [BACKEND / f"{name}.py", *(BACKEND / name).rglob("*.py")]:
                if path.is_file():
                    assert "portrait_manifolds" not in imported(path), f"{path}: imports here are relative"
                    wrong = {found for found in neighbours(path) if not found.startswith("cuda_ops.")} - known
                    later += [f"{path.relative_to(BACKEND)} imports {found}" for found in sorted(wrong)]
    assert later == []


def test_a_package_loads_nothing_by_itself() -> None:
    """Blender and a plain render import a file of a stage without what the stage's other files need."""
    for path in BACKEND.rglob("__init__.py"):
        if path.parent.name != "cli":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert [type(node) for node in body] in ([], [ast.Expr]), path


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
