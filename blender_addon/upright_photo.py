"""A photograph as Blender shows it: upright, which Blender, deaf to EXIF, leaves to others."""

import re
import struct
from pathlib import Path

import bpy
import numpy as np

from ..backend.errors import InputError
from .atlas import encode_png, packed_image
from .native_object import stored_path

MAX_COPY_PX = 2048
"""Longer side of a turned copy, which the .blend carries."""

_SUFFIX = " upright"
_EXIF = re.compile(rb"(?:\A|Exif\0\0|eXIf|EXIF....)(II\*\0|MM\0\*)", re.DOTALL)
"""Where TIFF, JPEG, PNG and WebP files have their EXIF data, which are TIFF's tags."""
_ORIENTATION = 0x0112


def upright_image(path: Path) -> bpy.types.Image:
    """The file's own image, or a turned copy where EXIF wants one.

    Raises InputError, without an end, where Blender cannot read it.
    """
    turn = _orientation(path.read_bytes())
    known = set(bpy.data.images)
    image = bpy.data.images.load(stored_path(path), check_existing=turn == 1)
    try:
        if not min(image.size):
            raise InputError(f"Blender cannot read {path.name}")
        return image if turn == 1 else packed_image(f"{path.name}{_SUFFIX}", encode_png(_turned(image, turn)))
    finally:
        if image not in known and (turn != 1 or not min(image.size)):
            bpy.data.images.remove(image)


def is_turned_copy(image: bpy.types.Image) -> bool:
    """Whether an image was made here, and not by the user."""
    return image.packed_file is not None and _SUFFIX in image.name


def _turned(image: bpy.types.Image, orientation: int) -> np.ndarray:
    """RGBA [H, W, 4] uint8, upright, first row at the top."""
    width, height = image.size
    scale = min(1.0, MAX_COPY_PX / max(width, height))
    if scale < 1.0:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        image.scale(width, height)
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    picture = pixels.reshape(height, width, 4)[::-1]
    if orientation >= 5:
        picture = picture.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return np.ascontiguousarray(np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8))


def _orientation(data: bytes) -> int:
    """How a picture file wants to be turned, 1 (not at all) to 8 as EXIF counts."""
    found = _EXIF.search(data)
    if found is None:
        return 1
    order, start = "<" if found[1].startswith(b"II") else ">", found.start(1)
    try:
        first = start + struct.unpack_from(f"{order}I", data, start + 4)[0]
        for entry in range(struct.unpack_from(f"{order}H", data, first)[0]):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", data, first + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # cut short
    return 1
