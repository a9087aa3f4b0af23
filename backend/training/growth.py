"""Locks of hair grown from roots on the neutral head as ribbons that follow a flow, gravity, and the head's shape."""

from dataclasses import dataclass

import numpy as np

from .pieces import Piece, Surface
from .scalp import Scalp
from .strands import CARD_VARIANTS
from .vectors import unit

SEGMENTS = 9
"""Of a lock."""

STEPS = np.array([0.3, 0.5, 0.7, 0.9, 1.1, 1.2, 1.3, 1.5, 1.5])
"""Relative lengths of the segments: short ones near the root, where the skull curves under them."""

ALONG = np.concatenate([[0.0], np.cumsum(STEPS)]) / STEPS.sum()
"""How far along a lock its segments' ends lie, from 0 at the root to 1, [SEGMENTS + 1]."""

SKULL_RADIUS_M = 0.09
"""Of a ball that a segment's chord dips under."""

HAIR = Surface(wrap=0.35, gloss=0.3, sharpness=18.0, casts_shadow=True, is_hair=True)
"""How locks meet light."""


@dataclass(frozen=True)
class Roots:
    """Where locks begin."""

    points_m: np.ndarray  # [N, 3]
    normals: np.ndarray  # [N, 3]
    azimuth_deg: np.ndarray  # [N]
    elevation_deg: np.ndarray  # [N]


@dataclass(frozen=True)
class Groom:
    """What a style does to its locks; arrays hold a value a lock."""

    length_m: np.ndarray  # [N]
    flow: np.ndarray  # [N, 3], direction along the head in which it is combed
    lift: np.ndarray  # [N], 0..1: how steeply it leaves the scalp
    clearance_m: np.ndarray  # [N], distance it keeps from the head at its end
    gravity: float = 0.5
    curl_m: float = 0.0
    curl_turns: float = 0.0
    width_m: float = 0.009
    face_half_deg: float = 55.0  # hair below `fringe_deg` is swept aside to this azimuth
    fringe_deg: float = 30.0
    side: float = 1.0  # to which side what hangs into the face is swept


