"""Glasses and hats, as simple meshes made for the subject's own head."""

from dataclasses import replace

import numpy as np

from .assets import EYEBALL_LEFT, EYEBALL_RIGHT, HeadModel, vertex_normals
from .colours import sample_cloth_colour
from .pieces import Piece, Surface, plain_piece
from .scalp import Scalp
from .vectors import unit

FRAME = Surface(gloss=0.8, sharpness=60.0)
LENS = Surface(gloss=1.0, sharpness=200.0, casts_shadow=False)
FELT = Surface(wrap=0.15, gloss=0.05)
HATS = ("beanie", "brimmed", "cap")


def glasses(rng: np.random.Generator, vertices_m: np.ndarray, head: HeadModel) -> list[Piece]:
    """Two rims, a bridge, temples over the ears, and lenses that hardly show."""
    eyes = np.stack([vertices_m[ball].mean(0) for ball in (EYEBALL_LEFT, EYEBALL_RIGHT)])
    bridge = vertices_m[head.landmarks68[28]]
    width, height = rng.uniform(0.021, 0.026), rng.uniform(0.015, 0.023)
    roundness = rng.uniform(2.0, 3.6)
    thickness = rng.choice([0.0007, 0.0012, 0.0020])
    metal = thickness < 0.001
    colour = np.array([0.35, 0.33, 0.3]) * rng.uniform(0.3, 1.4) if metal else sample_cloth_colour(rng) * 0.4
    front_z = bridge[2] + 0.003
    beside_m = np.abs(vertices_m[head.landmarks68[[0, 16]], 0]).mean() + 0.004
    pieces = []
    for eye in eyes:
        side = np.sign(eye[0])
        centre = np.array([eye[0] * 1.04, eye[1] - 0.003, front_z])
        rim = _rim(centre, width, height, roundness)
        outer = rim[np.argmax(rim[:, 0] * side)]
        ear = np.array([side * beside_m, outer[1] + 0.002, -0.005])
        before_ear, hook = ear + np.array([side * 0.001, 0, 0.03]), ear + np.array([0.0, -0.02, -0.03])
        temple = np.stack([outer + np.array([0, 0.004, 0]), before_ear, ear, hook])
        pieces += [_tube(rim, thickness, colour), _tube(temple, thickness * 1.3, colour)]
        pieces.append(_lens(centre, rim, is_dark=rng.random() < 0.04))
    across = np.linspace(-0.012, 0.012, 7)
    arch = np.array([[x, eyes[:, 1].mean() + 0.003 - 60 * x * x * 0.3, front_z + 0.002] for x in across])
    return [*pieces, _tube(arch, thickness, colour)]


def _rim(centre: np.ndarray, width: float, height: float, roundness: float) -> np.ndarray:
    """A rim's path [41, 3] about a centre [3]: a superellipse of half width and height, bent as faces curve away."""
    angle = np.linspace(0, 2 * np.pi, 41)
    c, s = np.cos(angle), np.sin(angle)
    radius = 1.0 / (np.abs(c) ** roundness + np.abs(s) ** roundness) ** (1.0 / roundness)
    rim = centre + np.stack([radius * c * width, radius * s * height, np.zeros_like(c)], 1)
    rim[:, 2] -= np.maximum(np.abs(rim[:, 0]) - 0.03, 0) ** 2 * 7.0
    return rim


def _lens(centre: np.ndarray, rim: np.ndarray, is_dark: bool) -> Piece:
    """A fan of triangles about a centre [3] within a closed rim [N, 3], hardly opaque but for sunglasses."""
    corners = np.concatenate([centre[None], rim[:-1]])
    count = len(corners) - 1
    fan = np.stack([np.zeros(count, int), 1 + np.arange(count), 1 + (np.arange(count) + 1) % count], 1)
    normals = np.tile([0.0, 0.1, 0.99], (count + 1, 1))
    glass = plain_piece(corners, normals, fan.astype(np.int32), np.full(3, 0.03), LENS)
    opacity = np.full(count + 1, 0.75 if is_dark else 0.06, np.float32)
    return replace(glass, opacity=opacity, texture="clear")


