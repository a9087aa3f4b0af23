"""What an installed package holds beside its Python files."""

import runpy
from pathlib import Path

import pytest
import setuptools
from setuptools import Distribution

ROOT = Path(__file__).parents[1]


def test_a_wheel_holds_weights_sources_of_ops_and_the_mark_of_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without py.typed type checkers of those who import the package take all of it for Any (PEP 561)."""
    monkeypatch.chdir(ROOT)
    distribution = Distribution()
    distribution.parse_config_files(["pyproject.toml"])
    command = distribution.get_command_obj("build_py")
    command.ensure_finalized()
    held = {f"{package}/{name}" for package, _, _, names in command.data_files for name in names}
    assert "portrait_manifolds/py.typed" in held
    for package, folder in (("backend", "backend/weights"), ("cuda_ops", "cuda_ops/csrc")):
        names = {path.relative_to(ROOT / package).as_posix() for path in (ROOT / folder).iterdir() if path.is_file()}
        assert names <= {name.partition("/")[2] for name in held if name.startswith(f"portrait_manifolds.{package}/")}


def test_a_wheel_leaves_out_what_builds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository's root is the package's folder, and setup.py would run where somebody imports all modules."""
    monkeypatch.setattr(setuptools, "setup", lambda **options: None)
    command = runpy.run_path(str(ROOT / "setup.py"))["BuildWithOps"](Distribution({"script_name": "backend"}))
    command.ensure_finalized()
    modules = {name for _, name, _ in command.find_package_modules("portrait_manifolds", str(ROOT))}
    assert "__init__" in modules and "setup" not in modules
