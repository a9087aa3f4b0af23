"""The wardrobe's hair: shells of its mesh under strand textures, dense inside, loose outside, and locks over them."""

from dataclasses import replace

import numpy as np

from .growth import HAIR, ribbons
from .hair_shell import HairShell
from .pieces import Piece

LAYERS = ((0.0, "sheet0", 4, 1.0), (0.003, "sheet1", 5, 0.9), (0.007, "wisps", 4, 0.8))
"""Shells from the inside out: distance from the mesh in metres, texture, its repeats around the head, and density."""

CURLS_REPEATS = 9
"""Those of the innermost, whose strands are finer under an afro."""

LOCKS, LOCK_ROWS = 420, 5
"""Locks over the shells, and rows of vertices along each."""


def shell_pieces(rng: np.random.Generator, style: str, shell: HairShell, colour: np.ndarray) -> list[Piece]:
    """A style's shells and locks in a linear colour [3], mirrored for half of all people."""
    garment = shell.garment
    flip = rng.random() < 0.5
    volume = 1.0 + rng.uniform(-0.01, 0.10)
    stretch = rng.uniform(0.97, 1.05, 3)
    bumps = _smooth_noise(rng, garment.vertices_m, 0.05)
    grow_down = rng.uniform(0.9, 1.15)
    pieces = []
    for layer, (offset_m, texture, repeats, density) in enumerate(LAYERS):
        if style == "afro01" and layer == 0:
            repeats = CURLS_REPEATS
        spread = (volume + 0.018 * bumps)[:, None] * stretch
        vertices = garment.vertices_m * spread + shell.normals * offset_m * (1.0 + bumps[:, None])
        below = np.minimum(vertices[:, 1] + 0.03, 0.0)
        vertices[:, 1] = vertices[:, 1] + below * (grow_down - 1.0)
        hem = shell.hem_m / rng.uniform(0.03, 0.05)
        v = np.clip(1.0 - hem, 0.04, 0.99)
        tint = colour * (1.0 + 0.22 * _smooth_noise(rng, garment.vertices_m, 0.02))[:, None]
        tint = tint * np.where(hem > 0.2, 1.0, 0.85)[:, None]
        uv = np.stack([shell.across * repeats + 0.37 * layer, v], 1)
        normals, tangents = shell.normals.copy(), shell.flow.copy()
        if flip:
            for values in (vertices, normals, tangents):
                values[:, 0] *= -1.0
        pieces.append(
            Piece(
                vertices.astype(np.float32), normals, garment.triangles, uv.astype(np.float32),
                np.clip(tint, 0.001, 1).astype(np.float32), np.full(len(vertices), density, np.float32),
                texture=texture, surface=replace(HAIR, casts_shadow=layer == 0), tangents=tangents.astype(np.float32),
            )
        )  # fmt: skip
    return [*pieces, _locks_over(rng, pieces[1], colour)]


def _locks_over(rng: np.random.Generator, shell: Piece, colour: np.ndarray) -> Piece:
    """Short locks along a shell's strands, so that its outline is not a helmet's."""
    assert shell.tangents is not None
    chosen = shell.triangles[rng.integers(len(shell.triangles), size=LOCKS)]
    shares = rng.dirichlet(np.ones(3), size=LOCKS)
    root, along, normal = (
        np.einsum("nj,njc->nc", shares, values[chosen]) for values in (shell.vertices_m, shell.tangents, shell.normals)
    )
    across = np.cross(along, normal)
    length = rng.uniform(0.02, 0.055, (LOCKS, 1))
    steps = np.linspace(0, 1, LOCK_ROWS)[None, :, None]
    bend = rng.normal(size=(LOCKS, 1, 1)) * 0.25
    lift = rng.uniform(0.04, 0.22, (LOCKS, 1, 1))
    path = (
        root[:, None] - 0.002 * normal[:, None]
        + along[:, None] * steps * length[:, None]
        + normal[:, None] * (lift * steps * (1.4 - steps)) * length[:, None]
        + across[:, None] * bend * steps**2 * length[:, None]
    )  # fmt: skip
    width = rng.uniform(0.002, 0.0045, (LOCKS, 1, 1)) * (1.0 - 0.4 * steps)
    vertices = np.stack([path - across[:, None] * width, path + across[:, None] * width], 2)  # [N, R, 2, 3]
    v = np.broadcast_to(0.3 + 0.68 * steps, (LOCKS, LOCK_ROWS, 2))
    u = np.broadcast_to(np.array([0.02, 0.98]), (LOCKS, LOCK_ROWS, 2))
    shade = np.exp(rng.normal(size=(LOCKS, 1)) * 0.2) * 0.95
    return ribbons(
        vertices,
        normal[:, None, None],
        np.stack([u, v], -1),
        (colour * shade)[:, None, None],
        np.array(0.9),
        along[:, None, None],
        "card0",
        replace(HAIR, casts_shadow=False),
    )


def _smooth_noise(rng: np.random.Generator, points_m: np.ndarray, scale_m: float) -> np.ndarray:
    """Smooth noise of about unit size at points [N, 3], [N]."""
    waves = rng.normal(size=(8, 3)) / scale_m
    return np.sin(points_m @ waves.T + rng.uniform(0, 2 * np.pi, 8)).sum(1) / 2.0
