"""`portrait-manifolds train export-views`: synthetic subjects as the folders of true views that `evaluate` measures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..atomic import atomic_path
from ..camera import save_cameras
from ..evaluation.true_cameras import CAMERAS_FILE
from .choices import check_least
from .examples import Example
from .splits import SplitName
from .validation import subjects


@dataclass(frozen=True)
class TrainExportViews:
    """Write synthetic subjects that training never saw as folders of pictures and cameras, for `evaluate`."""

    cache: Path
    """Folder of example shards."""
    output: Path
    """Folder to write into, one folder for each subject."""
    split: SplitName = "test"
    """Which subjects."""
    count: int = 24
    """How many."""

    def run(self) -> None:
        """Writes the folders; raises InputError where the cache has no such subjects."""
        check_least(1, count=self.count)
        shards = subjects(self.cache, self.split)
        for index in range(min(self.count, len(shards))):
            export_views(shards[index], self.output / f"{self.split}_{index:04d}")


def export_views(example: Example, folder: Path) -> None:
    """A subject's photograph, novel views, depths and cameras, as docs/evaluation.md describes the folder."""
    _save(folder / "input.png", example.photo)
    for view in range(1, len(example.rgba)):
        _save(folder / f"view_{view:02d}.png", example.rgba[view])
        _save(folder / f"depth_{view:02d}.png", example.depth[view])
    # Last: a folder with cameras is whole.
    save_cameras(folder / CAMERAS_FILE, [example.camera(view) for view in range(len(example.rgba))])


def _save(path: Path, picture: np.ndarray) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, "PNG")
