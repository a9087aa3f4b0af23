"""Styles of hair that are grown from the scalp: one table of numbers each, with wide spreads.

A table's numbers are drawn for all styles, of which one is taken: a seed gives the same hair as long as they are drawn
in the same order.
"""

from dataclasses import replace

import numpy as np

from .growth import Groom, Roots, grow, scatter_roots
from .hair_shell import WHORL
from .pieces import Piece
from .scalp import Scalp
from .vectors import unit

WISPS_SHARE = 0.12
"""Share of long hair's locks that are there again as wisps."""


def grown_locks(
    rng: np.random.Generator, style: str, scalp: Scalp, colour: np.ndarray
) -> tuple[list[Piece], np.ndarray]:
    """Locks of a style in a linear colour [3], and how far inside of its hairline vertices lie, [V] in degrees."""
    recession = {"receding": rng.uniform(15, 35)}.get(style, max(0.0, rng.normal() * 6.0))
    crown = rng.uniform(48, 66) if style == "ring" else 0.0
    lift_line = 14.0 if style == "receding" else rng.normal() * 2.5
    depth_deg = scalp.inside_hairline(recession, lift_line, crown)
    is_long = style in ("mid", "long")
    count = {"crop": 1300, "curly": 1300, "afro": 1500, "long": 1400, "mid": 1400, "ring": 800}.get(style, 1150)
    roots = scatter_roots(rng, scalp, depth_deg, count, at_top=2.5 if is_long or style == "side_part" else 0.8)
    groom = _groom(rng, style, roots, is_long)
    pieces = grow(rng, scalp, roots, groom, colour)
    if is_long:
        pieces += grow(rng, scalp, *_wisps(rng, roots, groom), colour)
    return pieces, depth_deg


def _groom(rng: np.random.Generator, style: str, roots: Roots, is_long: bool) -> Groom:
    """What the style does to the locks at these roots."""
    top = np.clip((roots.elevation_deg - 25.0) / 30.0, 0, 1)  # 0 at the sides, 1 on the top
    x = roots.points_m[:, 0]
    side = float(rng.choice([-1.0, 1.0]))
    part_m = side * rng.uniform(0.0, 0.045)
    top_m, sides_m = _lengths_m(rng, style)
    asymmetry = 1.0 + rng.normal() * 0.10 * np.sign(x - part_m)
    length_m = (sides_m + (top_m - sides_m) * top) * asymmetry * np.exp(rng.normal(size=len(x)) * 0.13)
    flow = _flow(rng, style, roots, part_m, side, top)
    volume = float(np.exp(rng.normal() * 0.35))
    rise = {"crop": 0.45, "messy": 0.5, "curly": 0.6, "afro": 0.9, "slick_back": 0.25, "ring": 0.3, "receding": 0.3}
    clearance = {"crop": 0.006, "messy": 0.016, "curly": 0.022, "afro": 0.03, "long": 0.012, "mid": 0.013}
    layer = rng.random(len(x)) ** 0.8  # locks lie in layers
    curl = {"curly": rng.uniform(0.006, 0.014), "afro": rng.uniform(0.006, 0.01), "messy": rng.uniform(0.001, 0.005)}
    wavy = max(0.0, rng.normal() * (0.005 if is_long else 0.0015))
    return Groom(
        length_m=length_m,
        flow=flow,
        lift=np.clip(rise.get(style, 0.32) * volume * (0.5 + 0.7 * layer) * (0.45 + 0.55 * top), 0.05, 0.95),
        clearance_m=clearance.get(style, 0.009) * volume * (0.1 + layer) * (0.5 + 0.5 * top),
        gravity={"afro": 0.0, "curly": 0.5, "long": 1.4, "mid": 1.3, "crop": 0.2}.get(style, 0.6),
        curl_m=curl.get(style, wavy),
        curl_turns={"curly": rng.uniform(1.5, 3.0), "afro": 2.5}.get(style, rng.uniform(0.7, 2.0)),
        width_m={"crop": 0.007, "afro": 0.011, "long": 0.011, "mid": 0.011, "ring": 0.008}.get(style, 0.0095),
        face_half_deg=30.0 if rng.random() < 0.08 else rng.uniform(50, 62),
        fringe_deg=rng.uniform(22, 27) if style == "fringe" else rng.uniform(34, 42),
        side=-side,
    )


