"""Lifted pairs: a real photograph as the target, and itself, warped to another pose, as the input.

The photograph's own depth makes it a relief; a picture of the relief from elsewhere is what a photograph from there
might have looked like. What that picture does not show is filled in from around, and a mask says so.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from ...cuda_ops.rasterise import Mesh, make_texture, rasterise
from ..camera import Camera
from .meshes import positions
from .photography import encoded_srgb
from .real import RealPortrait
from .skins import fill_in

TEAR = 8.0
"""Neighbouring pixels that lie so many times farther apart in depth than across are not joined."""

MARGIN = 0.35
"""Share of the picture's side by which it is continued on every side: a turned camera sees beyond its border."""

MAX_YAW_DEG = 30.0
MAX_PITCH_DEG = 15.0

FAR_FROM_SHOWN = 0.2
"""Linear grey of what is filled in where nothing is shown."""


@dataclass(frozen=True)
class LiftedPair:
    """Input from `input_camera`, target from the portrait's own camera."""

    photo: np.ndarray  # [S, S, 3] uint8, the warped picture over a plain background
    foreground: np.ndarray  # [S, S, 3] uint8, without it
    opacity: np.ndarray  # [S, S] float32 of the warped foreground, holes filled
    shown: np.ndarray  # [S, S] float32, 1 where the warped picture shows the photograph, 0 where it was filled in
    input_camera: Camera


def lifted_pair(rng: np.random.Generator, portrait: RealPortrait) -> LiftedPair:
    """Warps a real portrait to a random pose within 30 degrees of yaw and 15 of pitch."""
    yaw = float(np.clip(rng.normal() * 14.0, -MAX_YAW_DEG, MAX_YAW_DEG))
    pitch = float(np.clip(rng.normal() * 6.0, -MAX_PITCH_DEG, MAX_PITCH_DEG))
    turned = _orbited(portrait, yaw, pitch)
    size = portrait.photo.shape[0]
    wide = _continued(portrait)
    mesh = relief(wide)
    where = positions(*turned.project(mesh.vertices_m))

    def warped(opacity: np.ndarray) -> np.ndarray:
        texels = np.concatenate([wide.foreground, (opacity[..., None] * 255).astype(np.uint8)], -1)
        rgba, _ = rasterise(mesh, where, [make_texture(texels)], size, size)
        return np.clip(rgba, 0, 1)

    shown = warped(np.minimum(wide.opacity, wide.inside))
    covered = warped(wide.opacity)
    # A hole inside the person is closed; what lies open to the background stays open.
    closed = _closed(covered[..., 3])
    straight = covered[..., :3] / np.maximum(covered[..., 3:], 1e-4)
    filled = fill_in(straight, np.clip(covered[..., 3] * 1.5 - 0.5, 0, 1), np.full(3, FAR_FROM_SHOWN))
    base = np.exp(rng.uniform(np.log(0.03), np.log(0.8))) * np.exp(rng.normal(size=3) * 0.2)
    photo = filled * closed[..., None] + base * (1.0 - closed[..., None])
    return LiftedPair(_bytes(photo), _bytes(filled), closed.astype(np.float32), shown[..., 3], turned)


def relief(portrait: RealPortrait) -> Mesh:
    """The photograph as a surface: a vertex a pixel, torn where depth jumps."""
    size = portrait.photo.shape[0]
    origin, directions = portrait.camera.rays()
    depth = np.where(np.isfinite(portrait.depth_m), portrait.depth_m, 0.0)
    points = (origin + directions * depth[..., None]).astype(np.float32)
    y, x = np.mgrid[0:size, 0:size]
    uv = np.stack([(x + 0.5) / size, (y + 0.5) / size], -1).astype(np.float32)
    index = np.arange(size * size).reshape(size, size)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    flat = depth.ravel()[triangles]
    kept = (flat.min(1) > 0) & (np.ptp(flat, axis=1) < TEAR * flat.min(1) / portrait.camera.fx_px)
    count = size * size
    return Mesh(
        points.reshape(-1, 3), uv.reshape(-1, 2), np.ones((count, 4), np.float32), np.zeros((count, 3), np.float32),
        triangles[kept].astype(np.int32), np.zeros(int(kept.sum()), np.int32),
    )  # fmt: skip


def _continued(portrait: RealPortrait) -> RealPortrait:
    """The portrait with a margin that repeats its last pixels, as crops do beyond a photograph's border."""
    margin = round(MARGIN * len(portrait.photo))
    arrays: dict[str, Any] = {
        name: np.pad(values, ((margin, margin), (margin, margin), *[(0, 0)] * (values.ndim - 2)), mode="edge")
        for name, values in vars(portrait).items()
        if isinstance(values, np.ndarray)
    }
    arrays["inside"] = np.pad(portrait.inside, margin)
    side = len(arrays["photo"])
    return replace(portrait, camera=portrait.camera.part(-margin, -margin, side, side), **arrays)


def _orbited(portrait: RealPortrait, yaw_deg: float, pitch_deg: float) -> Camera:
    """The portrait's camera turned about the face, which so stays in the middle as crops have it."""
    origin, directions = portrait.camera.rays()
    middle = len(directions) // 2
    face_m = origin + directions[middle, middle] * np.median(portrait.depth_m[portrait.measured])
    pose = portrait.camera.camera_to_world.copy()
    pose[:3, 3] -= face_m
    turned = replace(portrait.camera, camera_to_world=pose).orbited(yaw_deg, pitch_deg)
    pose = turned.camera_to_world.copy()
    pose[:3, 3] += face_m
    return replace(turned, camera_to_world=pose)


def _bytes(linear: np.ndarray) -> np.ndarray:
    return (encoded_srgb(np.clip(linear, 0, 1).astype(np.float32)) * 255 + 0.5).astype(np.uint8)


def _closed(shown: np.ndarray) -> np.ndarray:
    """Opacity with holes closed that the background does not reach, [S, S]."""
    reach = max(2, shown.shape[0] // 40)
    joined = ndimage.binary_closing(np.pad(shown > 0.5, reach, mode="edge"), iterations=reach)[
        reach:-reach, reach:-reach
    ]
    solid = ndimage.binary_fill_holes(joined)
    return np.maximum(shown, ndimage.gaussian_filter(solid.astype(np.float32), 0.7) * solid)
