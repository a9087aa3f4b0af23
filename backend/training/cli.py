"""`portrait-manifolds train data` and `train template`: what the commands take and do."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import InputError
from ..photo.landmarks import LandmarkDetector
from .choices import LEAST_PX, check_least
from .example_maker import ExampleMaker
from .fit_preview import fit_sheet
from .library import Library, open_library
from .preview import pair_tile, portrait_tile, save_sheet, sheet, subject_tile
from .splits import SplitName
from .template import write_template

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
        check_least(1, workers=self.workers)
        return open_library(self.data, self.photos, self.library.expanduser(), self.workers)


@dataclass(frozen=True)
class ShownExamples:
    """Which examples to look at."""

    kind: Literal["subjects", "portraits", "pairs"] = "subjects"
    """Synthetic people, photographs, or photographs turned by their own relief."""

    split: SplitName = "train"
    """The part that they are of."""

    seed: int = 0
    """Of subjects and pairs; `train examples` makes the same of the same seed."""

    size_px: int = 256
    """Side of the pictures as networks see them."""

    novel_views: int = 2
    """Views of each subject besides the photograph's."""


@dataclass(frozen=True)
class TrainData:
    """Look at the training data."""

    source: SourceConfig = field(default_factory=SourceConfig)
    examples: ShownExamples = field(default_factory=ShownExamples)

    preview: Path | None = None
    """Write a contact sheet to this file (.jpg or .png)."""

    preview_count: int = 48
    """Examples on the sheet, or as many as there are."""

    preview_tile_px: int = 128
    """Side of one picture on the sheet."""

    preview_fits: Path | None = None
    """Write a sheet of 16 photographs with their landmarks and fitted heads to this file."""

    json: bool = False
    """Print a summary as JSON."""

    def run(self) -> None:
        """`portrait-manifolds train data`; raises InputError for a missing folder or part, or what cannot be drawn."""
        self._check()
        library = self.source.open()
        summary = _summary(library)
        if self.preview is not None:
            picture = _contact_sheet(library, self.examples, self.preview_count, self.preview_tile_px)
            save_sheet(self.preview, picture)
            summary["preview"] = str(self.preview)
        if self.preview_fits is not None:
            count = len(library.faces.names)
            save_sheet(
                self.preview_fits, fit_sheet(library, range(0, count, max(1, count // 16))[:16], self.preview_tile_px)
            )
            summary["preview_fits"] = str(self.preview_fits)
        if self.json:
            print(json.dumps(summary))
        else:
            for name, value in summary.items():
                print(f"{name.replace('_', ' ')}: {value}")

    def _check(self) -> None:
        shown = self.examples
        check_least(1, preview_count=self.preview_count, preview_tile_px=self.preview_tile_px)
        check_least(0, novel_views=shown.novel_views, seed=shown.seed)
        check_least(LEAST_PX, size_px=shown.size_px)
        for path in (self.preview, self.preview_fits):
            if path is not None and path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
                raise InputError(f"A sheet cannot be written as {path.name}: end the name in .jpg or .png.")


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


def _contact_sheet(library: Library, shown: ShownExamples, count: int, tile_px: int) -> np.ndarray:
    """Up to `count` examples as one picture; raises InputError where there are none."""
    with LandmarkDetector() as detector:
        maker = ExampleMaker(library, detector, shown.size_px, shown.novel_views, shown.seed)
        if shown.kind == "subjects":
            tiles = [subject_tile(maker.subject(shown.split, index), tile_px) for index in range(count)]
            return sheet(tiles, columns=max(1, round(12 / (1 + shown.novel_views))))
        photos = maker.splits[shown.split].photos[:count]
        if not photos:
            raise InputError(f"There is no photograph in the {shown.split} part: give at least three with a face.")
        if shown.kind == "portraits":
            return sheet([portrait_tile(maker.photograph(name), tile_px) for name in photos], columns=2)
        return sheet([pair_tile(maker.pair(shown.split, name), tile_px) for name in photos], columns=2)
