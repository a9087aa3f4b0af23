"""Environment light of low order, and the shadows that a subject throws on itself.

Radiance comes from a few directions; each has a small depth map (a shadow map, Williams 1978) that says which vertices
it reaches, so hair shades the forehead, the chin the neck, a hat the eyes. Everything is per vertex and diffuse, plus
a highlight seen from the input camera: the networks' sheets have no highlights that move, so all views share one.
"""

from dataclasses import dataclass

import numpy as np

from ...cuda_ops.rasterise import Mesh, rasterise
from ..camera import look_at
from .meshes import plain_mesh
from .vectors import unit

LIGHTS = 10
"""Directions that light comes from."""

SHADOW_MAP_PX = 96
"""Side of a shadow map."""

SHADOW_DISTANCE_M = 3.0
"""How far away its camera stands."""

SHADOW_BIAS_M = 0.006
"""What is less behind the nearest surface is that surface, and lit."""

SHADOW_FADE_M = 0.010
"""Beyond that, shadow comes to be full within this."""


@dataclass(frozen=True)
class Environment:
    """Distant lights."""

    directions: np.ndarray  # [L, 3], unit, towards the light
    radiance: np.ndarray  # [L, 3], linear; a white wall that faces all of them has a brightness of about one
    ambient: np.ndarray  # [3], light without direction


def irradiance_basis(normals: np.ndarray) -> np.ndarray:
    """The nine real spherical harmonics up to order two at unit normals [..., 3], unnormalised, [..., 9]."""
    x, y, z = np.moveaxis(normals, -1, 0)
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1)


def sample_environment(rng: np.random.Generator) -> Environment:
    """A random room, studio or street: a sky of order one, a key light, perhaps a rim light, warm or cold."""
    directions = _even_directions(LIGHTS, rng)
    gradient = rng.normal(size=3) * np.array([0.35, 0.25, 0.3]) + np.array([0.0, 0.35, 0.35])
    base = np.maximum(1.0 + directions @ gradient, 0.08)[:, None] * _tint(rng, 0.05)
    hardness = rng.uniform(0.0, 1.0)
    key = _unit(np.array([rng.normal() * 0.8, rng.uniform(-0.1, 1.1), rng.uniform(0.25, 1.2)]))
    lobe = np.exp((directions @ key - 1.0) * (3.0 + 14.0 * hardness))
    base += (lobe / lobe.sum() * LIGHTS * rng.uniform(0.2, 1.3))[:, None] * _tint(rng, 0.06)
    if rng.random() < 0.25:
        rim = _unit(np.array([rng.choice([-1.0, 1.0]), rng.uniform(0.0, 0.8), rng.uniform(-1.0, -0.2)]))
        lobe = np.exp((directions @ rim - 1.0) * 8.0)
        base += (lobe / lobe.sum() * LIGHTS * rng.uniform(0.4, 1.3))[:, None] * _tint(rng, 0.2)
    ambient = rng.uniform(0.12, 0.35) * _tint(rng, 0.05)
    # One exposure for all: a wall that faces the camera has a brightness of one.
    facing = np.clip(directions @ np.array([0.0, 0.2, 0.98]), 0, 1)
    scale = (1.0 - ambient.mean()) / max(float((base * facing[:, None]).sum(0).mean()), 1e-6)
    return Environment(directions, base * scale, ambient)


def visibility(environment: Environment, mesh: Mesh, casts: np.ndarray) -> np.ndarray:
    """How much of each light reaches each vertex of `mesh`, [L, V] float32 in 0..1; `casts` [T] bool: casts shadow."""
    vertices = mesh.vertices_m
    occluder = plain_mesh(vertices, mesh.triangles[casts])
    result = np.empty((len(environment.directions), len(vertices)), np.float32)
    size = SHADOW_MAP_PX
    for index, direction in enumerate(environment.directions):
        camera = look_at(direction * SHADOW_DISTANCE_M, (0.0, -0.03, 0.0), fov_deg=9.0, width_px=size, height_px=size)
        local = (vertices - camera.position_m.astype(np.float32)) @ camera.camera_to_world[:3, :3].astype(np.float32)
        depth = -local[:, 2]
        pixels = np.stack(
            [0.5 * size + camera.fx_px * local[:, 0] / depth, 0.5 * size - camera.fy_px * local[:, 1] / depth, depth], 1
        ).astype(np.float32)
        _, nearest = rasterise(occluder, pixels, [], size, size, samples=1, threads=1)
        x = np.clip(pixels[:, 0] - 0.5, 0, size - 1.001)
        y = np.clip(pixels[:, 1] - 0.5, 0, size - 1.001)
        column, row = x.astype(np.int32), y.astype(np.int32)
        x, y = x - column, y - row
        lit = np.zeros(len(vertices), np.float32)
        for dy, wy in ((0, 1 - y), (1, y)):
            for dx, wx in ((0, 1 - x), (1, x)):
                behind = depth - nearest[row + dy, column + dx] - SHADOW_BIAS_M
                lit += (wx * wy) * np.clip(1.0 - behind / SHADOW_FADE_M, 0.0, 1.0)
        result[index] = lit
    return result


def diffuse(environment: Environment, normals: np.ndarray, lit: np.ndarray, wrap: float) -> np.ndarray:
    """Linear brightness [V, 3] of white vertices; `wrap` > 0 lets light round the edge, as skin and hair do."""
    cosine = np.maximum((environment.directions @ normals.T + wrap) / (1.0 + wrap), 0.0) * lit  # [L, V]
    openness = (lit * np.maximum(environment.directions @ normals.T + 0.3, 0.0)).sum(0)
    free = np.maximum(environment.directions @ normals.T + 0.3, 0.0).sum(0)
    openness = openness / np.maximum(free, 1e-3)
    return (cosine.T @ environment.radiance + openness[:, None] * environment.ambient).astype(np.float32)


def highlight(
    environment: Environment, normals: np.ndarray, towards: np.ndarray, lit: np.ndarray, sharpness: float
) -> np.ndarray:
    """Blinn-Phong highlights [V, 3] of strength one, normalised for energy; `towards` [V, 3] unit, to the camera."""
    total = np.zeros_like(normals)
    fresnel = 0.04 + 0.96 * (1.0 - np.clip((normals * towards).sum(1), 0, 1)) ** 5
    for direction, radiance, reached in zip(environment.directions, environment.radiance, lit, strict=True):
        half = towards + direction.astype(np.float32)
        half = unit(half)
        lobe = np.clip((normals * half).sum(1), 0, 1) ** sharpness * (normals @ direction > 0) * reached
        total += (lobe * fresnel * (sharpness + 2.0) / 2.0)[:, None] * radiance
    return total.astype(np.float32)


def _even_directions(count: int, rng: np.random.Generator) -> np.ndarray:
    """Directions [count, 3] spread evenly over all but the floor, turned at random (a Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    height = 1.0 - 1.6 * index / count  # from straight up to 37 degrees under the horizon
    angle = np.pi * (1.0 + 5.0**0.5) * index + rng.uniform(0, 2 * np.pi)
    radius = np.sqrt(1.0 - height**2)
    return np.stack([radius * np.sin(angle), height, radius * np.cos(angle)], axis=1)


def _tint(rng: np.random.Generator, amount: float) -> np.ndarray:
    """A colour near white, between candle light and blue sky, [3]."""
    warm = rng.normal() * amount
    return np.array([1.0 + warm, 1.0 + 0.2 * rng.normal() * amount, 1.0 - warm]).clip(0.3, 2.0)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
