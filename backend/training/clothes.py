"""Body and clothes, moved and widened with the subject, and cloth textures."""

from functools import cache

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ...cuda_ops.rasterise import Texture, make_texture
from .assets import Garment, Wardrobe, vertex_normals
from .colours import sample_cloth_colour
from .pieces import Piece, Surface

CLOTH = Surface(wrap=0.1, gloss=0.05, sharpness=8.0)
BODY_SKIN = Surface(wrap=0.12, gloss=0.3, sharpness=9.0)
"""How they meet light."""

NECK_CUT_M = -0.145
"""The body's own neck and head above this height give way to the head model's."""

FLOOR_M = -0.38
"""Nothing under this height is ever in a picture."""


@cache
def cloth_textures() -> dict[str, Texture]:
    """Weaves, drawn once, all near white, repeating."""
    rng = np.random.default_rng(400)
    y, x = np.mgrid[0:128, 0:128]
    noise = rng.normal(size=(128, 128)) * 0.03
    pictures = {
        "weave": 0.9 + 0.06 * np.sin(x * np.pi / 4) * np.sin(y * np.pi / 4),
        "knit": 0.8 + 0.2 * np.abs(np.sin(x * np.pi / 8 + 0.8 * np.sin(y * np.pi / 8))),
        "twill": 0.88 + 0.1 * np.sin((x + y) * np.pi / 8),
        "rib": 0.8 + 0.2 * np.abs(np.sin(x * np.pi / 16)),
        "stripes": np.where(((x // 32) + (y // 2048)) % 2 == 0, 1.0, 0.35),
        "checks": 0.35 + 0.35 * ((x // 32) % 2) + 0.3 * ((y // 32) % 2),
        "dots": np.where(np.hypot(x % 32 - 16, y % 32 - 16) < 6, 0.25, 1.0),
    }
    textures = {}
    for name, values in pictures.items():
        texels = np.full((128, 128, 4), 255, np.uint8)
        texels[..., :3] = (np.clip(values + noise, 0, 1)[..., None] * 255).astype(np.uint8)
        textures[name] = make_texture(texels)
    return textures


def dressed_body(
    rng: np.random.Generator, wardrobe: Wardrobe, garment: Garment | None, tone: np.ndarray, neck_shift_m: np.ndarray
) -> list[Piece]:
    """Body skin and a garment, if any; `neck_shift_m` [3] is how far the subject's neck moved from the neutral one."""
    scale = np.array([rng.uniform(0.86, 1.1), 1.0, rng.uniform(0.9, 1.12)])
    slope = rng.normal() * 0.05
    anchor = np.array([0.0, -0.15, -0.02])

    def pose(points: np.ndarray) -> np.ndarray:
        local = points - anchor
        below = np.clip(-local[:, 1:2] / 0.04, 0, 1)
        moved = local * (1.0 + (scale - 1.0) * below)
        moved[:, 1] -= slope * np.maximum(np.abs(moved[:, 0]) - 0.06, 0.0)
        return (moved + anchor + neck_shift_m).astype(np.float32)

    body = wardrobe.body
    kept = _between(body.vertices_m, body.triangles, NECK_CUT_M, FLOOR_M)
    body_vertices = pose(body.vertices_m)
    body_normals = vertex_normals(body_vertices, body.triangles)
    sunk = body_vertices - body_normals * 0.004  # under the clothes, and under the head model's shoulders
    bumps = 1.0 + 0.05 * np.sin(body.vertices_m * 40.0).sum(1, keepdims=True) / 3.0
    pieces = [_used(sunk, body_normals, kept, tone * bumps, BODY_SKIN, "", np.zeros((len(sunk), 2)))]
    if garment is None:
        return pieces
    cloth_vertices = pose(garment.vertices_m)
    cloth_normals = vertex_normals(cloth_vertices, garment.triangles)
    cloth_vertices = cloth_vertices + cloth_normals * np.float32(rng.uniform(0.002, 0.006))
    kept = _between(garment.vertices_m, garment.triangles, 1.0, FLOOR_M)
    colour = _coloured(rng, garment)
    names = sorted(cloth_textures())
    weave = names[rng.integers(len(names))] if rng.random() < 0.4 else "weave"
    size_m = rng.uniform(0.03, 0.09)
    x, y, z = garment.vertices_m.T
    uv = np.stack([x, y - z], 1) / size_m  # hardly stretched on the chest or on the shoulders
    pieces.append(_used(cloth_vertices, cloth_normals, kept, colour, CLOTH, weave, uv))
    return pieces


def _coloured(rng: np.random.Generator, garment: Garment) -> np.ndarray:
    """A colour a vertex [N, 3]: a jacket and the shirt under it differ, as do a few loose parts."""
    vertices = garment.vertices_m
    parts = _parts(len(vertices), garment.triangles)
    order = np.argsort(-np.bincount(parts))
    palette = np.stack([sample_cloth_colour(rng) for _ in range(3)])
    of_part = palette[np.minimum(rng.integers(0, 3, len(order)), 2)]
    of_part[order[0]] = palette[0]
    colour = of_part[parts]
    folds = rng.normal(size=(5, 3)) * np.array([30.0, 18.0, 25.0])
    shade = np.sin(vertices @ folds.T + rng.uniform(0, 6.3, 5)).sum(1) * 0.06
    return np.clip(colour * (1.0 + shade[:, None]), 0.004, 0.9)


def _parts(count: int, triangles: np.ndarray) -> np.ndarray:
    """Connected component of each vertex, [count]."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), tuple(edges.T)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _between(vertices: np.ndarray, triangles: np.ndarray, top_m: float, floor_m: float) -> np.ndarray:
    """Those of triangles [T, 3] with a corner between two heights."""
    height = vertices[triangles][..., 1]
    return triangles[(height.min(1) < top_m) & (height.max(1) > floor_m)]


def _used(
    vertices: np.ndarray, normals: np.ndarray, triangles: np.ndarray, tint: np.ndarray, surface: Surface, texture: str,
    uv: np.ndarray,
) -> Piece:  # fmt: skip
    """A piece of only the vertices in use."""
    used, index = np.unique(triangles, return_inverse=True)
    return Piece(
        vertices[used].astype(np.float32), normals[used].astype(np.float32),
        index.reshape(-1, 3).astype(np.int32), uv[used].astype(np.float32), tint[used].astype(np.float32),
        np.ones(len(used), np.float32), texture, surface,
    )  # fmt: skip
