"""More skins than photographs: mixing, re-toning, ageing, and skins painted from nothing."""

import numpy as np
from PIL import Image
from scipy import ndimage

from ..conventions import linear_to_srgb
from ..photo.resampling import resized
from .atlas import SkinAtlas
from .colours import sample_hair_colour, sample_skin_tone
from .photography import decoded_srgb
from .skins import Skin

_ENCODED = (linear_to_srgb(np.arange(4096) / 4095.0) * 255.0 + 0.5).astype(np.uint8)


def varied_skin(rng: np.random.Generator, first: Skin, second: Skin | None) -> tuple[np.ndarray, np.ndarray]:
    """A skin near `first`, perhaps with the fine detail of `second` or another tone.

    Returns RGBA texels [S, S, 4] uint8 (sRGB) and the linear tone [3] for the rest of the body.
    """
    tone = first.tone
    colour = tone * _tamed(decoded_srgb(first.texels) / tone)
    if second is not None:
        share = rng.uniform(0.25, 0.75)
        other = _tamed(decoded_srgb(second.texels) / second.tone)
        colour = tone * (colour / tone) ** np.float32(1.0 - share) * other ** np.float32(share)
    if rng.random() < 0.4:
        fresh = sample_skin_tone(rng).astype(np.float32)
        amount = rng.uniform(0.3, 1.0)
        new_tone = tone ** (1.0 - amount) * fresh**amount
        colour, tone = colour * (new_tone / tone).astype(np.float32), new_tone
    detail = float(np.exp(rng.normal() * 0.18)) - 1.0
    if abs(detail) > 0.15:
        colour = _with_contrast(colour, tone, detail)
    return _texels(rng, colour), tone.astype(np.float32)


