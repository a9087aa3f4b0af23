"""Pieces under a light, joined into one mesh for the rasteriser."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...cuda_ops.rasterise import Mesh, Texture
from .light import Environment, diffuse, highlight, visibility
from .pieces import Piece
from .vectors import unit

VIEWER_M = np.array([0.0, 0.0, 1.3], np.float32)
"""Where highlights are seen from: the sheets of a portrait have none that move, so all views share the front's."""


def lit_mesh(
    pieces: Sequence[Piece], textures: Mapping[str, Texture], environment: Environment
) -> tuple[Mesh, list[Texture]]:
    """Joins the pieces, with light and shadows baked into the mesh's gains; also the textures in use, in order."""
    pieces = [piece for piece in pieces if len(piece.triangles)]
    names = sorted({piece.texture for piece in pieces if piece.texture})
    bare = [
        Mesh(
            piece.vertices_m, piece.uv, np.ones((len(piece.vertices_m), 4), np.float32),
            np.zeros((len(piece.vertices_m), 3), np.float32), piece.triangles,
            np.full(len(piece.triangles), names.index(piece.texture) if piece.texture else -1, np.int32),
        )
        for piece in pieces
    ]  # fmt: skip
    mesh = Mesh.join(bare)
    casts = np.concatenate([np.full(len(piece.triangles), piece.surface.casts_shadow) for piece in pieces])
    lit = visibility(environment, mesh, casts)
    start = 0
    for piece in pieces:
        end = start + len(piece.vertices_m)
        reached = lit[:, start:end]
        surface = piece.surface
        mesh.gain[start:end, :3] = piece.tint * diffuse(environment, piece.normals, reached, surface.wrap)
        mesh.gain[start:end, 3] = piece.opacity
        if surface.gloss > 0:
            towards = VIEWER_M - piece.vertices_m
            towards = unit(towards)
            if surface.is_hair and piece.tangents is not None:
                shine = _hair_highlight(environment, piece.tangents, towards, reached, surface.sharpness)
                shine = shine * (0.25 + piece.tint) * 0.5
            else:
                shine = highlight(environment, piece.normals, towards, reached, surface.sharpness)
            strength = (
                surface.gloss if piece.gloss_of_vertex is None else surface.gloss * piece.gloss_of_vertex[:, None]
            )
            mesh.add[start:end] = shine * strength
        start = end
    return mesh, [textures[name] for name in names]


def _hair_highlight(
    environment: Environment, tangents: np.ndarray, towards: np.ndarray, lit: np.ndarray, sharpness: float
) -> np.ndarray:
    """The bright band across strands (Kajiya and Kay, SIGGRAPH 1989), [V, 3]."""
    total = np.zeros_like(towards)
    for direction, radiance, reached in zip(environment.directions, environment.radiance, lit, strict=True):
        half = towards + direction.astype(np.float32)
        half = unit(half)
        along = (tangents * half).sum(1)
        total += (np.clip(1.0 - along**2, 0, 1) ** (0.5 * sharpness) * reached * 0.35)[:, None] * radiance
    return total.astype(np.float32)
