"""`portrait-manifolds evaluate`: figures for a folder of photographs, and a page and a sheet to look at."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..errors import InputError


@dataclass(frozen=True)
class Evaluate:
    """Reconstruct every photograph of a folder and measure the portraits against them.

    A folder with a sub-folder for each person (input.png, view_01.png ..., cameras.json) is measured by those views.
    """

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Photographs of people."""
    texture_size: int = 512
    """Side of a sheet's texture: 256, 512 or 1024 texels."""
    every: int = 1
    """Take only every n-th photograph by name."""
    page: Path | None = None
    """Write a page with pictures into this folder; of photographs only."""
    sheet: Path | None = None
    """Write a contact sheet, .jpg; of photographs only."""
    json: bool = False
    """Print one JSON object of medians, for programs."""

    def run(self) -> None:
        """Prints the figures."""
        from ..evaluation.multiview import evaluate_subjects, subject_folders
        from ..evaluation.photos import evaluate_photos, photo_paths
        from ..evaluation.pictures import medians

        if self.sheet is not None and self.sheet.suffix.lower() not in (".jpg", ".jpeg"):
            raise InputError(f"A contact sheet cannot be written as {self.sheet.name}: end the name in .jpg.")
        subjects = subject_folders(self.folder)[:: max(1, self.every)]
        if subjects and (self.page is not None or self.sheet is not None):
            raise InputError(f"{self.folder} holds true views, which give figures only: leave out --page and --sheet.")
        if subjects:
            rows, counted = evaluate_subjects(subjects, self.texture_size), "subjects"
        else:
            evaluated = list(evaluate_photos(photo_paths(self.folder, self.every), self.texture_size))
            rows, counted = {one.name: one.figures for one in evaluated}, "photographs"
        if not rows:
            raise InputError(f"No photograph in {self.folder} shows a usable face: choose another folder.")
        summary = medians(rows.values()) | {counted: len(rows)}
        if not subjects:
            from ..evaluation.page import save_page, save_sheet

            if self.page is not None:
                save_page(self.page, evaluated, summary)
            if self.sheet is not None:
                save_sheet(self.sheet, evaluated)
        if self.json:
            print(json.dumps(summary))
            return
        for name, row in (*rows.items(), ("median", summary)):
            print(f"{name:24} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
