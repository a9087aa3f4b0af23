"""What was measured, to look at: a contact sheet, and a page with the figures of every photograph."""

from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from ..atomic import atomic_path, make_folder
from ..outputs.jpeg import save_small_jpeg
from ..portrait import PROVENANCE
from .groups import Groups
from .photos import VIEWS, Evaluated, shrunk

COLUMNS = ("photo", *VIEWS, "depth")
SHEET_TILES_PX, PAGE_TILE_PX = (128, 96, 64), 192
MAX_SHEET_PX = 65_500
"""A JPEG has no more rows of pixels."""

MOST_ON_SHEET = MAX_SHEET_PX // SHEET_TILES_PX[-1]
WORST = 10

GROUP_COLUMNS = (
    "photographs", "psnr_db", "ssim", "covered", "holes_30", "yaw_seen_15_deg", "yaw_seen_30_deg",
    "identity_0", "identity_15", "identity_30", "bands_30",
)  # fmt: skip
"""What is shown of each group."""

_HEAD = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Evaluation</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 1760px; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td, th { padding: .2em .9em .2em 0; text-align: left }
td { font-variant-numeric: tabular-nums } h2 { margin: 1.6em 0 .3em; font-size: 17px }
.views { display: flex; flex-wrap: wrap; gap: 2px } figure { margin: 0 } .views img { display: block; width: 192px }
figcaption, .note, .figures { color: #666; font-size: 13px } .figures span { margin-right: 1.2em; white-space: nowrap }
</style>
"""


def save_sheet(path: Path, evaluated: list[Evaluated]) -> None:
    """One JPEG, of at most 300 kB if it can be: a row a photograph, columns photo, own view, yaw, pitch, depth.

    Takes MOST_ON_SHEET photographs at most.
    """
    with atomic_path(path) as temporary:
        for side_px in (side_px for side_px in SHEET_TILES_PX if side_px * len(evaluated) <= MAX_SHEET_PX):
            rows = [np.concatenate([shrunk(one.pictures[name], side_px) for name in COLUMNS], 1) for one in evaluated]
            picture = Image.fromarray(np.concatenate(rows, 0))
            if save_small_jpeg(picture, temporary, worst=60, comment=PROVENANCE):
                return


def save_page(folder: Path, evaluated: list[Evaluated], summary: dict[str, float], groups: Groups) -> None:
    """Writes index.html and its small pictures into a folder: medians, also by group, worst ten, all photographs."""
    make_folder(folder)
    medians = "".join(f"<tr><td>{name}</td><td>{value:.4g}</td></tr>" for name, value in summary.items())
    worst = sorted(evaluated, key=_badness, reverse=True)[:WORST]
    links = " · ".join(f'<a href="#{quote(one.name)}">{escape(one.name)}</a>' for one in worst)
    with atomic_path(folder / "index.html") as temporary, temporary.open("w", encoding="utf-8") as page:
        page.write(f"{_HEAD}<h1>Evaluation</h1>\n<table><tr><th>median</th><th></th></tr>{medians}</table>\n")
        page.write(f"{''.join(_group_table(kind, groups[kind]) for kind in groups)}<p>Worst: {links}</p>\n")
        for one in evaluated:
            page.write(_section(folder, one))
        page.write(f'<p class="note">{escape(PROVENANCE)}</p>\n</html>\n')


def _group_table(kind: str, groups: dict[str, dict[str, float]]) -> str:
    """One kind's medians, a row a group."""
    columns = [name for name in GROUP_COLUMNS if any(name in figures for figures in groups.values())]
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{figures[column]:.4g}</td>" if column in figures else "<td></td>" for column in columns)
        + "</tr>"
        for name, figures in groups.items()
    )
    return f"<h2>By {escape(kind)}</h2>\n<table><tr><th></th>{head}</tr>{rows}</table>\n"


def _section(folder: Path, one: Evaluated) -> str:
    figures = " ".join(f"<span>{name} <b>{value:.3f}</b></span>" for name, value in one.figures.items())
    tiles = []
    for name in COLUMNS:
        file = f"{one.name}_{name.replace(' ', '_')}.jpg"
        with atomic_path(folder / file) as temporary:
            Image.fromarray(shrunk(one.pictures[name], PAGE_TILE_PX)).save(temporary, "JPEG", quality=85)
        tiles.append(f'<figure><img alt="" src="{quote(file)}"><figcaption>{name}</figcaption></figure>')
    return (
        f'<h2 id="{escape(one.name)}">{escape(one.name)}</h2>\n<div class="views">{"".join(tiles)}</div>\n'
        f'<p class="figures">{figures}</p>\n'
    )


def _badness(one: Evaluated) -> float:
    return one.figures.get("identity_30", 1.0 - one.figures.get("ssim", 0.0))
