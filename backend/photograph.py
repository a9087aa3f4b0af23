"""Reading a photograph: any format Pillow knows, upright, 8-bit sRGB, and what its EXIF says of the lens."""

import hashlib
import io
import logging
from dataclasses import dataclass
from math import atan, degrees
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from .errors import InputError

log = logging.getLogger(__name__)

MAX_PIXELS = 120_000_000
MIN_SIDE_PX = 48
FILM_DIAGONAL_MM = (36.0**2 + 24.0**2) ** 0.5


@dataclass(frozen=True)
class Photograph:
    """A picture as a viewer shows it."""

    rgb: np.ndarray  # [H, W, 3] uint8, sRGB
    sha256: str  # of the file's bytes, or of the pixels if there is no file
    fov_deg: float | None  # vertical field of view, if EXIF gives it

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]


def load_photograph(path: Path | str) -> Photograph:
    """Reads a photograph; see decode_photograph. Raises InputError also where the file cannot be read."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}): check the path.") from error
    return decode_photograph(data, path.name)


def decode_photograph(data: bytes, name: str) -> Photograph:
    """A file's bytes; transparent pixels become white, 16 bits 8, CMYK and wide-gamut colours sRGB.

    Raises InputError, which says `name`, for what is no picture, smaller than 48 pixels a side or larger than 120
    megapixels.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(name, *image.size)
            fov_deg = _exif_fov_deg(image)
            upright = ImageOps.exif_transpose(image)
            rgb = np.asarray(_to_srgb(upright))
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} is too large: shrink it to at most {MAX_PIXELS // 10**6} megapixels.") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InputError(f"{name} cannot be read as a picture: save it again as JPEG or PNG.") from error
    return Photograph(np.ascontiguousarray(rgb), hashlib.sha256(data).hexdigest(), fov_deg)


def photograph_of(rgb: np.ndarray) -> Photograph:
    """Pixels [H, W, 3] uint8 (sRGB) as a photograph; raises InputError for another shape or type."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(f"A photograph is [H, W, 3] uint8, not {list(rgb.shape)} {rgb.dtype}: convert it.")
    _check_size("the picture", rgb.shape[1], rgb.shape[0])
    rgb = np.ascontiguousarray(rgb)
    return Photograph(rgb, hashlib.sha256(rgb.tobytes()).hexdigest(), None)


def _check_size(name: str, width_px: int, height_px: int) -> None:
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise InputError(f"{name} is only {width_px} x {height_px} pixels: use one of at least {MIN_SIDE_PX} a side.")
    if width_px * height_px > MAX_PIXELS:
        raise InputError(f"{name} has {width_px} x {height_px} pixels: shrink it to {MAX_PIXELS // 10**6} megapixels.")


def _to_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.asarray(image, np.float32)
        full = 255.0 if values.max() <= 255.0 else 65535.0
        return Image.fromarray((np.clip(values / full, 0, 1) * 255.0 + 0.5).astype(np.uint8)).convert("RGB")
    if "A" in image.mode or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    if profile and image.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except ImageCms.PyCMSError as error:
            log.warning("the colour profile is damaged (%s): colours are taken as sRGB", error)
    return image.convert("RGB")


def _exif_fov_deg(image: Image.Image) -> float | None:
    """Vertical field of view of the upright picture from the 35 mm equivalent focal length, if there is one."""
    exif = image.getexif()
    focal_mm = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.FocalLengthIn35mmFilm)
    try:
        focal_mm = float(focal_mm or 0.0)
    except (TypeError, ValueError):
        return None
    if not 8.0 <= focal_mm <= 1200.0:
        return None
    width, height = image.size
    if exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
        width, height = height, width
    height_mm = FILM_DIAGONAL_MM * height / (width**2 + height**2) ** 0.5
    return degrees(2.0 * atan(0.5 * height_mm / focal_mm))
