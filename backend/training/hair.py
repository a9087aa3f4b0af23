"""A person's hair: one of the styles that are grown, or one of the wardrobe's."""

from dataclasses import dataclass

import numpy as np

from .grown_hair import grown_locks
from .hair_shell import HairShell
from .pieces import Piece
from .scalp import Scalp
from .wardrobe_hair import shell_pieces

GROWN_SHARES = {
    "crop": 1.2,
    "side_part": 1.5,
    "slick_back": 0.8,
    "messy": 1.0,
    "curly": 1.0,
    "afro": 0.5,
    "fringe": 0.9,
    "mid": 1.2,
    "long": 1.4,
    "receding": 0.8,
    "ring": 0.6,
    "stubble": 0.5,
    "bald": 0.4,
}
"""Styles that are grown, and how common each is; the wardrobe's are named by their file."""

HIDES_EYE = ("bob01", "bob02", "braid01", "short03")
"""Wardrobe styles whose fringe falls over an eye: drawn rarely, as in life."""


@dataclass(frozen=True)
class Hair:
    """A style on the neutral head, and how much the scalp under it is tinted."""

    pieces: list[Piece]
    scalp_depth_deg: np.ndarray  # [V], > 0 where the scalp is covered
    scalp_density: float  # 0..1


def sample_hair(
    rng: np.random.Generator, style: str, scalp: Scalp, shell: HairShell | None, colour: np.ndarray
) -> Hair:
    """A style of that name in a linear colour [3]; `shell` is its wardrobe mesh, or None for a grown one."""
    if shell is not None:
        return Hair(shell_pieces(rng, style, shell, colour), scalp.inside_hairline(), 0.9)
    if style == "bald":
        return Hair([], scalp.inside_hairline(), rng.uniform(0.0, 0.12))
    if style == "stubble":
        return Hair([], scalp.inside_hairline(rng.uniform(0, 15)), rng.uniform(0.45, 0.85))
    pieces, depth_deg = grown_locks(rng, style, scalp, colour)
    return Hair(pieces, depth_deg, 0.75 if style in ("ring", "receding") else 0.97)
