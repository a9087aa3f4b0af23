"""`portrait-manifolds train curves`: a run's log as a picture."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic import atomic_path
from ..errors import InputError
from .loop import LOG

NOT_TERMS = ("step", "seconds", "rate")
"""Columns of a log that are no terms of a loss."""

PICTURES = (".png", ".pdf", ".svg")


@dataclass(frozen=True)
class TrainCurves:
    """Draw every term of the loss over the steps of a run."""

    out: Path
    """The run's folder, with log.csv in it."""
    picture: Path
    """Where to draw: PNG, PDF or SVG."""
    smoothing: int = 5
    """Lines of the log (25 steps each) that are averaged."""

    def run(self) -> None:
        """Writes the picture; raises InputError where there is no log, or none that can be read."""
        if self.picture.suffix.lower() not in PICTURES:
            raise InputError(f"Curves cannot be drawn as {self.picture.name}: end the name in {', '.join(PICTURES)}.")
        from matplotlib.figure import Figure

        terms = read_log(self.out / LOG)
        steps = terms.pop("step")
        figure = Figure(figsize=(10, 2.2 * -(-len(terms) // 3)), layout="constrained")
        axes = figure.subplots(-(-len(terms) // 3), 3, squeeze=False).ravel()
        for axis in axes[len(terms) :]:
            axis.remove()
        for axis, (name, values) in zip(axes, terms.items(), strict=False):
            axis.plot(steps, values, color="0.8", linewidth=0.8)
            axis.plot(*smooth(steps, values, self.smoothing), color="tab:blue")
            axis.set_title(name, fontsize=9)
            axis.tick_params(labelsize=7)
        with atomic_path(self.picture) as temporary:
            figure.savefig(temporary, dpi=80, format=self.picture.suffix[1:].lower())


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Steps and terms of a log, each [N]; raises InputError where it is missing, empty or damaged."""
    try:
        rows = list(csv.DictReader(path.open(newline="", encoding="utf-8"))) if path.is_file() else []
        terms = [name for name in rows[0] if name not in NOT_TERMS] if rows else []
        log = {name: np.array([float(row[name]) for row in rows]) for name in ("step", *terms)}
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({error}): correct or delete it.") from error
    if not terms:
        raise InputError(f"{path} holds no step: give the folder of a run of train networks.")
    return log


def smooth(steps: np.ndarray, values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Running means of `width` neighbours, and the steps in their middles."""
    width = max(1, min(width, len(values)))
    kernel = np.full(width, 1.0 / width)
    return np.convolve(steps, kernel, "valid"), np.convolve(values, kernel, "valid")
