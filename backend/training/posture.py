"""How people hold their heads: the body is moved back below the neck, which the wardrobe's stands too far forward for.

Measured from the side, a line from the seventh vertebra of the neck to the ear rises by 49 degrees, and one from the
shoulder to that vertebra by 54 (means of 160 people, Raine and Twomey, Arch Phys Med Rehabil 78, 1997), so that it
stands about 5 cm farther back than the shoulder. The wardrobe's body under the head model has 62 degrees and 8 cm.
"""

from dataclasses import dataclass, replace

import numpy as np

from .pieces import Piece
from .vectors import unit

BACK_M, BACK_SPREAD_M = 0.035, 0.018
"""Mean and spread of how far back the body is."""

OPEN, OPEN_SPREAD = 0.2, 0.12
"""And of how much farther back each shoulder is, in shares of its distance beyond the neck's width."""

NECK_HALF_WIDTH_M = 0.06
"""Beyond it to either side begins the shoulder."""

JAW_M, JAW_SLOPE = 0.085, 0.3
"""The plane under the jaw from which the neck leans: how far it lies below the head's centre, and how much it falls for
each metre forward."""

NECK_LENGTH_M = 0.09
"""So far below the jaw's plane, all is moved."""

STEP_M = 1e-4
"""Of the differences that slopes are taken from."""


@dataclass(frozen=True)
class Posture:
    """A lean of the neck and a turn of the shoulders."""

    back_m: float
    open: float  # metres back for each metre of a shoulder beyond the neck

    def moved_back_m(self, points_m: np.ndarray) -> np.ndarray:
        """How far back each point [N, 3] is moved, [N]."""
        x, y, z = points_m.T
        along = np.clip((-y - JAW_M - JAW_SLOPE * z) / NECK_LENGTH_M, 0.0, 1.0)
        reach = self.back_m + self.open * np.maximum(np.abs(x) - NECK_HALF_WIDTH_M, 0.0)
        return reach * along**2 * (3.0 - 2.0 * along)

    def taken_by(self, piece: Piece) -> Piece:
        """The piece of a person who holds the head like this, normals and strands turned along."""
        points = piece.vertices_m.astype(np.float64)
        back = self.moved_back_m(points)
        if not back.any():
            return piece
        slope = np.stack([back - self.moved_back_m(points + STEP_M * axis) for axis in np.eye(3)], -1) / STEP_M
        # The map adds slope . dx to z: normals go with its inverse, transposed.
        normals = piece.normals - slope * (piece.normals[:, 2:] / np.maximum(1.0 + slope[:, 2:], 0.2))
        normals = unit(normals, 1e-9)
        tangents = piece.tangents
        if tangents is not None:
            tangents = tangents.astype(np.float64)
            tangents[:, 2] += (slope * tangents).sum(1)
            tangents = unit(tangents, 1e-9).astype(np.float32)
        moved = piece.moved(-back[:, None] * np.array([0.0, 0.0, 1.0]))
        return replace(moved, normals=normals.astype(np.float32), tangents=tangents)


def sample_posture(rng: np.random.Generator) -> Posture:
    """Anybody's."""
    return Posture(BACK_M + BACK_SPREAD_M * rng.normal(), OPEN + OPEN_SPREAD * rng.normal())
