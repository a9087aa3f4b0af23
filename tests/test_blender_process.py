"""The process in which Blender works for the command line."""

from pathlib import Path

import pytest

from portrait_manifolds.backend.blender_process import run_blender
from portrait_manifolds.backend.errors import InputError, ProcessingError


def test_files_of_the_folder_it_is_called_in_are_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A json.py of the user's would be imported for Python's own; where a numpy.py ends, bpy waited for ever."""
    (tmp_path / "json.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InputError, ProcessingError)) as refused:
        run_blender("save_blend", [str(tmp_path / "missing.portrait"), str(tmp_path / "a.blend")])
    assert "Blender ended with 3" not in str(refused.value)
