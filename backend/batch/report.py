"""report.csv, report.html and the contact sheet: what was made, what was not and why.

The page carries its small pictures within itself and links to the outputs beside it, so the folder can be moved.
"""

import base64
import csv
import io
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from PIL import Image

from ..atomic import atomic_path
from ..portrait import PROVENANCE
from .outcome import Outcome
from .pictures import SHEET_FILE, ContactSheet, small_photo, small_still

CSV_FILE, HTML_FILE = "report.csv", "report.html"
COLUMNS = ("photo", "state", "portrait", "still", "film", "seconds", "reason", "warnings", "photo_sha256")

_HEAD = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>Portraits</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 15px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 48em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% }
td, th { border-top: 1px solid #ccc; padding: .5em; text-align: left; vertical-align: top }
td:nth-child(-n+2) { width: 144px }
img { display: block; margin: auto; max-width: 144px; max-height: 144px }
.note { overflow-wrap: anywhere }
.failed td { background: #fdeeee } .failed .what { color: #a00 } .note { color: #777; font-size: 13px }
</style>
"""


def report_files(output: Path) -> list[Path]:
    """The files that are there under the names of a report's."""
    sheets = (path for path in output.glob("contact_sheet*.jpg") if SHEET_FILE.fullmatch(path.name))
    return [path for path in (output / CSV_FILE, output / HTML_FILE, *sheets) if path.exists()]


def clear_report(output: Path) -> None:
    """Removes an earlier run's report, which would not be true of what is about to be made."""
    for path in report_files(output):
        path.unlink()


def write_report(outcomes: Sequence[Outcome], output: Path, seconds: float) -> None:
    """Writes table, page and contact sheet of a batch that took `seconds`; outcomes in the order to be shown."""
    with atomic_path(output / CSV_FILE) as temporary, _text_file(temporary) as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for one in outcomes:
            files = (one.file(suffix) for suffix in (".portrait", ".png", ".mp4"))
            warnings = "; ".join(one.warnings)
            table.writerow((one.photo, one.state, *files, one.seconds, one.reason, warnings, one.photo_sha256))

    sheet = ContactSheet(output)
    with atomic_path(output / HTML_FILE) as temporary, _text_file(temporary) as page:
        page.write(f"{_HEAD}<h1>Portraits</h1>\n<p>{escape(summary(outcomes, seconds))}</p>\n<table>\n")
        page.write("<tr><th>Photo</th><th>Portrait</th><th>What was made</th></tr>\n")
        for one in sorted(outcomes, key=lambda outcome: outcome.state != "failed"):  # failures first
            photo = small_photo(Path(one.photo))
            still = small_still(output / one.file(".png")) if one.file(".png") else None
            page.write(_row(one, photo, still))
            if still is not None:
                sheet.add(photo, still, one.name)
        sheet.finish()
        pages = " ".join(f'<a href="{name}">{name}</a>' for name in (*sheet.pages, CSV_FILE))
        page.write(f'</table>\n<p>{pages}</p>\n<p class="note">{escape(PROVENANCE)}</p>\n</html>\n')


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """A line such as: 98 made, 0 kept, 2 failed, in 240 s."""
    states = Counter(outcome.state for outcome in outcomes)
    return f"{states['made']} made, {states['kept']} kept, {states['failed']} failed, in {seconds:.0f} s"


def _text_file(path: Path) -> TextIO:
    """For what may name a photograph that was refused because its name is no text."""
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def _row(outcome: Outcome, photo: Image.Image | None, still: Image.Image | None) -> str:
    links = " · ".join(f'<a href="{quote(name)}">{escape(name)}</a>' for name, _ in outcome.files)
    facts = [
        f'<b>{escape(outcome.name)}</b>: <span class="what">{escape(outcome.reason or outcome.state)}</span>',
        links,
        f'<span class="note">{escape(outcome.photo)}</span>',
    ]
    if outcome.state != "failed":
        facts.append(f'<span class="note">{outcome.seconds:.1f} s</span>')
    facts += [f'<span class="note">{escape(warning)}</span>' for warning in outcome.warnings]
    still_link = f'<a href="{quote(outcome.file(".png"))}">{_image(still)}</a>' if still else ""
    return (
        f'<tr class="{outcome.state}"><td>{_image(photo)}</td>'
        f"<td>{still_link}</td><td>{'<br>'.join(fact for fact in facts if fact)}</td></tr>\n"
    )


def _image(picture: Image.Image | None) -> str:
    if picture is None:
        return ""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=82)
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}">'
