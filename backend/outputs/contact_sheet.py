"""Pictures side by side in one file, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..atomic import atomic_path
from ..picture.compositing import over_background
from ..portrait import PROVENANCE
from .jpeg import save_small_jpeg
from .provenance import exif_note

BACKGROUND = (0.72, 0.72, 0.72)
"""sRGB-encoded grey that clear parts are shown on."""


def save_contact_sheet(path: Path, rows: Sequence[Sequence[np.ndarray]], provenance: str = PROVENANCE) -> None:
    """Writes rows of pictures of one size as PNG, or as the best JPEG of at most 300 kB where there is one.

    Pictures are uint8 [H, W, 3], or RGBA [H, W, 4] in 0..1 (straight, sRGB-encoded), which lie over grey.
    """
    grey = np.asarray(BACKGROUND, np.float32)
    opaque = [[over_background(one, grey) if one.shape[2] == 4 else one for one in row] for row in rows]
    image = Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in opaque], axis=0))
    exif = exif_note(provenance)
    with atomic_path(path) as temporary:
        if path.suffix.lower() == ".png":
            image.save(temporary, exif=exif)
            return
        save_small_jpeg(image, temporary, exif=exif)
