"""Locks of hair grown from roots on the neutral head as ribbons that follow a flow, gravity, and the head's shape."""

from dataclasses import dataclass

import numpy as np

from .pieces import Piece, Surface
from .scalp import Scalp
from .strands import CARD_VARIANTS

SEGMENTS = 9
STEPS = np.array([0.3, 0.5, 0.7, 0.9, 1.1, 1.2, 1.3, 1.5, 1.5])
"""Relative lengths of the segments: short ones near the root, where the skull curves under them."""

ALONG = np.concatenate([[0.0], np.cumsum(STEPS)]) / STEPS.sum()
SKULL_RADIUS_M = 0.09
HAIR = Surface(wrap=0.35, gloss=0.3, sharpness=18.0, casts_shadow=True, is_hair=True)


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
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    x, y, z = points.T
    return Roots(points, normals, np.degrees(np.arctan2(x, z)), np.degrees(np.arctan2(y, np.hypot(x, z))))


def grow(rng: np.random.Generator, scalp: Scalp, roots: Roots, groom: Groom, colour: np.ndarray) -> list[Piece]:
    """Ribbons for all locks in the given linear colour [3] or [N, 3], one piece for each strand texture."""
    count = len(roots.points_m)
    if count == 0:
        return []
    path = _paths(rng, scalp, roots, groom)  # [N, S + 1, 3]
    tangent = np.gradient(path, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-6)
    outward = path / np.maximum(np.linalg.norm(path, axis=-1, keepdims=True), 1e-6)
    across = np.cross(tangent, outward)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-3)
    twist = rng.normal(size=(count, 1, 1)) * 0.35
    across = across * np.cos(twist) + outward * np.sin(twist)
    along = ALONG
    width = 0.5 * groom.width_m * rng.uniform(0.6, 1.4, (count, 1)) * (1.0 - 0.35 * along**2)
    left, right = path - across * width[..., None], path + across * width[..., None]
    vertices = np.stack([left, right], axis=2)  # [N, S + 1, 2, 3]
    flat_normal = outward - tangent * (outward * tangent).sum(-1, keepdims=True)
    normals = 0.6 * outward + 0.6 * flat_normal + 0.25 * rng.normal(size=(count, 1, 3))
    normals = np.stack([normals - 0.25 * across, normals + 0.25 * across], axis=2)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-6)
    u = np.broadcast_to(np.array([0.02, 0.98]), (count, SEGMENTS + 1, 2))
    u = np.where(rng.random((count, 1, 1)) < 0.5, u, 1.0 - u)
    v = np.broadcast_to((0.02 + 0.96 * along)[None, :, None], (count, SEGMENTS + 1, 2))
    shade = (
        np.exp(rng.normal(size=(count, 1)) * 0.16) * (0.62 + 0.38 * np.minimum(along * 3.0, 1.0)) * (1 + 0.12 * along)
    )
    tint = np.asarray(colour).reshape(-1, 1, 3) * shade[..., None]
    tint = np.repeat(tint[:, :, None], 2, axis=2)
    opacity = np.broadcast_to(np.where(along < 0.01, 0.6, 1.0)[None, :, None], (count, SEGMENTS + 1, 2))
    row = np.arange(SEGMENTS)[:, None] * 2
    pattern = np.concatenate([row + np.array([0, 1, 2]), row + np.array([1, 3, 2])])  # [2 S, 3]
    variant = rng.integers(CARD_VARIANTS, size=count)
    pieces = []
    for k in range(CARD_VARIANTS):
        mine = variant == k
        if not mine.any():
            continue
        triangles = (np.arange(int(mine.sum()))[:, None, None] * 2 * (SEGMENTS + 1) + pattern).reshape(-1, 3)
        pieces.append(
            Piece(
                vertices[mine].reshape(-1, 3).astype(np.float32),
                normals[mine].reshape(-1, 3).astype(np.float32),
                triangles.astype(np.int32),
                np.stack([u[mine], v[mine]], -1).reshape(-1, 2).astype(np.float32),
                tint[mine].reshape(-1, 3).astype(np.float32),
                opacity[mine].reshape(-1).astype(np.float32),
                texture=f"card{k}",
                surface=HAIR,
                tangents=np.repeat(tangent[mine][:, :, None], 2, axis=2).reshape(-1, 3).astype(np.float32),
            )
        )
    return pieces


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
        outward = point / np.maximum(np.linalg.norm(point, axis=1, keepdims=True), 1e-6)
        combed = flow - outward * (flow * outward).sum(1, keepdims=True)
        combed /= np.maximum(np.linalg.norm(combed, axis=1, keepdims=True), 1e-6)
        # What has left the crown hangs; what lies on it keeps to the comb.
        hang = np.clip(groom.gravity * ALONG[segment + 1] * (groom.length_m / 0.12), 0, 1)[:, None]
        wanted = combed * (1 - hang) + down * hang
        if direction is None:
            lift = groom.lift[:, None]
            direction = roots.normals * lift + wanted * (1.0 - lift)
        else:
            direction = 0.55 * direction + 0.45 * wanted
        direction = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
        point = point + direction * step
        point = _aside(point, groom)
        grown = ALONG[segment + 1]
        floor = scalp.radius_m(point) + 0.0015 + sagitta + groom.clearance_m * min(1.0, 2.0 * grown) ** 0.7
        radius = np.linalg.norm(point, axis=1)
        beside_head = point[:, 1] > -0.11
        point = point * np.where(beside_head, np.maximum(floor / np.maximum(radius, 1e-6), 1.0), 1.0)[:, None]
        point = scalp.off_body(point, 0.006 + 0.5 * groom.clearance_m)
        points.append(point)
    path = np.stack(points, axis=1)
    if groom.curl_m > 0:
        along = ALONG
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        swing = 2 * np.pi * groom.curl_turns * rng.uniform(0.7, 1.3, (count, 1)) * along
        outward = path / np.maximum(np.linalg.norm(path, axis=-1, keepdims=True), 1e-6)
        sideways = np.cross(np.gradient(path, axis=1), outward)
        sideways /= np.maximum(np.linalg.norm(sideways, axis=-1, keepdims=True), 1e-3)
        size = groom.curl_m * np.minimum(along * 3, 1.0)
        path = path + sideways * (np.sin(swing + phase) * size)[..., None]
        path = path + outward * ((1 + np.cos(swing + phase)) * 0.5 * size)[..., None]
    return path


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
