"""Natural colours of skin, hair and cloth, in linear light, and a minority of wild ones."""

import numpy as np

from ..conventions import srgb_to_linear

SKIN_TONES = srgb_to_linear(
    np.array(
        [[246, 214, 196], [233, 190, 165], [221, 170, 140], [203, 148, 115], [178, 122, 88], [150, 98, 67],
         [120, 76, 52], [92, 58, 42], [68, 44, 34]], float
    ) / 255.0
)  # fmt: skip
"""From very light to very dark, after the Monk and Fitzpatrick scales."""

HAIR_TONES = srgb_to_linear(
    np.array(
        [[24, 20, 19], [46, 33, 27], [74, 51, 37], [103, 72, 48], [140, 103, 66], [186, 150, 103], [214, 187, 146],
         [139, 66, 35], [100, 92, 88], [150, 146, 142], [205, 202, 198]], float
    ) / 255.0
)  # fmt: skip
"""From black to blonde, red, grey and white."""

HAIR_SHARES = np.array([0.2, 0.18, 0.14, 0.1, 0.08, 0.07, 0.04, 0.04, 0.05, 0.06, 0.04])
"""How common each of them is."""

WILD_HAIR_SHARE = 0.05
"""Of people whose hair is dyed in any colour."""


def sample_skin_tone(rng: np.random.Generator) -> np.ndarray:
    """A skin colour [3] anywhere between neighbours on the scale, warmer or cooler by a little."""
    position = rng.uniform(0, len(SKIN_TONES) - 1)
    low = min(int(position), len(SKIN_TONES) - 2)
    tone = SKIN_TONES[low] + (SKIN_TONES[low + 1] - SKIN_TONES[low]) * (position - low)
    return tone * np.exp(rng.normal(size=3) * np.array([0.05, 0.05, 0.08]))


def sample_hair_colour(rng: np.random.Generator, skin_tone: np.ndarray) -> np.ndarray:
    """A hair colour [3]; dark skin mostly goes with dark hair; one in twenty is dyed."""
    if rng.random() < WILD_HAIR_SHARE:
        return np.clip(rng.dirichlet(np.ones(3)) * rng.uniform(0.2, 1.2), 0.01, 0.8)
    shares = HAIR_SHARES.copy()
    if skin_tone.mean() < 0.22:
        shares[3:8] *= 0.1
    shares /= shares.sum()
    tone = HAIR_TONES[rng.choice(len(HAIR_TONES), p=shares)]
    return np.clip(tone * np.exp(rng.normal() * 0.15 + rng.normal(size=3) * 0.06), 0.004, 0.85)


def sample_cloth_colour(rng: np.random.Generator) -> np.ndarray:
    """A cloth colour [3]: often black, white, grey, navy or denim, else any, rarely very bright."""
    if rng.random() < 0.45:
        staple = np.array(
            [
                [0.015, 0.015, 0.018],
                [0.75, 0.75, 0.73],
                [0.2, 0.2, 0.2],
                [0.02, 0.03, 0.09],
                [0.07, 0.11, 0.2],
                [0.35, 0.28, 0.2],
            ]
        )
        return np.clip(staple[rng.integers(len(staple))] * np.exp(rng.normal() * 0.3), 0.008, 0.85)
    hue = rng.dirichlet(np.ones(3) * rng.choice([0.7, 3.0], p=[0.3, 0.7])) * 3.0
    return np.clip(hue * rng.uniform(0.02, 0.6), 0.008, 0.85)
