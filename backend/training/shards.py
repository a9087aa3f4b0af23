"""Examples on disk: a few dozen to a file, pictures losslessly packed, written whole or not at all."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..atomic import atomic_path
from ..errors import InputError, ProcessingError

Example = dict[str, np.ndarray]

PNG_LEVEL = 1
"""zlib's fastest: half the size of raw arrays at a tenth of the time of the best."""


def write_shard(path: Path, examples: Sequence[Example], about: Mapping[str, str]) -> None:
    """Writes examples that all have the same names, shapes and types; `about` goes into the file's metadata.

    Pictures ([..., H, W], [..., H, W, 3] or [..., H, W, 4], uint8 or uint16, H and W at least 16) become PNGs.
    Raises ProcessingError if the disk is full; an interrupted write leaves no file.
    """
    arrays: dict[str, np.ndarray] = {}
    for name in examples[0]:
        values = [example[name] for example in examples]
        if _channels(values[0]) is None:
            arrays[name] = np.ascontiguousarray(np.stack(values))
            continue
        packed = [png for value in values for png in _pack(value)]
        lengths = np.array([len(png) for png in packed], np.int64)
        arrays[f"{name}/bytes"] = np.frombuffer(b"".join(packed), np.uint8)
        arrays[f"{name}/ends"] = np.cumsum(lengths)
        arrays[f"{name}/shape"] = np.array(values[0].shape, np.int64)
        arrays[f"{name}/wide"] = np.array([values[0].dtype == np.uint16])
    with atomic_path(path) as temporary:
        try:
            save_file(arrays, temporary, metadata={**about, "count": str(len(examples))})
        except SafetensorError as error:
            raise ProcessingError(f"Writing {path} failed ({error}): free some space and start again.") from error


def read_example(path: Path, index: int) -> Example:
    """One example of a shard; raises InputError if the file is damaged or has no such example."""
    try:
        with safe_open(path, framework="numpy") as file:
            count = int(file.metadata()["count"])
            if not 0 <= index < count:
                raise InputError(f"{path} has {count} examples, not {index + 1}: make the cache again.")
            example = {}
            for key in list(file.keys()):
                name, _, part = key.partition("/")
                if not part:
                    example[name] = file.get_slice(key)[index]
                elif part == "bytes":
                    shape = tuple(file.get_tensor(f"{name}/shape"))
                    ends = file.get_tensor(f"{name}/ends")
                    pictures = len(ends) // count
                    start = ends[index * pictures - 1] if index else 0
                    blob = file.get_slice(key)[start : ends[(index + 1) * pictures - 1]].tobytes()
                    cuts = ends[index * pictures : (index + 1) * pictures] - start
                    example[name] = _unpack(blob, cuts, shape, bool(file.get_tensor(f"{name}/wide")[0]))
            return example
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}): delete it and make the cache again.") from error


def shard_about(path: Path) -> dict[str, str] | None:
    """A shard's metadata, or None if it is not there or no shard."""
    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata()
    except (OSError, SafetensorError):
        return None


def _channels(value: np.ndarray) -> int | None:
    """Channels of the pictures in an array, or None if it holds none."""
    if value.dtype not in (np.uint8, np.uint16) or value.ndim < 2:
        return None
    if value.dtype == np.uint8 and value.ndim >= 3 and value.shape[-1] in (3, 4) and min(value.shape[-3:-1]) >= 16:
        return value.shape[-1]
    return 1 if min(value.shape[-2:]) >= 16 else None


def _pack(value: np.ndarray) -> list[bytes]:
    """PNGs of all pictures in an array."""
    channels = _channels(value)
    pictures = value.reshape(-1, *(value.shape[-2:] if channels == 1 else value.shape[-3:]))
    packed = []
    for picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG", compress_level=PNG_LEVEL)
        packed.append(buffer.getvalue())
    return packed


def _unpack(blob: bytes, ends: np.ndarray, shape: tuple[int, ...], wide: bool) -> np.ndarray:
    starts = [0, *ends[:-1]]
    pictures = [np.asarray(Image.open(io.BytesIO(blob[a:b]))) for a, b in zip(starts, ends, strict=True)]
    return np.stack(pictures).astype(np.uint16 if wide else np.uint8).reshape(shape)