def scatter_roots(
    rng: np.random.Generator, scalp: Scalp, depth_deg: np.ndarray, count: int, at_top: float = 0.0
) -> Roots:
    """`count` roots over the triangles whose corners all have `depth_deg` [V] > 0.

    They are spread evenly, or 1 + `at_top` times as densely on the top of the head, where a parting shows the scalp.
    """
    triangles = scalp.triangles[(depth_deg[scalp.triangles] > 0).all(1)]
    if not len(triangles):
        triangles = scalp.triangles[:1]
        count = 0
    corners = scalp.vertices_m[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    up = corners[:, :, 1].mean(1) / np.linalg.norm(corners.mean(1), axis=1)
    area = area * (1.0 + at_top * np.clip((up - 0.5) / 0.3, 0, 1))
    heights = (np.arange(count) + rng.random(count)) / max(count, 1)  # stratified over the area
    chosen = np.searchsorted(np.cumsum(area) / area.sum(), heights).clip(0, len(triangles) - 1)
    a, b = np.sqrt(rng.random(count)), rng.random(count)
    shares = np.stack([1 - a, a * (1 - b), a * b], 1)
    points = np.einsum("nj,njc->nc", shares, corners[chosen])
    normals = np.einsum("nj,njc->nc", shares, scalp.normals[triangles[chosen]])
    normals = unit(normals)
    x, y, z = points.T
    return Roots(points, normals, np.degrees(np.arctan2(x, z)), np.degrees(np.arctan2(y, np.hypot(x, z))))


def grow(rng: np.random.Generator, scalp: Scalp, roots: Roots, groom: Groom, colour: np.ndarray) -> list[Piece]:
    """Ribbons for all locks in the given linear colour [3] or [N, 3], one piece for each strand texture."""
    count = len(roots.points_m)
    if count == 0:
        return []
    path = _paths(rng, scalp, roots, groom)  # [N, S + 1, 3]
    tangent, outward = unit(np.gradient(path, axis=1)), unit(path)
    across = unit(np.cross(tangent, outward), 1e-3)
    twist = rng.normal(size=(count, 1, 1)) * 0.35
    across = across * np.cos(twist) + outward * np.sin(twist)
    width = 0.5 * groom.width_m * rng.uniform(0.6, 1.4, (count, 1)) * (1.0 - 0.35 * ALONG**2)
    left, right = path - across * width[..., None], path + across * width[..., None]
    vertices = np.stack([left, right], axis=2)  # [N, S + 1, 2, 3]
    flat_normal = outward - tangent * (outward * tangent).sum(-1, keepdims=True)
    normals = 0.6 * outward + 0.6 * flat_normal + 0.25 * rng.normal(size=(count, 1, 3))
    normals = unit(np.stack([normals - 0.25 * across, normals + 0.25 * across], axis=2))
    u = np.broadcast_to(np.array([0.02, 0.98]), (count, SEGMENTS + 1, 2))
    u = np.where(rng.random((count, 1, 1)) < 0.5, u, 1.0 - u)
    uv = np.stack([u, np.broadcast_to((0.02 + 0.96 * ALONG)[:, None], u.shape)], -1)
    shade = np.exp(rng.normal(size=(count, 1)) * 0.16) * (0.62 + 0.38 * np.minimum(ALONG * 3.0, 1.0))
    shade = shade * (1 + 0.12 * ALONG)
    tint = (np.asarray(colour).reshape(-1, 1, 3) * shade[..., None])[:, :, None]
    opacity = np.where(ALONG < 0.01, 0.6, 1.0)[:, None]
    variant = rng.integers(CARD_VARIANTS, size=count)
    return [
        ribbons(
            vertices[mine], normals[mine], uv[mine], tint[mine], opacity, tangent[mine][:, :, None], f"card{k}", HAIR
        )
        for k in range(CARD_VARIANTS)
        if (mine := variant == k).any()
    ]


def ribbons(
    vertices_m: np.ndarray,
    normals: np.ndarray,
    uv: np.ndarray,
    tint: np.ndarray,
    opacity: np.ndarray,
    tangents: np.ndarray,
    texture: str,
    surface: Surface,
) -> Piece:
    """Locks as one piece: each of R rows from root to tip, of two vertices beside each other.

    Vertices are [N, R, 2, 3]; normals, uv, tint and tangents are broadcast to as many, opacity to [N, R, 2].
    """
    shape = vertices_m.shape[:3]
    row = np.arange(shape[1] - 1)[:, None] * 2
    pattern = np.concatenate([row + np.array([0, 1, 2]), row + np.array([1, 3, 2])])  # [2 (R - 1), 3]
    triangles = (np.arange(shape[0])[:, None, None] * 2 * shape[1] + pattern).reshape(-1, 3)

    def flat(values: np.ndarray) -> np.ndarray:
        channels = values.shape[-1]
        return np.broadcast_to(values, (*shape, channels)).reshape(-1, channels).astype(np.float32)

    return Piece(
        flat(vertices_m),
        flat(normals),
        triangles.astype(np.int32),
        flat(uv),
        flat(tint),
        np.broadcast_to(opacity, shape).ravel().astype(np.float32),
        texture,
        surface,
        flat(tangents),
    )


def _paths(rng: np.random.Generator, scalp: Scalp, roots: Roots, groom: Groom) -> np.ndarray:
    """Centre lines of the locks, [N, SEGMENTS + 1, 3]."""
    count = len(roots.points_m)
    flow = groom.flow + 0.18 * rng.normal(size=(count, 3))
    point = roots.points_m - 0.001 * roots.normals
    direction = None
    down = np.array([0.0, -1.0, 0.0])
    points = [point]
    for segment in range(SEGMENTS):
        step = groom.length_m[:, None] * (ALONG[segment + 1] - ALONG[segment])
        sagitta = step[:, 0] ** 2 / (8.0 * SKULL_RADIUS_M)  # by this much a chord dips under the skull
        outward = unit(point)
        combed = unit(flow - outward * (flow * outward).sum(1, keepdims=True))
        # What has left the crown hangs; what lies on it keeps to the comb.
        hang = np.clip(groom.gravity * ALONG[segment + 1] * (groom.length_m / 0.12), 0, 1)[:, None]
        wanted = combed * (1 - hang) + down * hang
        if direction is None:
            lift = groom.lift[:, None]
            direction = roots.normals * lift + wanted * (1.0 - lift)
        else:
            direction = 0.55 * direction + 0.45 * wanted
        direction = unit(direction)
        point = _aside(point + direction * step, groom)
        grown = ALONG[segment + 1]
        floor = scalp.radius_m(point) + 0.0015 + sagitta + groom.clearance_m * min(1.0, 2.0 * grown) ** 0.7
        radius = np.linalg.norm(point, axis=1)
        beside_head = point[:, 1] > -0.11
        point = point * np.where(beside_head, np.maximum(floor / np.maximum(radius, 1e-6), 1.0), 1.0)[:, None]
        point = scalp.off_body(point, 0.006 + 0.5 * groom.clearance_m)
        points.append(point)
    path = np.stack(points, axis=1)
    return _curled(rng, path, groom) if groom.curl_m > 0 else path


def _curled(rng: np.random.Generator, path: np.ndarray, groom: Groom) -> np.ndarray:
    """Centre lines [N, SEGMENTS + 1, 3] wound around themselves."""
    count = len(path)
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    swing = 2 * np.pi * groom.curl_turns * rng.uniform(0.7, 1.3, (count, 1)) * ALONG
    outward = unit(path)
    sideways = unit(np.cross(np.gradient(path, axis=1), outward), 1e-3)
    size = groom.curl_m * np.minimum(ALONG * 3, 1.0)
    path = path + sideways * (np.sin(swing + phase) * size)[..., None]
    return path + outward * ((1 + np.cos(swing + phase)) * 0.5 * size)[..., None]


def _aside(point: np.ndarray, groom: Groom) -> np.ndarray:
    """Turns points that hang into the face around the vertical axis to the face's border, [N, 3]."""
    x, y, z = point.T
    azimuth = np.degrees(np.arctan2(x, z))
    elevation = np.degrees(np.arctan2(y, np.hypot(x, z)))
    below = np.clip((groom.fringe_deg - elevation) / 14.0, 0, 1)
    side = np.where(np.abs(azimuth) < 4.0, groom.side, np.sign(azimuth))
    target = np.where(np.abs(azimuth) < groom.face_half_deg, side * groom.face_half_deg, azimuth)
    turned = np.radians(azimuth + (target - azimuth) * below)
    flat = np.hypot(x, z)
    return np.stack([flat * np.sin(turned), y, flat * np.cos(turned)], axis=1)
