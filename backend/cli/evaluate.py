"""`portrait-manifolds evaluate`: figures for a folder of photographs, and a page and a sheet to look at."""

import json
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm

from ..atomic import check_folder, check_writable
from ..conventions import TEXTURE_SIZE
from ..errors import InputError
from ..version import check_installed

Figures = dict[str, float]
Groups = dict[str, dict[str, Figures]]


@dataclass(frozen=True)
class Evaluate:
    """Reconstruct every photograph of a folder and measure the portraits against them.

    A folder with a sub-folder for each person (input.png, view_01.png ..., cameras.json) is measured by those views.
    Photographs are also reported by group: by what they show, and by the columns of a groups.csv beside them.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Photographs of people."""
    texture_size: int = TEXTURE_SIZE
    """Side of a sheet's texture: 256, 512 or 1024 texels."""
    every: int = 1
    """Take only every n-th photograph (or person) by name."""
    page: Path | None = None
    """Write a page with pictures into this folder; of photographs only."""
    sheet: Path | None = None
    """Write a contact sheet, .jpg; of photographs only."""
    json: bool = False
    """Print one JSON object of medians, for programs."""

    def run(self) -> None:
        """Prints the figures."""
        from ..evaluation.multiview import subject_folders
        from ..reconstruct import check_choices

        check_installed("skimage", "scikit-image", "evaluation")
        check_choices(self.texture_size)
        if self.sheet is not None and self.sheet.suffix.lower() not in (".jpg", ".jpeg"):
            raise InputError(f"A contact sheet cannot be written as {self.sheet.name}: end the name in .jpg.")
        if self.every < 1:
            raise InputError(f"Every {self.every}. photograph or person cannot be taken: give 1 or more.")
        subjects = subject_folders(self.folder)[:: self.every]
        if subjects and (self.page is not None or self.sheet is not None):
            raise InputError(f"{self.folder} holds true views, which give figures only: leave out --page and --sheet.")
        if self.sheet is not None:
            check_writable(self.sheet)
        if self.page is not None:
            check_folder(self.page)
        if subjects:
            self._subjects(subjects)
        else:
            self._photographs()

    def _print(self, name: str, row: Figures) -> None:
        """A line, as soon as it is measured: who stops a long run keeps it."""
        if not self.json:
            tqdm.write(f"{name:24} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))

    def _print_medians(self, summary: Figures, groups: Groups) -> None:
        if self.json:
            print(json.dumps(summary | {"groups": groups}, allow_nan=False))
        self._print("median", summary)
        for kind, members in groups.items():
            for name, row in members.items():
                self._print(f"{kind} {name}", row)

    def _subjects(self, folders: list[Path]) -> None:
        from ..evaluation.multiview import by_angle, evaluate_subjects
        from ..evaluation.pictures import medians

        views, persons = [], []
        for name, seen in evaluate_subjects(folders, self.texture_size):
            for one in seen:
                self._print(f"{name} yaw {one.yaw_deg:+.1f} pitch {one.pitch_deg:+.1f}", one.figures)
            views.append(seen)
            persons.append(medians(one.figures for one in seen))
        self._check_any(persons)
        self._print_medians(medians(persons) | {"subjects": len(persons)}, {"turn_deg": by_angle(views)})

    def _photographs(self) -> None:
        from ..evaluation.groups import by_group
        from ..evaluation.page import MOST_ON_SHEET, PAGE_TILE_PX, SHEET_TILES_PX, save_page, save_sheet
        from ..evaluation.photos import evaluate_photos, photo_paths
        from ..evaluation.pictures import medians

        paths = photo_paths(self.folder)[:: self.every]
        if self.sheet is not None and len(paths) > MOST_ON_SHEET:
            raise InputError(
                f"A contact sheet shows {MOST_ON_SHEET} photographs, not {len(paths)}: give a greater --every."
            )
        kept_px = PAGE_TILE_PX if self.page is not None else SHEET_TILES_PX[0] if self.sheet is not None else 0
        evaluated = []
        for one in evaluate_photos(paths, self.texture_size, kept_px):
            self._print(one.name, one.figures)
            evaluated.append(one)
        self._check_any(evaluated)
        summary = medians(one.figures for one in evaluated) | {"photographs": len(evaluated)}
        groups = by_group((one.figures, one.groups) for one in evaluated)
        # Before files are written: a full disk takes no figures.
        self._print_medians(summary, groups)
        if self.page is not None:
            save_page(self.page, evaluated, summary, groups)
        if self.sheet is not None:
            save_sheet(self.sheet, evaluated)

    def _check_any(self, measured: Sized) -> None:
        if not measured:
            raise InputError(f"No photograph in {self.folder} shows a usable face: choose another folder.")
