"""Beards and moustaches as locks on the lower face."""

import numpy as np

from .growth import Groom, grow, scatter_roots
from .pieces import Piece
from .scalp import Scalp


def beard(rng: np.random.Generator, scalp: Scalp, colour: np.ndarray) -> list[Piece]:
    """A full beard, a goatee or a moustache on the neutral head, from stubble to a hand's breadth."""
    kind = rng.choice(["full", "goatee", "moustache"], p=[0.6, 0.2, 0.2])
    x, y, z = scalp.vertices_m.T * 100.0
    side = np.abs(x)
    lips = (side < 2.7) & (y > -6.9) & (y < -5.0)
    moustache = (side < 2.6) & (y < -3.9) & (y > -5.1) & (z > 9.0)
    chin = (y < -6.9) & (y > -11.0) & (side < 3.0) & (z > 5.0)
    cheeks = (y < -3.2 - 0.35 * (6.5 - side)) & (y > -10.5) & (z > 1.8) & (side > 2.2) & (side < 7.4)
    zone = {"full": moustache | chin | cheeks, "goatee": moustache | chin, "moustache": moustache}[kind] & ~lips
    roots = scatter_roots(rng, scalp, np.where(zone, 1.0, -1.0), {"full": 2000, "goatee": 900, "moustache": 420}[kind])
    count = len(roots.points_m)
    length = rng.choice([0.008, 0.014, 0.035], p=[0.4, 0.4, 0.2]) * rng.uniform(0.8, 1.3)
    low = np.clip((-roots.points_m[:, 1] - 0.05) / 0.05, 0, 1)
    lengths = length * (0.55 + 0.6 * low) * np.exp(rng.normal(size=count) * 0.15)
    lengths = np.where(roots.points_m[:, 1] > -0.052, np.minimum(lengths, 0.011), lengths)
    out = np.sign(roots.points_m[:, 0]) * np.clip(np.abs(roots.points_m[:, 0]) / 0.02, 0, 1)
    flow = np.stack([0.45 * out, -np.ones(count), 0.25 * np.ones(count)], 1)
    groom = Groom(
        length_m=lengths,
        flow=flow,
        lift=np.full(count, 0.2),
        clearance_m=lengths * rng.uniform(0.1, 0.5, count),
        gravity=0.3,
        curl_m=rng.uniform(0.0, 0.002),
        curl_turns=1.5,
        width_m=0.0035,
        face_half_deg=0.0,
    )
    return grow(rng, scalp, roots, groom, colour)
