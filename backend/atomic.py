"""Files appear whole or not at all: written under a temporary name, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from .errors import InputError, WriteError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`, of the same suffix; renames it to `path` if the block succeeds.

    Raises InputError if the folder cannot be made or written, WriteError if the disk gives out on the way.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write.")
    temporary = path.with_name(f".{path.stem[:40]}-{uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise InputError(f"Cannot write {path} ({error.strerror}): choose a folder you may write to.") from error
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(f"Writing {path} failed ({error.strerror or error}): free some space and retry.") from error
    finally:
        temporary.unlink(missing_ok=True)
