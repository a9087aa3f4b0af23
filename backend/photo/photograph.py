"""Reading a photograph: upright, 8-bit sRGB, and what its EXIF says of the lens."""

import hashlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import atan, degrees
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import BITSPERSAMPLE, PLANAR_CONFIGURATION

from ..errors import InputError
from ..input_file import read_input
from .jpeg_end import with_its_end

log = logging.getLogger(__name__)

MAX_PIXELS, MAX_CMYK_PIXELS, MAX_COSTLY_PIXELS = 100_000_000, 75_000_000, 25_000_000
"""A picture must not take more than a gigabyte: decoders need up to 10 bytes a pixel (progressive JPEG), 12 of CMYK and
up to 36 of _COSTLY_FORMATS."""

MAX_BYTES = 256 << 20
"""Of a file."""

FORMATS = ("AVIF", "BMP", "DIB", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP", "TGA")
"""Those that hold pixels and nothing else: Pillow runs another program on EPS. MPO is what some phones call JPEG. TGA
comes last: Pillow takes icons for it."""

_STRIP_PIXELS = 4_000_000
"""Converted at once."""

_COSTLY_FORMATS = ("AVIF", "JPEG2000", "WEBP")
"""Whose decoders need most memory."""

_DEEP_GREY_MODES = ("I;16", "I;16B", "I;16L", "I", "F")
"""Pillow's names of greys of more than 8 bits."""

_GREY_MODES, _COLOUR_MODES = ("1", "L", "LA", *_DEEP_GREY_MODES), ("RGB", "RGBA", "P", "CMYK")
"""And of greys and colours whose profile counts."""

MIN_SIDE_PX = 48
"""Smaller pictures are refused."""

FILM_DIAGONAL_MM = (36.0**2 + 24.0**2) ** 0.5
"""Of the film that 35 mm equivalent focal lengths are told for."""


@dataclass(frozen=True)
class Photograph:
    """A picture as a viewer shows it."""

    rgb: np.ndarray  # [H, W, 3] uint8, sRGB
    sha256: str  # of the file's bytes, or of the pixels if there is no file
    fov_deg: float | None  # vertical field of view, if EXIF gives it
    opacity: np.ndarray | None = None  # [H, W] uint8, of a file that is clear somewhere; 255 where it is least so

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]


def load_photograph(path: Path | str) -> Photograph:
    """Reads a photograph; see decode_photograph. Raises InputError also where the file cannot be read."""
    return decode_photograph(read_photograph(path), Path(path).name)


def read_photograph(path: Path | str) -> bytes:
    """The file's bytes; raises InputError where it cannot be read or is larger than 256 MB."""
    return read_input(path, MAX_BYTES)


def decode_photograph(data: bytes, name: str) -> Photograph:
    """A file's bytes; transparent pixels become white and keep their opacity, 16 bits become 8, and colours and
    greys of any profile sRGB.

    Raises InputError, which says `name`, for what is no picture, smaller than 48 pixels a side or larger than
    100 megapixels (75 in CMYK; 25 in AVIF, JPEG 2000 and WebP).
    """
    with open_picture(data, name) as image:
        _check_smallest(name, *image.size)
        fov_deg = _exif_fov_deg(image)
        ImageOps.exif_transpose(image, in_place=True)
        rgb, opacity = _srgb_pixels(image), _opacity(image)
    return Photograph(rgb, hashlib.sha256(data).hexdigest(), fov_deg, opacity)


def decode_layer(data: bytes, name: str) -> np.ndarray:
    """A file's bytes as `decode_photograph` reads them, with their opacity where they have any: [H, W, 3 or 4] uint8.

    Colours are straight. Raises InputError for what is no picture or too large.
    """
    with open_picture(data, name) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if not _is_clear(image):
            return _srgb_pixels(image)
        rgba = image.convert("RGBA")
        opaque = rgba.convert("L" if image.mode in _GREY_MODES else "RGB")
        opaque.info = {"icc_profile": image.info.get("icc_profile")}
        return np.concatenate([_srgb_pixels(opaque), np.asarray(rgba.getchannel("A"))[..., None]], -1)


@contextmanager
def open_picture(data: bytes, name: str) -> Iterator[Image.Image]:
    """A file's bytes opened as a picture of one of FORMATS, before its pixels are decoded.

    A JPEG may lack its end marker. Raises InputError where it is too large, and makes InputError of whatever Pillow
    raises inside the block.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes that are checked here, and of harmless damage
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_largest(name, *image.size, _max_pixels(image))
                if _is_planar_16_bit(image):
                    raise ValueError("Pillow mixes up the planes of such files")
                whole = with_its_end(data) if image.format in ("JPEG", "MPO") else data
                with image if whole is data else Image.open(io.BytesIO(whole), formats=("JPEG",)) as image:
                    yield image
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} is too large: shrink it to at most {MAX_PIXELS // 10**6} megapixels.") from error
    except Exception as error:  # decoders fail on damaged files in every way there is
        log.debug("%s", name, exc_info=True)
        raise InputError(f"{name} cannot be read as a picture: save it again as JPEG or PNG.") from error


def photograph_of(rgb: np.ndarray) -> Photograph:
    """Pixels [H, W, 3] uint8 (sRGB) as a photograph; raises InputError for another shape or type."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InputError(f"A photograph is [H, W, 3] uint8, not {list(rgb.shape)} {rgb.dtype}: convert it.")
    _check_smallest("the picture", rgb.shape[1], rgb.shape[0])
    _check_largest("the picture", rgb.shape[1], rgb.shape[0], MAX_PIXELS)
    rgb = np.ascontiguousarray(rgb)
    return Photograph(rgb, hashlib.sha256(rgb.tobytes()).hexdigest(), None)


