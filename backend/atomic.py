"""Files appear whole or not at all: written under a temporary name, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENAMETOOLONG
from pathlib import Path
from uuid import uuid4

from .errors import InputError, WriteError
from .input_file import check_name


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yields a temporary path beside `path`, of the same suffix; renames it to `path` if the block succeeds.

    A symbolic link stays, and what it leads to is written.
    Raises InputError if the folder cannot be made or written, or the name cannot be had, WriteError if the disk gives
    out on the way.
    """
    check_name(path)
    path = Path(path)
    if os.path.islink(path):
        path = Path(os.path.realpath(path))  # what it leads to is written, and it stays a link
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: name a file to write.")
        temporary = path.with_name(f".{path.stem[:40]}-{uuid4().hex}{path.suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
    except OSError as error:
        mend = "shorten the name" if error.errno == ENAMETOOLONG else "choose a folder you may write to"
        raise InputError(f"Cannot write {path} ({error.strerror}): {mend}.") from error
    try:
        yield temporary
        temporary.chmod(mode)  # some libraries put a private file of their own there
        os.replace(temporary, path)
    except OSError as error:
        raise WriteError(f"Writing {path} failed ({error.strerror or error}): free some space and retry.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path | str) -> None:
    """Raises InputError where a file cannot be written: better before long work than after it. Leaves nothing."""
    made = [parent for parent in Path(path).parents if not os.path.exists(parent)]
    try:
        with suppress(_Untouched), atomic_path(path):
            raise _Untouched
    finally:
        for parent in made:  # the deepest first
            with suppress(OSError):
                parent.rmdir()


def check_folder(path: Path) -> None:
    """Raises InputError where files cannot be written into a folder, which need not be there yet. Leaves nothing."""
    if os.path.exists(path) and not path.is_dir():
        raise InputError(f"{path} is a file: name a folder.")
    check_writable(path / "file")


def make_folder(path: Path) -> None:
    """Makes a folder where there is none; raises InputError as `check_folder` does."""
    check_folder(path)
    path.mkdir(parents=True, exist_ok=True)


class _Untouched(Exception):
    """Leaves what stands at a path as it is."""
