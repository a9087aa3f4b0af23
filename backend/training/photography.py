"""What a camera does to a picture: exposure, colour, blur, noise, compression, and what stands behind the subject."""

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from scipy import ndimage

from ..conventions import LUMA, linear_to_srgb, srgb_to_linear
from ..photo.resampling import resized


@dataclass(frozen=True)
class Film:
    """What one camera and its settings do to a picture."""

    gain: np.ndarray  # [3], exposure and white balance in linear light
    contrast: float
    saturation: float
    defocus: float  # share of the picture's side
    noise: float
    jpeg_quality: int  # 100: none
    detail: float  # resolution before enlargement, 1: full


def sample_film(rng: np.random.Generator) -> Film:
    """Mostly a good camera, sometimes a bad one."""
    warm = rng.normal() * 0.05
    exposure = np.exp(rng.normal() * 0.15 - 0.04)
    return Film(
        gain=exposure * np.array([1 + warm, 1.0 + rng.normal() * 0.02, 1 - warm]),
        contrast=float(np.exp(rng.normal() * 0.07)),
        saturation=float(np.clip(0.92 + rng.normal() * 0.12, 0.0, 1.4)) if rng.random() > 0.04 else 0.0,
        defocus=float(rng.choice([0.0, rng.uniform(0, 0.003)], p=[0.65, 0.35])),
        noise=float(rng.choice([0.0, rng.uniform(0.002, 0.02)], p=[0.4, 0.6])),
        jpeg_quality=int(rng.integers(55, 96)) if rng.random() < 0.6 else 100,
        detail=float(rng.choice([1.0, rng.uniform(0.35, 1.0)], p=[0.6, 0.4])),
    )


def graded(linear: np.ndarray, film: Film) -> np.ndarray:
    """Exposure, white balance, saturation and contrast of linear colours [..., 3]; sRGB-encoded, 0..1, float32.

    A grade is a property of the film, so every view of one subject gets the same one.
    """
    exposed = linear * film.gain.astype(np.float32)
    grey = exposed @ np.array(LUMA, np.float32)
    exposed = grey[..., None] + (exposed - grey[..., None]) * np.float32(film.saturation)
    # A shoulder instead of hard clipping, as film and phones have.
    bright = np.maximum(exposed - 0.7, 0.0)
    exposed = np.where(exposed > 0.7, 0.7 + 0.3 * (1.0 - np.exp(-bright / 0.3)), np.maximum(exposed, 0.0))
    encoded = encoded_srgb(exposed)
    return np.clip((encoded - 0.45) * film.contrast + 0.45, 0.0, 1.0).astype(np.float32)


def degraded(picture: np.ndarray, film: Film, rng: np.random.Generator) -> np.ndarray:
    """Defocus, lost resolution, noise and JPEG on an sRGB-encoded picture [H, W, 3] 0..1; returns [H, W, 3] uint8."""
    side = picture.shape[0]
    if film.defocus > 0:
        blur = (film.defocus * side,) * 2 + (0.0,)
        picture = ndimage.gaussian_filter(picture, blur)
    if film.detail < 1.0:
        small = max(32, round(side * film.detail))
        image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
        image = image.resize((small, small), Image.Resampling.BOX if film.detail > 0.6 else Image.Resampling.LANCZOS)
        picture = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255.0
    if film.noise > 0:
        grain = rng.standard_normal(picture.shape, np.float32)
        grain = 0.6 * grain + 0.4 * grain.mean(-1, keepdims=True)
        picture = picture + film.noise * grain * (0.4 + np.sqrt(np.clip(picture, 0, 1)))
    encoded = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    if film.jpeg_quality < 100:
        buffer = io.BytesIO()
        Image.fromarray(encoded).save(buffer, "JPEG", quality=film.jpeg_quality)
        encoded = np.asarray(Image.open(buffer))
    return encoded


def sample_background(rng: np.random.Generator, side_px: int, photos: list[np.ndarray]) -> np.ndarray:
    """A background [side, side, 3], linear: studio gradient, blurred shapes, cloudy noise, or one of `photos`' own.

    `photos` are backgrounds [h, w, 3] uint8 with the people filled over; may be empty.
    """
    kind = rng.choice(4, p=[0.35, 0.25, 0.15, 0.25])
    small = 64
    y, x = np.mgrid[0:small, 0:small] / small
    if kind == 3 and photos:
        photo = photos[rng.integers(len(photos))]
        if rng.random() < 0.5:
            photo = photo[:, ::-1]
        return srgb_to_linear(_enlarge(photo.astype(np.float32) / 255.0, side_px)).astype(np.float32)
    base = np.exp(rng.uniform(np.log(0.02), np.log(0.9))) * np.exp(rng.normal(size=3) * 0.25)
    picture = np.broadcast_to(base, (small, small, 3)).copy()
    direction = rng.normal(size=2)
    picture *= (1.0 + 0.5 * np.tanh(direction[0] * (x - 0.5) + direction[1] * (y - 0.5)))[..., None]
    if rng.random() < 0.5:
        glow = np.hypot(x - rng.uniform(0.2, 0.8), y - rng.uniform(0.2, 0.8))
        picture *= (1.0 + rng.uniform(0, 1.2) * np.exp(-(glow**2) * 6))[..., None]
    if kind == 1:
        for _ in range(rng.integers(4, 16)):
            cx, cy, width, height = rng.uniform(0, 1, 2).tolist() + rng.uniform(0.05, 0.4, 2).tolist()
            colour = np.exp(rng.uniform(np.log(0.02), np.log(1.2))) * np.exp(rng.normal(size=3) * 0.4)
            if rng.random() < 0.5:
                inside = (np.abs(x - cx) < width) & (np.abs(y - cy) < height)
            else:
                inside = np.hypot((x - cx) / width, (y - cy) / height) < 0.7
            picture[inside] = colour
        picture = ndimage.gaussian_filter(picture, (*2 * (rng.uniform(0.7, 5.0),), 0))
    elif kind == 2:
        noise = sum(ndimage.gaussian_filter(rng.normal(size=(small, small)), s) * s for s in (2.0, 5.0, 11.0))
        picture *= np.exp(0.35 * noise / max(float(np.std(noise)), 1e-6))[..., None]
    return _enlarge(picture.astype(np.float32), side_px)


def _enlarge(picture: np.ndarray, side_px: int) -> np.ndarray:
    """[h, w, 3] float32 to [side, side, 3], bicubic."""
    return np.maximum(resized(picture, (side_px, side_px), Image.Resampling.BICUBIC), 0.0)


def encoded_srgb(linear: np.ndarray) -> np.ndarray:
    """sRGB encoding of linear values in 0..1, float32: by a fine table, ten times faster than the power."""
    table = _encoding_table()
    return table[np.minimum((linear * (len(table) - 1) + 0.5).astype(np.int32), len(table) - 1)]


def decoded_srgb(encoded: np.ndarray) -> np.ndarray:
    """Linear values of sRGB-encoded uint8, float32: by a table."""
    return _decoding_table()[encoded]


@cache
def _encoding_table() -> np.ndarray:
    return linear_to_srgb(np.arange(1 << 16) / ((1 << 16) - 1)).astype(np.float32)


@cache
def _decoding_table() -> np.ndarray:
    return srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)