def _check_smallest(name: str, width_px: int, height_px: int) -> None:
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise InputError(f"{name} is only {width_px} x {height_px} pixels: use one of at least {MIN_SIDE_PX} a side.")


def _check_largest(name: str, width_px: int, height_px: int, max_pixels: int) -> None:
    if width_px * height_px > max_pixels:
        raise InputError(
            f"{name} has {width_px} x {height_px} pixels: shrink it to at most {max_pixels // 10**6} megapixels."
        )


def _is_planar_16_bit(image: Image.Image) -> bool:
    """Of a TIFF that keeps each channel in a plane of its own."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(PLANAR_CONFIGURATION) == 2 and 16 in tags.get(BITSPERSAMPLE, ())


def _max_pixels(image: Image.Image) -> int:
    """What may be decoded of a picture of this kind."""
    if image.format in _COSTLY_FORMATS:
        return MAX_COSTLY_PIXELS
    return MAX_CMYK_PIXELS if image.mode == "CMYK" else MAX_PIXELS


def _srgb_pixels(image: Image.Image) -> np.ndarray:
    """[H, W, 3] uint8, converted a strip at a time: a large picture is in memory twice, not five times."""
    convert = _converter(image)
    width, height = image.size
    rgb = np.empty((height, width, 3), np.uint8)
    top = 0
    for strip in _strips(image):
        rgb[top : top + strip.height] = convert(strip)
        top += strip.height
    return rgb


def _opacity(image: Image.Image) -> np.ndarray | None:
    """[H, W] uint8, over its greatest value; None where that is all there is."""
    if image.mode in _DEEP_GREY_MODES or not _is_clear(image):
        return None
    strips = [np.asarray(strip.convert("RGBA").getchannel("A")) for strip in _strips(image)]
    least, most = min(strip.min() for strip in strips), max(strip.max() for strip in strips)
    if least == most:
        return None
    return np.rint(np.arange(256) * (255.0 / most)).clip(max=255).astype(np.uint8)[np.concatenate(strips)]


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    """The picture from the top down, in pieces of its width that take little memory."""
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield image.crop((0, top, width, min(top + rows, height)))


def _converter(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What turns a strip of this picture to 8-bit sRGB."""
    flat = _flattener(image)
    profile = image.info.get("icc_profile")
    if profile and image.mode in (*_GREY_MODES, *_COLOUR_MODES):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            is_grey = image.mode in _GREY_MODES and source.profile.xcolor_space.strip() == "GRAY"
            mode = "CMYK" if image.mode == "CMYK" else "L" if is_grey else "RGB"
            transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
            return lambda strip: transform.apply(flat(strip).convert(mode))
        except (ImageCms.PyCMSError, OSError) as error:
            log.warning("the colour profile is damaged (%s): colours are taken as sRGB", error)
    return lambda strip: flat(strip).convert("RGB")


def _flattener(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What turns a strip of this picture to 8 bits, over white where it is clear, in its own colours."""
    if image.mode in _DEEP_GREY_MODES:
        brightest = _brightest(image)
        white = 65535.0 if brightest > 255.0 else 255.0 if brightest > 2.0 or image.mode != "F" else 1.0
        return lambda strip: _eight_bit_grey(strip, white)
    if _is_clear(image):
        return _over_white
    return lambda strip: strip if strip.mode == "CMYK" else strip.convert("RGB")


def _is_clear(image: Image.Image) -> bool:
    """Whether it has an opacity."""
    return "A" in image.mode or "transparency" in image.info


def _over_white(strip: Image.Image) -> Image.Image:
    """A strip as RGB, over white where it is clear."""
    rgba = strip.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _brightest(image: Image.Image) -> float:
    """The greatest grey of a deep picture, whatever its range."""
    return max(float(np.nan_to_num(np.asarray(strip, np.float32)).max()) for strip in _strips(image))


def _eight_bit_grey(strip: Image.Image, white: float) -> Image.Image:
    """Greys of a range from 0 to `white` as 8 bits."""
    values = np.clip(np.nan_to_num(np.asarray(strip, np.float32)) / white, 0, 1)
    return Image.fromarray((values * 255.0 + 0.5).astype(np.uint8))


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
