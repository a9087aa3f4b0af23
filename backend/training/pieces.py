"""One piece of a subject (skin, an eye, a hair style, a coat) before light falls on it."""

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Surface:
    """How a piece meets light."""

    wrap: float = 0.0  # how far light goes round an edge
    gloss: float = 0.0  # strength of the highlight
    sharpness: float = 20.0  # Blinn-Phong exponent
    casts_shadow: bool = True
    is_hair: bool = False  # the highlight runs across the strands (Kajiya and Kay 1989)


@dataclass(frozen=True)
class Piece:
    """Triangles in portrait space with albedo = texture * tint."""

    vertices_m: np.ndarray  # [V, 3] float32
    normals: np.ndarray  # [V, 3] float32, unit
    triangles: np.ndarray  # [T, 3] int32
    uv: np.ndarray  # [V, 2] float32
    tint: np.ndarray  # [V, 3] float32, linear
    opacity: np.ndarray  # [V] float32
    texture: str = ""  # name of a texture; "" is white
    surface: Surface = field(default_factory=Surface)
    tangents: np.ndarray | None = None  # [V, 3], along the strands, for hair
    gloss_of_vertex: np.ndarray | None = None  # [V], multiplies the surface's gloss

    def moved(self, offsets_m: np.ndarray) -> "Piece":
        """The piece with every vertex moved by [V, 3]."""
        return replace(self, vertices_m=(self.vertices_m + offsets_m).astype(np.float32))


def plain_piece(
    vertices_m: np.ndarray, normals: np.ndarray, triangles: np.ndarray, colour: np.ndarray, surface: Surface
) -> Piece:
    """A white-textured piece of one colour [3] or a colour a vertex [V, 3], linear."""
    count = len(vertices_m)
    tint = np.broadcast_to(np.asarray(colour, np.float32), (count, 3)).copy()
    return Piece(
        vertices_m.astype(np.float32), normals.astype(np.float32), triangles, np.zeros((count, 2), np.float32),
        tint, np.ones(count, np.float32), surface=surface,
    )  # fmt: skip
