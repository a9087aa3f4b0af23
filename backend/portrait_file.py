"""NAME.portrait: a safetensors file, versioned and validated; no code, no pickle.

Tensors (T texture size, tile = 16 texels; only tiles with a texel of some opacity are stored)

    colour        uint8   [N, 16, 16, 3]  sRGB-encoded
    opacity       uint8   [N, 16, 16]     straight
    tile_index    int32   [N]             ascending; (sheet * T / 16 + tile row) * T / 16 + tile column
    radius        float32 [G, G]          metres
    spread        float32 [G, G]
    displacement  float32 [D, D]          metres
    offsets       float32 [S]             metres, ascending

Metadata (strings): format, format_version, texture_size, chart_half_extent (from version 2), input_camera (JSON),
alignment (JSON 2 x 3, crop to photo), photo_sha256, weights_id, provenance.
"""

import json
import operator
from math import prod
from pathlib import Path

import numpy as np

from .atomic import atomic_path
from .camera import Camera
from .conventions import CHART_HALF_EXTENT
from .errors import InputError
from .input_file import read_input
from .manifolds import MAX_SHEETS, Manifolds
from .portrait import MAX_TEXELS, MAX_TEXTURE_SIZE, MIN_TEXTURE_SIZE, Crop, Portrait

FORMAT = "portrait-manifolds"
FORMAT_VERSION = 2

TILE = 16
"""Side in texels."""

MAX_FILE_BYTES, MAX_HEADER_BYTES = 300 << 20, 1 << 20
"""Of what is read."""

DTYPES = {
    "colour": np.uint8,
    "opacity": np.uint8,
    "tile_index": np.int32,
    "radius": np.float32,
    "spread": np.float32,
    "displacement": np.float32,
    "offsets": np.float32,
}
"""The tensors that every portrait has, and their types."""

FILE_DTYPES = {"U8": np.uint8, "I32": np.int32, "F32": np.float32, "F64": np.float64}
"""As the format names them; no portrait has the last, of which its refusal tells."""


def save_portrait(portrait: Portrait, path: Path | str) -> None:
    """Writes the portrait whole or not at all."""
    from safetensors.numpy import save  # here, because Blender reads portraits and lacks it

    grid = _tile_grid(portrait.textures)
    sheet, row, column = np.nonzero(grid[..., 3].any(axis=2).any(axis=3))  # in two steps: a third of the time
    tiles = grid[sheet, row, :, column]  # [N, TILE, TILE, 4]
    manifolds = portrait.manifolds
    tensors = {
        "colour": np.stack([tiles[..., channel] for channel in range(3)], axis=-1),
        "opacity": np.ascontiguousarray(tiles[..., 3]),
        "tile_index": np.ravel_multi_index((sheet, row, column), _tile_counts(portrait.textures)).astype(np.int32),
        "radius": manifolds.radius_m,
        "spread": manifolds.spread,
        "displacement": manifolds.displacement_m,
        "offsets": manifolds.offsets_m,
    }
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "texture_size": str(portrait.texture_size),
        "chart_half_extent": repr(float(manifolds.half_extent)),
        "input_camera": json.dumps(portrait.input_camera.to_dict()),
        "alignment": json.dumps(portrait.crop.to_photo.tolist()),
        "photo_sha256": portrait.photo_sha256,
        "weights_id": portrait.weights_id,
        "provenance": portrait.provenance,
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(_in_order(save(tensors, metadata)))  # its save_file hides what the disk says


def load_portrait(path: Path | str) -> Portrait:
    """Reads and validates a .portrait file; raises InputError with one sentence for anything wrong with it."""
    tensors, metadata = _read(path)
    version = _check(tensors, metadata, path)
    try:
        size = int(metadata["texture_size"])
        camera = Camera.from_dict(json.loads(metadata["input_camera"]))
        crop = Crop(json.loads(metadata["alignment"]))
        textures = _from_tiles(tensors, size)
        half_extent = float(metadata["chart_half_extent"]) if version > 1 else CHART_HALF_EXTENT
        maps = ("radius", "spread", "displacement", "offsets")
        radius, spread, displacement, offsets = (tensors[name].copy() for name in maps)  # views would keep all bytes
        manifolds = Manifolds(radius, spread, displacement, offsets, half_extent)
        return Portrait(
            manifolds,
            textures,
            camera,
            crop,
            photo_sha256=metadata.get("photo_sha256", ""),
            weights_id=metadata.get("weights_id", ""),
            provenance=metadata.get("provenance", ""),
        )
    except InputError as error:
        raise InputError(f"{path} is damaged: {error}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): reconstruct it again.") from error