def hat(rng: np.random.Generator, scalp: Scalp, kind: str) -> list[Piece]:
    """A cap of the head's own shape with a border, and a brim or a peak; on the neutral head."""
    colour = sample_cloth_colour(rng)
    tilt = np.radians(rng.normal() * 4.0)
    low = {"beanie": rng.uniform(28, 36), "brimmed": rng.uniform(32, 38), "cap": rng.uniform(34, 40)}[kind]
    azimuth = np.linspace(-np.pi, np.pi, 73)
    share = np.linspace(0.0, 1.0, 15)
    behind = 0.5 - 0.5 * np.cos(azimuth)  # 0 in front, 1 behind
    border = np.radians(low - 24.0 * behind) + tilt * np.sin(azimuth)
    elevation = border[None] + (np.pi / 2 - border[None]) * share[:, None]
    directions = np.stack(
        [np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)], -1
    )
    loose = {"beanie": 0.012, "brimmed": 0.014, "cap": 0.013}[kind]
    crown = {"beanie": rng.uniform(0.0, 0.04), "brimmed": rng.uniform(0.01, 0.035), "cap": 0.008}[kind]
    radius = scalp.radius_m(directions) + loose + crown * np.sin(elevation) ** 3
    if kind == "beanie":
        radius = radius + 0.004 * (share[:, None] < 0.2)  # the turned-up hem
    points = directions * radius[..., None]
    pieces = [_grid(points, colour, "rib" if kind == "beanie" else "weave", 22.0)]
    if kind != "beanie":
        reach = rng.uniform(0.05, 0.085)
        front = np.clip(np.cos(azimuth) * 1.6 - 0.55, 0, 1) ** 0.6 if kind == "cap" else np.ones_like(azimuth)
        steps = np.linspace(0, 1, 6)[:, None]
        base = points[0]
        outward = np.stack([np.sin(azimuth), np.zeros_like(azimuth), np.cos(azimuth)], 1)
        drop = np.array([0.0, -0.25 if kind == "cap" else -0.1, 0.0])
        brim = base[None] + (outward[None] + drop) * (reach * front[None, :] * steps)[..., None]
        pieces.append(_grid(brim, colour * rng.uniform(0.6, 1.0), "weave", 20.0))
    return pieces


def _grid(points: np.ndarray, colour: np.ndarray, texture: str, repeats: float) -> Piece:
    """A piece of felt from a grid of points [R, C, 3], facing outwards."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, 1:].ravel(), index[1:, :-1].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    vertices = points.reshape(-1, 3).astype(np.float32)
    normals = vertex_normals(vertices, triangles)
    normals *= np.where((normals * (vertices + np.array([0, 0.05, 0]))).sum(1, keepdims=True) < 0, -1, 1)
    v, u = np.mgrid[0:rows, 0:columns].astype(np.float32)
    uv = np.stack([u / columns * repeats, v / rows * repeats * 0.25], -1).reshape(-1, 2).astype(np.float32)
    tint = np.broadcast_to(colour.astype(np.float32), (len(vertices), 3)).copy()
    return Piece(
        vertices, normals.astype(np.float32), triangles, uv, tint, np.ones(len(vertices), np.float32), texture, FELT
    )


def _tube(path: np.ndarray, radius_m: float, colour: np.ndarray, sides: int = 6) -> Piece:
    """A tube of a frame around a path [N, 3]."""
    tangent = np.gradient(path, axis=0)
    tangent = unit(tangent, 1e-9)
    up = np.where(np.abs(tangent[:, 1:2]) < 0.9, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    first = np.cross(tangent, up)
    first = unit(first, 1e-9)
    second = np.cross(tangent, first)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[None, :, None]
    normals = first[:, None] * np.cos(angle) + second[:, None] * np.sin(angle)
    vertices = (path[:, None] + radius_m * normals).reshape(-1, 3)
    rows = np.arange(len(path) - 1)[:, None] * sides
    k = np.arange(sides)
    a, b = (rows + k).ravel(), (rows + (k + 1) % sides).ravel()
    triangles = np.concatenate([np.stack([a, b, b + sides], 1), np.stack([a, b + sides, a + sides], 1)]).astype(
        np.int32
    )
    return plain_piece(vertices, normals.reshape(-1, 3), triangles, colour, FRAME)
