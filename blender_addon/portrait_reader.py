"""Reads .portrait files inside Blender, whose Python has numpy but no safetensors."""

import json
from functools import lru_cache
from hashlib import blake2b
from math import prod
from operator import index
from pathlib import Path

import numpy as np

from ..backend.errors import InputError
from ..backend.input_file import read_input
from ..backend.portrait import Portrait
from ..backend.portrait_file import DTYPES, MAX_FILE_BYTES, decode_portrait

_DTYPES = {"U8": np.uint8, "I32": np.int32, "F32": np.float32}
_MAX_HEADER_BYTES = 1 << 20


def read_portrait(path: Path | str) -> Portrait:
    """The portrait in a file; InputError with one sentence for anything wrong with it.

    A safetensors file is the header's length (8 bytes, little endian), the header (JSON: for each tensor its dtype,
    shape and place among the data; `__metadata__`: strings), and the data.
    """
    data = read_input(path, MAX_FILE_BYTES)
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or not 0 < length <= min(_MAX_HEADER_BYTES, len(data) - 8):
            raise ValueError("no header")
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("metadata that are no strings")
        body = memoryview(data)[8 + length :]
        tensors = {name: _tensor(header[name], body) for name in DTYPES if name in header}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is cut short or not a portrait ({error}): copy or reconstruct it again.") from error
    return decode_portrait(tensors, metadata, path)


def file_digest(path: Path) -> str:
    """Tells a portrait's file from others, wherever it lies; InputError if it cannot be read."""
    try:
        now = path.stat()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    return _digest(path, now.st_size, now.st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed_ns: int) -> str:
    """Worked out once as long as the file's size and time stay."""
    return blake2b(read_input(path, MAX_FILE_BYTES), digest_size=16).hexdigest()


def _tensor(entry: dict, data: memoryview) -> np.ndarray:
    start, end = entry["data_offsets"]
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    shape = [index(side) for side in entry["shape"]]
    if not 0 <= start <= end <= len(data) or prod(shape) * dtype.itemsize != end - start:
        raise ValueError("a tensor is not where it should be")
    return np.frombuffer(data[start:end], dtype).reshape(shape)
