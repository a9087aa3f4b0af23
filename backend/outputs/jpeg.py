"""JPEGs that are to be small: contact sheets."""

from pathlib import Path
from typing import Any

from PIL import Image

MAX_BYTES = 300_000
QUALITIES = (92, 88, 84, 80, 75, 70, 60, 50)


def save_small_jpeg(image: Image.Image, path: Path, worst: int = 50, **options: Any) -> bool:
    """Writes the best of QUALITIES down to `worst` that takes at most MAX_BYTES, else that; whether it is so small.

    `options` are Pillow's. Not atomic: `path` is the temporary one of `atomic_path`.
    """
    for quality in (quality for quality in QUALITIES if quality >= worst):
        image.save(path, "JPEG", quality=quality, optimize=True, **options)
        if path.stat().st_size <= MAX_BYTES:
            return True
    return False
