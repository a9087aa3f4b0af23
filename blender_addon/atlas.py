"""One picture for all sheets: a grid of their textures, packed into the .blend as PNG.

One material on one mesh is what every engine draws in the order of its faces; a material a sheet is not. Each texture
gets a border of repeated texels, so that neither bilinear filtering nor the first mip levels see a neighbour.
"""

import struct
import zlib
from dataclasses import dataclass
from math import ceil, sqrt

import bpy
import numpy as np

from ..backend.outputs.sheets import dilated_colour
from ..backend.portrait import Portrait

BORDER_PX = 8


@dataclass(frozen=True)
class Atlas:
    """Where each sheet's texture lies: `sheets` fill a grid of `columns`, row by row from the top."""

    sheets: tuple[int, ...]
    texture_size: int
    columns: int
    rows: int

    @property
    def cell_px(self) -> int:
        """Side of a texture with its border."""
        return self.texture_size + 2 * BORDER_PX

    def uv(self, slot: int, uv: np.ndarray) -> np.ndarray:
        """Texture coordinates [N, 2] of the sheet in `slot`, v down, to those of the atlas, v up as Blender has it."""
        row, column = divmod(slot, self.columns)
        x = (column * self.cell_px + BORDER_PX + uv[:, 0] * self.texture_size) / (self.columns * self.cell_px)
        y = (row * self.cell_px + BORDER_PX + uv[:, 1] * self.texture_size) / (self.rows * self.cell_px)
        return np.stack([x, 1.0 - y], axis=1)


def plan_atlas(portrait: Portrait) -> Atlas:
    """The smallest nearly square grid that holds the sheets with some opacity."""
    sheets = tuple(np.flatnonzero(portrait.textures[..., 3].any(axis=(1, 2))).tolist())
    columns = max(1, ceil(sqrt(len(sheets))))
    return Atlas(sheets, portrait.texture_size, columns, max(1, ceil(len(sheets) / columns)))


def atlas_pixels(portrait: Portrait, atlas: Atlas) -> np.ndarray:
    """RGBA [H, W, 4] uint8: sRGB-encoded colour, spread under what is transparent, and straight opacity."""
    shown = portrait.textures[list(atlas.sheets)]
    rgba = np.concatenate([dilated_colour(shown), shown[..., 3:]], axis=-1)
    cell = atlas.cell_px
    pixels = np.zeros((atlas.rows * cell, atlas.columns * cell, 4), np.uint8)
    for slot, texture in enumerate(rgba):
        row, column = divmod(slot, atlas.columns)
        padded = np.pad(texture, ((BORDER_PX, BORDER_PX), (BORDER_PX, BORDER_PX), (0, 0)), mode="edge")
        pixels[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = padded
    return pixels


def packed_image(name: str, png: bytes) -> bpy.types.Image:
    """A Blender image of a PNG file's pixels, exactly, which it keeps in the .blend.

    Channel-packed alpha: straight alpha would be premultiplied in 8 bits and lose faint colour.
    """
    image = bpy.data.images.new(name, 8, 8, alpha=True)
    image.pack(data=png, data_len=len(png))
    image.source = "FILE"
    image.alpha_mode = "CHANNEL_PACKED"
    image.colorspace_settings.name = "sRGB"
    return image


def encode_png(pixels: np.ndarray) -> bytes:
    """RGBA [H, W, 4] uint8 as a PNG file; each row stored as the difference to the one above (filter 2)."""
    height, width = pixels.shape[:2]
    rows = np.empty((height, 1 + 4 * width), np.uint8)
    flat = pixels.reshape(height, 4 * width)
    rows[:, 0], rows[0, 1:] = 2, flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.data, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
