"""Reading what the user names: regular files of a sensible size only, under names that are text."""

import stat
from pathlib import Path

from .errors import InputError


def check_name(path: Path | str) -> None:
    """Raises InputError for a name that is no text: no report, page, film or other program could say it."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode(errors="backslashreplace").decode()
        raise InputError(f"The name {shown} is not UTF-8: rename it with letters that are.") from error


def read_input(path: Path | str, max_bytes: int) -> bytes:
    """The bytes of a regular file of at most `max_bytes`; raises InputError where it is none or cannot be read.

    A pipe or a device might give no byte or never end.
    """
    check_name(path)
    path = Path(path)
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise InputError(f"Cannot read {path}: it is {kind}, so check the path.")
    if status.st_size > max_bytes:
        raise InputError(f"{path} is larger than {max_bytes >> 20} MB: check that it is the right file.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    """What to say of a file that the system does not give out."""
    return InputError(f"Cannot read {path} ({getattr(error, 'strerror', None) or error}): check the path.")
