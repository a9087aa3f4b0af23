"""Ground truth for the made portrait: a ray tracer of its analytic surfaces, in double precision.

It shares nothing with the renderers: no maps, no textures, no tiles; the field of manifolds.py is evaluated directly
(`rho - r(d) - delta(d)) / w(d)`), sampled densely along each ray and refined at each sheet's first entry: it leaves
out later ones, which are one in a hundred at yaw 35, and one in 30,000 from the front.
"""

import numpy as np

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.conventions import MIN_OPACITY, linear_to_srgb, srgb_to_linear
from portrait_manifolds.backend.made.made_portrait import (
    displacement_m,
    made_offsets_m,
    paint,
    painted_sheets,
    radius_m,
    spread,
)

BOUND_M = 0.40
"""All of the made portrait lies within this distance of its centre."""

_STEP_M = 0.0025
_REFINEMENTS = 12
_CHUNK_RAYS = 1 << 14


def trace(camera: Camera, sheets: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """RGBA [H, W, 4] (straight, sRGB-encoded, 0..1) and depth [H, W] in metres, +inf where there is none; float64."""
    origin, directions = camera.rays()
    directions = directions.reshape(-1, 3)
    length = np.linalg.norm(directions, axis=1)
    rays = directions / length[:, None]
    rgba = np.zeros((len(rays), 4))
    depth = np.full(len(rays), np.inf)
    # Only rays that meet the bounding sphere.
    closest = -(rays @ origin)  # distance along the ray to the point nearest the centre
    miss_squared = origin @ origin - closest**2
    inside = np.flatnonzero((miss_squared < BOUND_M**2) & (closest + BOUND_M > 0.0))
    for start in range(0, len(inside), _CHUNK_RAYS):
        chunk = inside[start : start + _CHUNK_RAYS]
        half_chord = np.sqrt(BOUND_M**2 - miss_squared[chunk])
        colour, opacity, distance = _trace_rays(
            origin, rays[chunk], np.maximum(closest[chunk] - half_chord, 0.0), closest[chunk] + half_chord, sheets
        )
        rgba[chunk, :3] = linear_to_srgb(colour)
        rgba[chunk, 3] = opacity
        # A ray's depth is its distance over the length of its direction, whose depth is one metre.
        depth[chunk] = np.where(opacity >= MIN_OPACITY, distance / length[chunk], np.inf)
    return rgba.reshape(camera.height_px, camera.width_px, 4), depth.reshape(camera.height_px, camera.width_px)


def entries_m(camera: Camera, sheets: int = 24) -> np.ndarray:
    """Distance [P, H, W] along each pixel's ray to its first entry of each painted sheet, +inf where it has none."""
    origin, directions = camera.rays()
    rays = directions.reshape(-1, 3) / np.linalg.norm(directions.reshape(-1, 3), axis=1, keepdims=True)
    offsets = made_offsets_m(sheets)
    closest = -(rays @ origin)
    entry, hit = _first_entries(origin, rays, closest - BOUND_M, closest + BOUND_M, offsets[painted_sheets(offsets)])
    return np.where(hit, entry, np.inf).reshape(-1, camera.height_px, camera.width_px)


def field(points: np.ndarray) -> np.ndarray:
    """f [...] at points [..., 3]: sheet i is where it equals offset i."""
    rho = np.linalg.norm(points, axis=-1)
    directions = points / np.maximum(rho, 1e-9)[..., None]
    return (rho - radius_m(directions) - displacement_m(directions)) / spread(directions)


def _trace_rays(
    origin: np.ndarray, rays: np.ndarray, near_m: np.ndarray, far_m: np.ndarray, sheets: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Straight linear colour [N, 3], opacity [N] and mean distance [N] of rays [N, 3]."""
    offsets = made_offsets_m(sheets)
    painted = painted_sheets(offsets)
    entry, hit = _first_entries(origin, rays, near_m, far_m, offsets[painted])  # [P, N]
    alpha = np.zeros_like(entry)
    colour = np.zeros((*entry.shape, 3))
    for i, sheet in enumerate(painted):
        points = origin + entry[i, hit[i], None] * rays[hit[i]]
        directions = points / np.linalg.norm(points, axis=-1, keepdims=True)
        rgba = paint(offsets, sheet, directions)
        alpha[i, hit[i]], colour[i, hit[i]] = rgba[:, 3], srgb_to_linear(rgba[:, :3])
    # Nearest first. On one ray an outer sheet is always entered before an inner one.
    order = np.argsort(np.where(hit, entry, np.inf), axis=0)
    transmittance = np.ones(len(rays))
    total, distance = np.zeros((len(rays), 3)), np.zeros(len(rays))
    for rank in order:
        pick = (rank, np.arange(len(rays)))
        weight = transmittance * alpha[pick]
        total += weight[:, None] * colour[pick]
        distance += weight * entry[pick]
        transmittance = transmittance * (1.0 - alpha[pick])
    opacity = 1.0 - transmittance
    safe = np.maximum(opacity, 1e-12)
    return np.clip(total / safe[:, None], 0.0, 1.0), opacity, distance / safe


def _first_entries(
    origin: np.ndarray, rays: np.ndarray, near_m: np.ndarray, far_m: np.ndarray, offsets_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distance [P, N] along each ray where the field first falls through each offset, and whether it does [P, N]."""
    shape = (len(offsets_m), len(rays))
    before, after, hit = np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
    f_before, f_after = np.zeros(shape), np.zeros(shape)
    steps = int(np.ceil((far_m - near_m).max() / _STEP_M))
    t_last = near_m
    f_last = field(origin + t_last[:, None] * rays)
    for _ in range(steps):
        t = t_last + _STEP_M
        f = field(origin + t[:, None] * rays)
        falls = ~hit & (f_last > offsets_m[:, None]) & (f <= offsets_m[:, None])
        for array, values in ((before, t_last), (after, t), (f_before, f_last), (f_after, f)):
            np.copyto(array, np.broadcast_to(values, shape), where=falls)
        hit |= falls
        t_last, f_last = t, f
    for i, offset in enumerate(offsets_m):
        index = np.flatnonzero(hit[i])
        a, b = before[i, index], after[i, index]
        ga, gb = f_before[i, index] - offset, f_after[i, index] - offset
        t = b
        for _ in range(_REFINEMENTS):  # regula falsi, Illinois variant: halving the end that stays
            t = (a * gb - b * ga) / np.where(gb == ga, -1.0, gb - ga)
            g = field(origin + t[:, None] * rays[index]) - offset
            above = g > 0.0
            ga, gb = np.where(above, g, 0.5 * ga), np.where(above, 0.5 * gb, g)
            a, b = np.where(above, t, a), np.where(above, b, t)
        before[i, index] = t
    return before, hit
