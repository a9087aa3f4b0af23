"""Files appear whole or not at all: written under a temporary name, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError, ProcessingError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`, of the same suffix; renames it to `path` if the block succeeds.

    Raises InputError if the folder cannot be made or written, ProcessingError if the disk gives out on the way.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file to write.")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
    except OSError as error:
        raise InputError(f"Cannot write {path} ({error.strerror}): choose a folder you may write to.") from error
    try:
        yield temporary
        # mkstemp makes private files; an output gets the permissions any new file would.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise ProcessingError(
            f"Writing {path} failed ({error.strerror or error}): free some space and retry."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
