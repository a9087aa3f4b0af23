"""Textures of hair strands, painted: many thin lines of their own brightness that end where they like.

Rows run from root (v = 0) to tip (v = 1), columns across and repeat without a seam. The colour is a grey that the
mesh tints. Several variants are drawn, once.
"""

from functools import cache

import numpy as np

from ...cuda_ops.rasterise import Texture, make_texture

CARD_VARIANTS = 4
"""Loose locks, for cards."""

SHEET_VARIANTS = 2
"""Dense hair with a ragged hem, for shells around a whole style."""


@cache
def strand_textures() -> dict[str, Texture]:
    """All strand textures by name: card0.., sheet0.., wisps and lash."""
    textures = {}
    for variant in range(CARD_VARIANTS):
        rng = np.random.default_rng(100 + variant)
        textures[f"card{variant}"] = make_texture(_locks(rng, 256, 64, strands=34, hem=0.45, edge_fade=True))
    for variant in range(SHEET_VARIANTS):
        rng = np.random.default_rng(200 + variant)
        textures[f"sheet{variant}"] = make_texture(_locks(rng, 256, 256, strands=190, hem=0.35, edge_fade=False))
    rng = np.random.default_rng(300)
    textures["wisps"] = make_texture(_locks(rng, 256, 256, strands=70, hem=0.5, edge_fade=False))
    textures["lash"] = make_texture(_locks(np.random.default_rng(301), 64, 128, strands=26, hem=0.5, edge_fade=False))
    return textures


def _locks(rng: np.random.Generator, length: int, width: int, strands: int, hem: float, edge_fade: bool) -> np.ndarray:
    """Strands [length, width, 4] uint8; `hem` is the share of the length over which they end."""
    v = (np.arange(length) + 0.5) / length
    columns = np.arange(width) + 0.5
    alpha = np.zeros((length, width))
    shade = np.full((length, width), 0.45)
    front = np.full((length, width), -1.0)
    for _ in range(strands):
        x = rng.uniform(0, width)
        sway = rng.normal() * 0.012 * width * np.sin(v * rng.uniform(2, 7) + rng.uniform(0, 6.3))
        half = rng.uniform(0.6, 1.7) * width / strands * (1.0 - 0.55 * v)
        end = 1.0 - hem * rng.beta(1.1, 1.6)
        strength = np.clip((end - v) / 0.10, 0, 1) * rng.uniform(0.75, 1.0)
        if edge_fade:  # roots do not stand in a row either
            strength = strength * np.clip((v - rng.uniform(0.0, 0.035)) / 0.02, 0, 1)
        offset = columns[None] - (x + sway)[:, None]
        offset = np.abs((offset + 0.5 * width) % width - 0.5 * width) if not edge_fade else np.abs(offset)
        cover = np.clip(half[:, None] - offset + 0.5, 0, 1) * strength[:, None]
        if edge_fade:
            cover *= np.clip(1.15 - np.abs(x / width - 0.5) * 2.0, 0, 1) ** 0.5
        level = rng.uniform(0.5, 1.0) * (1.0 - 0.25 * np.minimum(offset / half[:, None], 1.0) ** 2)
        order = rng.random()
        nearer = cover * (order > front)
        shade = shade + (level - shade) * np.clip(nearer, 0, 1)
        front = np.where(cover > 0.5, np.maximum(front, order), front)
        alpha = alpha + (1.0 - alpha) * cover
    encoded = np.clip(shade, 0, 1) ** (1 / 2.2)
    picture = np.concatenate([np.repeat(encoded[..., None], 3, 2), alpha[..., None]], axis=2)
    return (np.clip(picture, 0, 1) * 255.0 + 0.5).astype(np.uint8)