def painted_skin(rng: np.random.Generator, atlas: SkinAtlas) -> tuple[np.ndarray, np.ndarray]:
    """A skin from nothing: tone, blush, lips, brows of strokes, shaded lids, freckles, beard shadow."""
    tone = sample_skin_tone(rng).astype(np.float32)
    x, y, z = np.moveaxis(atlas.neutral_m * 100.0, -1, 0)  # centimetres
    side = np.abs(x)
    colour = np.broadcast_to(tone, (*x.shape, 3)).astype(np.float32).copy()

    def tinted(mask: np.ndarray, factor: np.ndarray) -> None:
        colour[...] *= 1.0 + mask[..., None] * (factor.astype(np.float32) - 1.0)

    red = np.array([1.08, 0.82, 0.82])
    cheeks = np.exp(-(((side - 4.2) / 1.8) ** 2) - ((y + 2.2) / 1.6) ** 2)
    nose = np.exp(-((x / 1.2) ** 2) - ((y + 1.8) / 1.2) ** 2)
    tinted((cheeks + nose) * rng.uniform(0.2, 1.0), red)
    tinted(np.clip(side - 7.6, 0, 1), red)  # ears
    lids = np.exp(-(((side - 3.1) / 1.7) ** 2) - ((y - 0.9) / 1.1) ** 2)
    tinted(lids * rng.uniform(0.1, 0.8), np.array([0.72, 0.66, 0.68]))
    lips = np.exp(-np.maximum((x / 2.45) ** 2 + ((y + 6.0) / 0.95) ** 2 - 0.55, 0) * 9.0) * (z > 8)
    lip_tint = np.array([0.85, 0.45, 0.45]) if rng.random() < 0.7 else np.array([0.9, 0.2, 0.25])
    tinted(lips * rng.uniform(0.4, 1.0), lip_tint)
    size = x.shape[0]
    grain = rng.standard_normal((size, size)).astype(np.float32)
    mottle = ndimage.zoom(rng.standard_normal((size // 16, size // 16)), 16, order=1)[:size, :size]
    colour *= (1.0 + 0.035 * mottle + 0.05 * ndimage.gaussian_filter(grain, 0.8))[..., None].astype(np.float32)
    hair = sample_hair_colour(rng, tone)
    brows = _brows(rng, side, y, z, grain)[..., None].astype(np.float32)
    colour = colour * (1 - brows) + np.minimum(hair, tone * 0.6).astype(np.float32) * brows
    if rng.random() < 0.35:
        beard = np.clip((-3.6 - y) / 1.2, 0, 1) * np.clip((z - 1.0) / 2.0, 0, 1) * np.clip((y + 11.0) / 1.0, 0, 1)
        beard = beard * (1 - lips)
        tinted(beard * rng.uniform(0.1, 0.8) * np.clip(0.6 + 0.5 * grain, 0, 1), np.array([0.55, 0.58, 0.62]))
    if rng.random() < 0.2:
        spots = ndimage.gaussian_filter((rng.random((size, size)) < 0.004).astype(np.float32), 1.0) * 5.0
        tinted(np.clip(spots, 0, 1) * np.exp(-(((y - 0.5) / 4.0) ** 2)), np.array([0.75, 0.62, 0.55]))
    rim = np.clip((atlas.border_m - 0.004) / 0.022, 0, 1)[..., None]
    colour = tone + (colour - tone) * rim
    return _texels(rng, colour), tone


def _brows(rng: np.random.Generator, side: np.ndarray, y: np.ndarray, z: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """How much of each texel [S, S] brows hide, 0..1, in strokes: of places in centimetres, beside, up and before."""
    arch = 3.35 + 0.35 * np.cos((side - 3.6) * 0.9) + rng.normal() * 0.1
    thick = rng.uniform(0.22, 0.5) * np.clip((5.6 - side) / 2.2, 0.1, 1)
    near = np.clip(1.4 - np.abs(y - arch) / thick, 0, 1)
    within = near * np.clip((side - 1.0) / 0.4, 0, 1) * np.clip((5.6 - side) / 0.5, 0, 1)
    strokes = np.clip(0.75 + 0.9 * ndimage.gaussian_filter1d(grain, 2.5, axis=0) * 2.0, 0, 1)
    return within * strokes * (z > 6.0) * rng.uniform(0.6, 1.0)


def _tamed(ratio: np.ndarray) -> np.ndarray:
    """Ratios to the tone [S, S, 3] without the extremes, and their colour brought half-way to their brightness.

    What is far from the tone is a highlight, a shadow or a smear, and re-toning would make it loud.
    """
    grey = ratio.mean(-1, keepdims=True)
    limited = np.clip(grey, 0.1, 1.7)
    hue = np.clip(ratio / np.maximum(grey, 1e-3), 0.5, 1.6)
    loud = np.clip((np.abs(grey - 1.0) - 0.25) / 0.4, 0, 1) * 0.5
    return (limited * (hue + (1.0 - hue) * loud)).astype(np.float32)


def _with_contrast(colour: np.ndarray, tone: np.ndarray, amount: float) -> np.ndarray:
    """Wrinkles and spots stronger (amount > 0) or weaker: the difference to a blurred copy is scaled."""
    size = colour.shape[0]
    small = resized(colour, (size // 16, size // 16), Image.Resampling.BOX)
    smooth = resized(small, (size, size), Image.Resampling.BICUBIC)
    return np.maximum(colour + amount * (colour - smooth), 0.15 * tone * 0.2)


def _texels(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """Encodes linear colours [S, S, 3] with a grain of pores, finer than the photographs show."""
    size = colour.shape[0]
    pores = rng.standard_normal((size, size), np.float32)
    pores = (pores + np.roll(pores, 1, 0) + np.roll(pores, 1, 1)) * np.float32(rng.uniform(0.004, 0.016))
    texels = np.full((size, size, 4), 255, np.uint8)
    texels[..., :3] = _ENCODED[(np.clip(colour * (1.0 + pores[..., None]), 0, 1) * 4095.0).astype(np.int32)]
    return texels
