"""`portrait-manifolds train data` and `train template`: what the commands take and do."""

import json
import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError
from .dataset import CachedDataset, CachePlan, DataConfig, PortraitDataset, build_cache
from .fit_preview import fit_sheet
from .library import Library, open_library
from .preview import pair_tile, portrait_tile, save_sheet, sheet, subject_tile
from .template import write_template
from .workers import worker_context

log = logging.getLogger(__name__)

DEFAULT_LIBRARY = Path("~/.cache/portrait_manifolds/training")


@dataclass(frozen=True)
class SourceConfig:
    """Where the raw material lies."""

    data: Path | None = None
    """Folder with head_model.npz and wardrobe.npz; default $PORTRAIT_MANIFOLDS_DATA, else ../shared/data."""

    photos: Path | None = None
    """Folder of portrait photographs, also your own; default `portraits` in the data folder."""

    library: Path = DEFAULT_LIBRARY
    """Where landmarks, fits and skins of the photographs are kept, so that they are worked out only once."""

    workers: int = 2
    """Processes."""

    def open(self) -> Library:
        """The library, prepared if it was not."""
        if self.workers < 1:
            raise InputError(f"{self.workers} workers cannot work: give at least 1.")
        return open_library(self.data, self.photos, self.library.expanduser(), self.workers)


@dataclass(frozen=True)
class TrainData:
    """Make, look at, time or cache the training data."""

    source: SourceConfig = field(default_factory=SourceConfig)
    examples: DataConfig = field(default_factory=DataConfig)

    preview: Path | None = None
    """Write a contact sheet to this file (.jpg or .png)."""

    preview_count: int = 48
    """Examples on the sheet."""

    preview_tile_px: int = 128
    """Side of one picture on the sheet."""

    preview_fits: Path | None = None
    """Write a sheet of 16 photographs with their landmarks and fitted heads to this file."""

    cache: Path | None = None
    """Write examples as shards into this folder; goes on where an earlier run stopped."""

    count: int = 1000
    """Examples in the cache."""

    time: bool = False
    """Measure examples a second on all workers."""

    json: bool = False
    """Print a summary as JSON."""

    def run(self) -> None:
        """`portrait-manifolds train data`; raises InputError for a missing folder or part."""
        library = self.source.open()
        summary = _summary(library)
        if self.preview is not None:
            dataset = PortraitDataset(library, self.examples, self.preview_count)
            save_sheet(self.preview, _contact_sheet(dataset, self.preview_tile_px))
            summary["preview"] = str(self.preview)
        if self.preview_fits is not None:
            count = len(library.faces.names)
            save_sheet(
                self.preview_fits, fit_sheet(library, range(0, count, max(1, count // 16))[:16], self.preview_tile_px)
            )
            summary["preview_fits"] = str(self.preview_fits)
        if self.cache is not None:
            plan = _plan(self, self.cache, self.count)
            for done in build_cache(plan, self.source.workers):
                print(f"\r{done:6.1%} of {self.count} examples", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            summary["cached"] = len(CachedDataset(self.cache))
        if self.time:
            summary["examples_per_second"] = _throughput(self)
        if self.json:
            print(json.dumps(summary))
        else:
            for name, value in summary.items():
                print(f"{name.replace('_', ' ')}: {value}")


@dataclass(frozen=True)
class TrainTemplate:
    """Make the mean landmarks and the mean radius that the networks ship."""

    output: Path
    """File to write (.safetensors)."""

    source: SourceConfig = field(default_factory=SourceConfig)

    def run(self) -> None:
        """`portrait-manifolds train template`; raises InputError for a missing folder."""
        studio = self.source.open().studio
        write_template(self.output, studio.head, studio.wardrobe, studio.landmark_map)
        print(f"wrote {self.output}")


def _summary(library: Library) -> dict[str, object]:
    """What was found in the photographs."""
    residual = library.fits.residual_px
    return {
        "photographs": len(library.faces.names) + len(library.faces.skipped),
        "skipped": len(library.faces.skipped),
        "fit_residual_px_median": round(float(np.median(residual)), 3) if len(residual) else None,
        "fit_residual_px_95": round(float(np.percentile(residual, 95)), 3) if len(residual) else None,
        "skins": len(library.studio.skins.tones),
        "rejected_for_skin": len(library.rejected),
    }


def _contact_sheet(dataset: PortraitDataset, tile_px: int) -> np.ndarray:
    """All examples of a dataset as one picture."""
    kind = dataset.config.kind
    if kind == "subjects":
        tiles = [subject_tile(dataset.views(i), tile_px) for i in range(len(dataset))]
        return sheet(tiles, columns=max(1, round(12 / (1 + dataset.config.novel_views))))
    draw = portrait_tile if kind == "portraits" else pair_tile
    return sheet([draw(dataset[i], tile_px) for i in range(len(dataset))], columns=2)


def _plan(config: TrainData, folder: Path, count: int) -> CachePlan:
    source = config.source
    return CachePlan(source.data, source.photos, source.library.expanduser(), config.examples, folder, count)


def _throughput(config: TrainData, seconds: float = 20.0) -> float:
    """Examples a second of all workers together, after each has made two to warm up."""
    context = worker_context()
    workers = config.source.workers
    start = context.Barrier(workers)
    results = context.Queue()
    arguments = [(config, start, results, worker, seconds) for worker in range(workers)]
    processes = [context.Process(target=_timed_worker, args=values, daemon=True) for values in arguments]
    for process in processes:
        process.start()
    rates = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return round(sum(rates), 2)


def _timed_worker(config: TrainData, start: "object", results: "object", worker: int, seconds: float) -> None:
    dataset = PortraitDataset(config.source.open(), config.examples)
    for index in range(2):
        dataset[index]
    start.wait()  # type: ignore[attr-defined]
    began, made = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        dataset[(2 + made * 2 + worker) % len(dataset)]
        made += 1
    results.put(made / (time.perf_counter() - began))  # type: ignore[attr-defined]
