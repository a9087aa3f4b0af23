"""The small pictures of the report: photographs and portraits side by side, and the contact sheet."""

import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..atomic import atomic_path
from ..errors import InputError
from ..outputs.provenance import exif_note
from ..photo.photograph import open_picture, read_photograph
from ..picture.compositing import over_background
from ..portrait import PROVENANCE

SIDE_PX = 144
"""Of a small picture."""

COLUMNS, ROWS = 5, 20
"""Pairs of pictures on one contact sheet."""

SHEET_FILE = re.compile(r"contact_sheet(_\d+)?\.jpg")
"""Names of contact sheets."""

_GAP_PX, _LINE_PX = 8, 20
_GREY = (128, 128, 128)


def small_photo(path: Path) -> Image.Image | None:
    """The photograph, upright, at most SIDE_PX a side; None if it is no picture."""
    try:
        with open_picture(read_photograph(path), path.name) as photo:
            photo.draft("RGB", (2 * SIDE_PX, 2 * SIDE_PX))  # a JPEG is decoded no larger than needed
            small = ImageOps.exif_transpose(photo).convert("RGB")
    except InputError:
        return None
    small.thumbnail((SIDE_PX, SIDE_PX))
    return small


def small_still(path: Path) -> Image.Image:
    """A still over grey, at most SIDE_PX a side."""
    with Image.open(path) as still:
        rgba = np.asarray(still.convert("RGBA"), np.float32) / 255.0
    small = Image.fromarray(over_background(rgba, np.array([0.5, 0.5, 0.5], np.float32)))
    small.thumbnail((SIDE_PX, SIDE_PX))
    return small


class ContactSheet:
    """Photograph and portrait in pairs with their names; a new page every COLUMNS x ROWS pairs."""

    def __init__(self, output: Path) -> None:
        self.output, self.pages = output, list[str]()
        self._pairs: list[tuple[Image.Image | None, Image.Image, str]] = []

    def add(self, photo: Image.Image | None, still: Image.Image, name: str) -> None:
        """Adds a pair, and writes the page if that fills it."""
        self._pairs.append((photo, still, name))
        if len(self._pairs) == COLUMNS * ROWS:
            self.finish()

    def finish(self) -> None:
        """Writes what is waiting."""
        if not self._pairs:
            return
        cell_width, cell_height = 2 * SIDE_PX + 2 * _GAP_PX, SIDE_PX + _LINE_PX + _GAP_PX
        columns = min(COLUMNS, len(self._pairs))
        rows = -(-len(self._pairs) // columns)
        page = Image.new("RGB", (columns * cell_width + _GAP_PX, rows * cell_height + _GAP_PX), "white")
        draw, font = ImageDraw.Draw(page), _font(13)
        for index, (photo, still, name) in enumerate(self._pairs):
            x = _GAP_PX + index % columns * cell_width
            y = _GAP_PX + index // columns * cell_height
            for picture, left in ((photo, x), (still, x + SIDE_PX + 2)):
                page.paste(_GREY, (left, y, left + SIDE_PX, y + SIDE_PX))
                if picture is not None:
                    page.paste(picture, (left + (SIDE_PX - picture.width) // 2, y + (SIDE_PX - picture.height) // 2))
            draw.text((x, y + SIDE_PX + 2), _fitting(name, font, 2 * SIDE_PX), fill="black", font=font)
        self._pairs.clear()
        number = len(self.pages) + 1
        self.pages.append("contact_sheet.jpg" if number == 1 else f"contact_sheet_{number}.jpg")
        with atomic_path(self.output / self.pages[-1]) as temporary:
            page.save(temporary, quality=88, exif=exif_note(PROVENANCE))


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, the system's or the one that MediaPipe brings with matplotlib: Pillow's own has no accents."""
    matplotlib = find_spec("matplotlib")
    folders = [Path(matplotlib.origin).parent / "mpl-data/fonts/ttf"] if matplotlib and matplotlib.origin else []
    for name in ("DejaVuSans.ttf", *(str(folder / "DejaVuSans.ttf") for folder in folders)):
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)


def _fitting(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int) -> str:
    name = unicodedata.normalize("NFC", name)
    if font.getlength(name) <= width_px:
        return name
    while name and font.getlength(name + "…") > width_px:
        name = name[:-1]
    return name + "…"
