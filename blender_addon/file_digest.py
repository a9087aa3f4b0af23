"""Tells a portrait's file from others."""

from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from ..backend.errors import InputError
from ..backend.input_file import read_input
from ..backend.portrait_file import MAX_FILE_BYTES


def file_digest(path: Path) -> str:
    """The same wherever the file lies; InputError if it cannot be read."""
    try:
        now = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    return _digest(path, now.st_size, now.st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed_ns: int) -> str:
    """Worked out once as long as the file's size and time stay."""
    return blake2b(read_input(path, MAX_FILE_BYTES), digest_size=16).hexdigest()
