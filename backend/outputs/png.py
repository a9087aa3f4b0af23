"""PNG: 8-bit straight sRGB, with its provenance in XMP."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..atomic import atomic_path
from ..picture.compositing import to_bytes
from ..portrait import PROVENANCE
from .provenance import MADE_OF, SOFTWARE, xmp_packet


def save_png(path: Path | str, rgba: np.ndarray, provenance: str = PROVENANCE, made_of: str = "") -> None:
    """Writes RGBA [H, W, 4] (straight, sRGB-encoded, 0..1) whole or not at all; `made_of` as the text of that name.

    Raises InputError where the path cannot be written, ProcessingError if the disk gives out.
    """
    info = PngInfo()
    info.add(b"sRGB", b"\0")  # perceptual intent
    info.add_text("Software", SOFTWARE)
    if made_of:
        info.add_text(MADE_OF, made_of)
    info.add_itxt("Description", provenance)
    info.add_itxt("XML:com.adobe.xmp", xmp_packet(provenance))
    image = Image.fromarray(to_bytes(rgba))
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=info, compress_level=2)
