"""What the benchmark says where a system does not tell everything."""

import sys
from pathlib import Path

import pytest

from portrait_manifolds.backend.benchmark import measures
from portrait_manifolds.backend.portrait import Portrait


def test_memory_is_left_out_where_the_system_does_not_say_it(
    small_head: Portrait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_head.save(tmp_path / "head.portrait")
    if sys.platform == "linux":
        used_mb = measures.drawing_mb(tmp_path / "head.portrait")
        assert used_mb is not None and 1.0 < used_mb < 500.0
    monkeypatch.setattr(measures, "PROCESS_FACTS", tmp_path / "missing")
    assert measures.drawing_mb(tmp_path / "head.portrait") is None