def _read(path: Path | str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """A portrait's tensors and the metadata; without the library, which Blender's Python lacks.

    A safetensors file is the header's length (8 bytes, little endian), the header (JSON: for each tensor its dtype,
    shape and place among the data; `__metadata__`: strings), and the data.
    """
    data = read_input(path, MAX_FILE_BYTES)
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or not 0 < length <= min(MAX_HEADER_BYTES, len(data) - 8):
            raise ValueError("no header")
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("metadata that are no strings")
        body = memoryview(data)[8 + length :]
        return {name: _tensor(header[name], body) for name in DTYPES if name in header}, metadata
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is cut short or not a portrait ({error}): copy or reconstruct it again.") from error


def _tensor(entry: dict, data: memoryview) -> np.ndarray:
    """The array that a header's entry tells of, over the file's data; raises ValueError where it is not there."""
    start, end = entry["data_offsets"]
    dtype = np.dtype(FILE_DTYPES[entry["dtype"]])
    shape = [operator.index(side) for side in entry["shape"]]
    if not 0 <= start <= end <= len(data) or prod(shape) * dtype.itemsize != end - start:
        raise ValueError("a tensor is not where it should be")
    return np.frombuffer(data[start:end], dtype).reshape(shape)


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its header sorted: the library's order differs from time to time."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header = header.ljust(-(-len(header) // 8) * 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _check(tensors: dict[str, np.ndarray], metadata: dict[str, str], path: Path | str) -> int:
    """The format's version; raises InputError where format, version, names, types or sizes are not a portrait's."""
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path} is not a portrait: give a file made by `portrait-manifolds reconstruct`.")
    version = metadata.get("format_version", "")
    if version not in map(str, range(1, FORMAT_VERSION + 1)):
        raise InputError(
            f"{path} has format version {version[:20]!r} and this program reads 1 to {FORMAT_VERSION}: "
            "update portrait-manifolds, or reconstruct the portrait."
        )
    missing = DTYPES.keys() - tensors.keys()
    if missing:
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}: reconstruct it again.")
    for name, dtype in DTYPES.items():
        if tensors[name].dtype != dtype:
            raise InputError(f"{path} stores {name} as {tensors[name].dtype}: reconstruct it again.")
    return int(version)


def _from_tiles(tensors: dict[str, np.ndarray], size: int) -> np.ndarray:
    """Textures [S, size, size, 4] of the tiles that were stored; raises InputError where they do not fit together."""
    sheets = tensors["offsets"].size
    if (
        not MIN_TEXTURE_SIZE <= size <= MAX_TEXTURE_SIZE
        or size % TILE
        or not 1 <= sheets <= MAX_SHEETS
        or sheets * size * size > MAX_TEXELS
    ):
        raise InputError(f"{sheets} textures of {size} texels are not possible; reconstruct it again.")
    textures = np.zeros((sheets, size, size, 4), np.uint8)
    counts = _tile_counts(textures)
    index, colour, opacity = (tensors[name] for name in ("tile_index", "colour", "opacity"))
    if (
        index.ndim != 1
        or colour.shape != (index.size, TILE, TILE, 3)
        or opacity.shape != (index.size, TILE, TILE)
        or (index.size and (index[0] < 0 or index[-1] >= np.prod(counts) or not (index[1:] > index[:-1]).all()))
    ):
        raise InputError("its texture tiles do not fit together; reconstruct it again.")
    sheet, row, column = np.unravel_index(index, counts)
    grid = _tile_grid(textures)
    grid[sheet, row, :, column, :, :3] = colour
    grid[sheet, row, :, column, :, 3] = opacity
    return textures


def _tile_counts(textures: np.ndarray) -> tuple[int, int, int]:
    """Sheets, rows and columns of tiles of textures [S, T, T, 4]."""
    sheets, size = textures.shape[:2]
    return sheets, size // TILE, size // TILE


def _tile_grid(textures: np.ndarray) -> np.ndarray:
    """A view [S, rows, TILE, columns, TILE, 4]."""
    sheets, rows, columns = _tile_counts(textures)
    return textures.reshape(sheets, rows, TILE, columns, TILE, 4)
