"""JPEGs that are to be no larger than so much: contact sheets."""

from pathlib import Path
from typing import Any

from PIL import Image

QUALITIES = (92, 88, 84, 80, 75, 70, 60, 50)


def save_jpeg_within(image: Image.Image, path: Path, max_bytes: int, worst: int = 50, **options: Any) -> bool:
    """Writes the best of QUALITIES down to `worst` that takes at most `max_bytes`, else that; whether it is so small.

    `options` are Pillow's. Not atomic: `path` is the temporary one of `atomic_path`.
    """
    for quality in (quality for quality in QUALITIES if quality >= worst):
        image.save(path, "JPEG", quality=quality, optimize=True, **options)
        if path.stat().st_size <= max_bytes:
            return True
    return False
