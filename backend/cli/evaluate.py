"""`portrait-manifolds evaluate`: figures for a folder of photographs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..errors import InputError


@dataclass(frozen=True)
class Evaluate:
    """Reconstruct every photograph of a folder and measure the portraits against them."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Photographs of people."""
    texture_size: int = 512
    """Side of a sheet's texture: 256, 512 or 1024 texels."""
    json: bool = False
    """Print one JSON object of medians, for programs."""

    def run(self) -> None:
        """Prints the figures."""
        from ..evaluation import evaluate_photos, medians

        figures = evaluate_photos(self.folder, self.texture_size)
        if not figures:
            raise InputError(f"No photograph in {self.folder} shows a usable face: choose another folder.")
        summary = medians(figures.values()) | {"photographs": len(figures)}
        if self.json:
            print(json.dumps(summary))
            return
        for name, row in figures.items():
            print(f"{name:24} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
        print(f"{'median':24} " + "  ".join(f"{key} {value:.3f}" for key, value in summary.items()))
