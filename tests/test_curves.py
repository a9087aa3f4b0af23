"""A run's log as a picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.training.curves import TrainCurves, read_log, smooth


def test_a_log_becomes_a_picture(tmp_path: Path) -> None:
    rows = [f"{25 * i},{i},1e-4,{1 / i:.4f},0.5" for i in range(1, 9)]
    (tmp_path / "log.csv").write_text("step,seconds,rate,colour,total\n" + "\n".join(rows) + "\n")
    terms = read_log(tmp_path / "log.csv")
    assert list(terms) == ["step", "colour", "total"] and terms["step"][-1] == 200
    TrainCurves(tmp_path, tmp_path / "curves é.png").run()
    assert np.asarray(Image.open(tmp_path / "curves é.png").convert("L")).std() > 5.0
    steps, means = smooth(terms["step"], terms["total"], 3)
    assert len(steps) == len(means) == 6 and np.allclose(means, 0.5) and steps[0] == 50


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no step"):
        TrainCurves(tmp_path, tmp_path / "x.png").run()