def _lengths_m(rng: np.random.Generator, style: str) -> tuple[float, float]:
    """Of the locks on top, and of those at the sides."""
    return {
        "crop": (rng.uniform(0.02, 0.035), rng.uniform(0.006, 0.018)),
        "side_part": (rng.uniform(0.06, 0.10), rng.uniform(0.015, 0.035)),
        "slick_back": (rng.uniform(0.07, 0.12), rng.uniform(0.02, 0.05)),
        "messy": (rng.uniform(0.045, 0.09), rng.uniform(0.02, 0.05)),
        "curly": (rng.uniform(0.06, 0.14), rng.uniform(0.04, 0.14)),
        "afro": (rng.uniform(0.04, 0.11), rng.uniform(0.03, 0.1)),
        "fringe": (rng.uniform(0.09, 0.12), rng.uniform(0.04, 0.16)),
        "mid": (rng.uniform(0.18, 0.24), rng.uniform(0.10, 0.2)),
        "long": (rng.uniform(0.33, 0.5), rng.uniform(0.25, 0.45)),
        "receding": (rng.uniform(0.03, 0.07), rng.uniform(0.012, 0.03)),
        "ring": (0.03, rng.uniform(0.012, 0.04)),
    }[style]


def _flow(
    rng: np.random.Generator, style: str, roots: Roots, part_m: float, side: float, top: np.ndarray
) -> np.ndarray:
    """Directions [N, 3] in which locks are combed: at the sides down, on the `top` [N] as the style has it.

    They are parted at x = `part_m`, which is to the `side`, -1 or 1.
    """
    x, _, z = roots.points_m.T
    ones = np.ones_like(x)
    down = np.stack([0.0 * ones, -ones, -0.25 * ones], 1)
    from_whorl = unit(roots.points_m) - WHORL
    from_part = np.stack([np.tanh((x - part_m) / 0.006), -0.15 * ones, 0.0 * ones], 1)
    back = np.stack([0.25 * np.sign(x) * (np.abs(x) / 0.08), -0.25 * ones, -ones], 1)
    forward = np.stack([0.2 * side * ones, -0.3 * ones, ones], 1)
    tousled, curled, frizzed = (rng.normal(size=(len(x), 3)) * amount for amount in (0.5, 0.7, 1.0))
    comb = {
        "crop": from_whorl * 1.5 + 0.5 * forward,
        "side_part": from_part - np.array([0, 0, 0.45]),
        "slick_back": back,
        "messy": from_whorl + tousled,
        "curly": from_whorl + curled,
        "afro": from_whorl + frizzed,
        "fringe": np.where((z > 0.0)[:, None] & (top > 0.3)[:, None], forward, from_whorl),
        "mid": from_part - np.array([0, 0, 0.25]),
        "long": from_part - np.array([0, 0, 0.25]),
        "receding": back * 0.6 + from_part * 0.6,
        "ring": down,
    }[style]
    return unit(comb * top[:, None] + down * (1.0 - top[:, None]))


def _wisps(rng: np.random.Generator, roots: Roots, groom: Groom) -> tuple[Roots, Groom]:
    """A few of the locks again, thin and farther out."""
    chosen = np.flatnonzero(rng.random(len(roots.points_m)) < WISPS_SHARE)
    few = Roots(roots.points_m[chosen], roots.normals[chosen], roots.azimuth_deg[chosen], roots.elevation_deg[chosen])
    thin = replace(
        groom,
        length_m=groom.length_m[chosen] * rng.uniform(0.5, 1.05, len(chosen)),
        flow=groom.flow[chosen] + rng.normal(size=(len(chosen), 3)) * 0.35,
        lift=groom.lift[chosen],
        clearance_m=groom.clearance_m[chosen] * 1.6 + 0.004,
        width_m=0.004,
        curl_m=groom.curl_m + 0.004,
    )
    return few, thin
