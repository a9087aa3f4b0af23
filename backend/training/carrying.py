"""Shards of training examples made small enough to carry to a rented GPU, and back to shards there.

Colours are WebP (lossy, as photographs are anyway), opacity and segmentation lossless; depths are rounded to half a
millimetre and stored as second differences. A subject takes a fourteenth of its shard's 1.9 MB.
"""

import io
import lzma
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..atomic import atomic_path, make_folder
from ..errors import InputError
from .workers import worker_context

SUFFIX = ".carried"
"""Of carried files' names."""

QUALITY = {"photo": 94, "rgba": 91}
"""WebP's; the networks look at the first, the second is what they are to draw."""

DEPTH_STEP = 5
"""Rounding of depths, in examples.DEPTH_UNIT_M; divides UNKNOWN_DEPTH, which stays itself."""


def carry(cache: Path, folder: Path, workers: int) -> None:
    """Writes each shard of a cache as one small file; what is there already stays. Raises InputError without shards."""
    _each(_carry_one, sorted(cache.glob("*.safetensors")), cache, folder, workers)


def unpack(folder: Path, cache: Path, workers: int) -> None:
    """Writes the cache again; what is there already stays. Raises InputError without carried files."""
    _each(_unpack_one, sorted(folder.glob(f"*.safetensors{SUFFIX}")), folder, cache, workers)


def carried(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A shard's arrays with each picture in as few bytes as keep what training sees."""
    small: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        if name in QUALITY:
            small |= _written(name, values.shape, (_webp(one, QUALITY[name]) for one in _pictures(values, 3)))
        elif name == "person":
            small |= _written(name, values.shape, (_webp(one, None) for one in _pictures(values, 2)))
        elif name == "depth":
            small |= _written(name, values.shape, (_packed_depth(one) for one in _pictures(values, 2)))
        else:
            small[name] = values
    return small


def restored(small: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A shard's arrays from what `carried` made of them."""
    arrays = {name: values for name, values in small.items() if "/" not in name}
    for name in (name.removesuffix("/shape") for name in small if name.endswith("/shape")):
        shape = tuple(small[f"{name}/shape"])
        ends = small[f"{name}/ends"]
        blob = small[f"{name}/bytes"].tobytes()
        pieces = (blob[a:b] for a, b in zip((0, *ends[:-1]), ends, strict=True))
        if name == "depth":
            values = np.stack([_unpacked_depth(piece, shape[-2:]) for piece in pieces])
        else:
            mode = "L" if name == "person" else {3: "RGB", 4: "RGBA"}[shape[-1]]
            values = np.stack([np.asarray(Image.open(io.BytesIO(piece)).convert(mode)) for piece in pieces])
        arrays[name] = values.reshape(shape)
    return arrays


def _each(task: Callable[[Path, Path], None], sources: list[Path], source: Path, folder: Path, workers: int) -> None:
    """Works through files in processes; raises InputError where there is none."""
    if not sources:
        raise InputError(f"{source} holds no shards: name the folder that they are in.")
    make_folder(folder)
    with ProcessPoolExecutor(workers, mp_context=worker_context()) as pool:
        list(pool.map(task, sources, repeat(folder)))


def _carry_one(path: Path, folder: Path) -> None:
    target = folder / f"{path.name}{SUFFIX}"
    if not target.is_file():
        _save(target, carried(_load(path)))


def _unpack_one(path: Path, folder: Path) -> None:
    target = folder / path.name.removesuffix(SUFFIX)
    if not target.is_file():
        try:
            arrays = restored(_load(path))
        except (KeyError, ValueError, lzma.LZMAError, UnidentifiedImageError) as error:
            raise _damaged(path, error) from error
        _save(target, arrays)


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is damaged ({error}): delete it and make it again.")


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic_path(path) as temporary:
        save_file(arrays, temporary)


def _pictures(values: np.ndarray, axes: int) -> np.ndarray:
    """All pictures of an array along one axis; the last `axes` axes are a picture's."""
    return values.reshape(-1, *values.shape[-axes:])


def _written(name: str, shape: tuple[int, ...], pieces: Iterable[bytes]) -> dict[str, np.ndarray]:
    """Pieces of bytes, one for each picture of an array, as arrays that a shard can hold."""
    blobs = list(pieces)
    return {
        f"{name}/shape": np.array(shape, np.int64),
        f"{name}/ends": np.cumsum([len(blob) for blob in blobs], dtype=np.int64),
        f"{name}/bytes": np.frombuffer(b"".join(blobs), np.uint8),
    }


def _webp(picture: np.ndarray, quality: int | None) -> bytes:
    """Lossless without a quality; opacity always is."""
    buffer = io.BytesIO()
    lossless = quality is None
    Image.fromarray(picture).save(buffer, "WEBP", lossless=lossless, quality=quality or 50, alpha_quality=100, method=4)
    return buffer.getvalue()


def _packed_depth(depth: np.ndarray) -> bytes:
    """Of a depth map [H, W] uint16; arithmetic is modulo 65,536."""
    steps = ((depth.astype(np.uint32) + DEPTH_STEP // 2) // DEPTH_STEP).astype(np.uint16)
    bends = np.diff(np.diff(steps, axis=1, prepend=np.uint16(0)), axis=0, prepend=np.uint16(0))
    folded = bends << 1 ^ (bends.view(np.int16) >> 15).view(np.uint16)  # small whatever their sign
    return lzma.compress(np.stack([folded & 255, folded >> 8]).astype(np.uint8).tobytes())


def _unpacked_depth(piece: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The depth map [H, W] uint16 that `_packed_depth` was given."""
    low, high = np.frombuffer(lzma.decompress(piece), np.uint8).reshape(2, *shape).astype(np.uint16)
    folded = low | high << 8
    bends = folded >> 1 ^ np.uint16(0) - (folded & 1)
    return bends.cumsum(0, dtype=np.uint16).cumsum(1, dtype=np.uint16) * np.uint16(DEPTH_STEP)
