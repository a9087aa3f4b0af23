"""What the manifest beside the weights says, readable without loading torch."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, ProcessingError
from .config import SizeName

FOLDER = Path(__file__).parents[1] / "weights"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """Names the file of the weights, and what it must hold."""

    name: str
    size: SizeName
    file: str
    sha256: str

    @property
    def identity(self) -> str:
        """Name and hash, kept in every portrait."""
        return f"{self.name}-{self.sha256[:12]}"


def read_manifest(folder: Path = FOLDER) -> Manifest:
    """The manifest of the weights in `folder`; raises what `missing` says where it is missing or damaged."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Manifest(values["name"], values["size"], values["file"], values["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise missing(folder, error) from error


def missing(folder: Path, error: Exception) -> InputError | ProcessingError:
    """What to say where weights are not: an InputError of a folder that the user named."""
    kind = ProcessingError if folder == FOLDER else InputError
    return kind(f"The weights in {folder} are missing ({error}): {mend(folder)}.")


def mend(folder: Path) -> str:
    """What to do about weights that cannot be used."""
    return "install the package again" if folder == FOLDER else "name a folder that `train pack` wrote"
