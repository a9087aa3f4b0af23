"""Reads .portrait files inside Blender, whose Python has numpy but no safetensors."""

import json
from pathlib import Path

import numpy as np

from ..backend.errors import InputError
from ..backend.portrait import Portrait
from ..backend.portrait_file import MAX_FILE_BYTES, decode_portrait

_DTYPES = {"U8": np.uint8, "I32": np.int32, "F32": np.float32}
_MAX_HEADER_BYTES = 1 << 20


def read_portrait(path: Path | str) -> Portrait:
    """The portrait in a file; InputError with one sentence for anything wrong with it.

    A safetensors file is the header's length (8 bytes, little endian), the header (JSON: for each tensor its dtype,
    shape and place among the data; `__metadata__`: strings), and the data.
    """
    try:
        size = Path(path).stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(f"{path} is larger than {MAX_FILE_BYTES >> 30} GB and no portrait: check the path.")
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror or error}): check the path.") from error
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or not 0 < length <= min(_MAX_HEADER_BYTES, len(data) - 8):
            raise ValueError("no header")
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        tensors = {name: _tensor(entry, memoryview(data)[8 + length :]) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is cut short or not a portrait ({error}): copy or reconstruct it again.") from error
    return decode_portrait(tensors, metadata, path)


def _tensor(entry: dict, data: memoryview) -> np.ndarray:
    start, end = entry["data_offsets"]
    dtype = np.dtype(_DTYPES[entry["dtype"]])
    count = int(np.prod(entry["shape"], dtype=np.int64))
    if not 0 <= start <= end <= len(data) or count * dtype.itemsize != end - start:
        raise ValueError("a tensor is not where it should be")
    return np.frombuffer(data[start:end], dtype).reshape(entry["shape"])
