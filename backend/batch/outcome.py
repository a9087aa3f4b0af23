"""What became of a photograph, and its outputs' way into the output folder."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from .photos import Task

PRIVATE = ".batch"
"""The folder inside the output folder that is the program's own."""


@dataclass(frozen=True)
class Outcome:
    """A line of the report; of a finished photograph also its note, from which a later run goes on."""

    name: str
    photo: str
    state: Literal["made", "kept", "failed"]
    photo_sha256: str = ""
    settings: str = ""  # Settings.fingerprint()
    files: tuple[tuple[str, int], ...] = ()  # names in the output folder and sizes in bytes
    seconds: float = 0.0
    reason: str = ""  # of a failure: one sentence
    warnings: tuple[str, ...] = ()

    def file(self, suffix: str) -> str:
        """The name of the output that ends so, or nothing."""
        return next((name for name, _ in self.files if name.endswith(suffix)), "")


def unfinished_folder(output: Path) -> Path:
    """Where files are made before they are whole: on the same disk, so that renaming moves them."""
    return output / PRIVATE / "unfinished"


def publish(folder: Path, output: Path, outcome: Outcome) -> None:
    """Moves the outcome's files from `folder` to the output folder, and then leaves the note that they are there.

    What an earlier run made under this name goes first: killed anywhere, no note speaks of files of two runs.
    """
    note = _note(output, outcome.name)
    earlier = _read(note)
    note.unlink(missing_ok=True)
    for name, _ in earlier.files if earlier else ():
        if Path(name).name == name:
            (output / name).unlink(missing_ok=True)
    for name, _ in outcome.files:
        os.replace(folder / name, output / name)
    temporary = folder / "note.json"
    temporary.write_text(json.dumps(asdict(outcome), ensure_ascii=False, indent=1), encoding="utf-8")
    note.parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary, note)


def kept_outcome(task: Task, photo_sha256: str, output: Path, settings: str) -> Outcome | None:
    """The outcome of an earlier run, if it was of this very photograph and settings and its files are whole."""
    outcome = _read(_note(output, task.name))
    if outcome is None or (outcome.photo_sha256, outcome.settings) != (photo_sha256, settings):
        return None
    for name, size in outcome.files:
        path = output / name
        if not path.is_file() or path.stat().st_size != size:
            return None
    return replace(outcome, photo=str(task.photo), state="kept")


def _note(output: Path, name: str) -> Path:
    return output / PRIVATE / "notes" / f"{name}.json"


def _read(note: Path) -> Outcome | None:
    try:
        values = json.loads(note.read_text(encoding="utf-8"))
        files = tuple((str(name), int(size)) for name, size in values.pop("files"))
        return Outcome(files=files, warnings=tuple(values.pop("warnings")), **values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
