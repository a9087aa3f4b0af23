"""Pictures of a subject, in crops made by the alignment that inference uses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...cuda_ops.rasterise import Mesh, Texture, rasterise
from ..camera import Camera, look_at
from ..photo.alignment import crop_from_landmarks
from .meshes import positions
from .photography import Film, encoded_srgb, graded
from .subject import Subject

FACE_HALF_M = 0.138
"""Half the side of the FFHQ crop at the face's distance, from the fits to photographs."""

LANDMARK_NOISE = 0.004
"""Standard deviation of a landmark's detection over the crop's half side: 0.5 px at 256, as the fits' residuals say."""


@dataclass(frozen=True)
class View:
    """One picture with its exact camera."""

    rgba: np.ndarray  # [S, S, 4] uint8, sRGB-encoded, straight alpha
    depth_m: np.ndarray  # [S, S] float32, +inf where nothing is
    camera: Camera


def render_view(subject: Subject, camera: Camera, film: Film | None, samples: int = 2) -> View:
    """One picture of a subject, through a `film` if there is one."""
    return draw_view(subject.mesh, subject.textures, camera, film, samples)


def draw_view(
    mesh: Mesh, textures: Sequence[Texture], camera: Camera, film: Film | None, samples: int, threads: int = 1
) -> View:
    """One picture of a mesh whose light is on it, through a `film` if there is one."""
    where = positions(*camera.project(mesh.vertices_m))
    rgba, depth_m = rasterise(
        mesh, where, textures, camera.width_px, camera.height_px, samples=samples, threads=threads
    )
    opacity = np.minimum(rgba[..., 3:], 1.0)
    straight = rgba[..., :3] / np.maximum(opacity, 1e-4)
    encoded = encoded_srgb(np.clip(straight, 0, 1)) if film is None else graded(straight, film)
    picture = np.concatenate([encoded, opacity], axis=-1)
    return View((np.clip(picture, 0, 1) * 255.0 + 0.5).astype(np.uint8), depth_m, camera)


def aligned_camera(
    rng: np.random.Generator, standpoint: Camera, subject: Subject, size_px: int
) -> tuple[Camera, np.ndarray]:
    """The crop's camera as the alignment would cut it from jittered landmarks, and those in the wide picture."""
    points, _ = standpoint.project(subject.landmarks_m)
    half_px = 0.25 * standpoint.width_px
    points = points + rng.normal(size=points.shape) * LANDMARK_NOISE * half_px
    middle = points.mean(0)  # errors of one detection go together: the whole face a little off
    points = middle + (points - middle) * np.exp(rng.normal() * 0.012) + rng.normal(size=2) * 0.010 * half_px
    return standpoint.cropped(crop_from_landmarks(points), size_px, size_px), points


def input_standpoint(rng: np.random.Generator) -> Camera:
    """A wide picture as people take them: mostly from the front, a long or a short lens, hardly tilted."""
    fov_deg = float(np.clip(12.0 * np.exp(rng.normal() * 0.35), 6.0, 40.0))
    yaw, pitch = rng.normal() * 15.0, rng.normal() * 6.5 + 4.0
    if rng.random() < 0.12:
        yaw, pitch = rng.uniform(-45, 45), rng.uniform(-20, 25)
    return _standpoint(float(np.clip(yaw, -50, 50)), float(np.clip(pitch, -25, 28)), fov_deg, rng.normal() * 3.0)


def _standpoint(yaw_deg: float, pitch_deg: float, fov_deg: float, roll_deg: float) -> Camera:
    """A wide picture (twice the FFHQ crop) from a direction, rolled; `fov_deg` is across the FFHQ crop."""
    tangent = np.tan(np.radians(fov_deg) / 2.0)
    distance = FACE_HALF_M / tangent + 0.09
    wide_deg = float(np.degrees(2.0 * np.arctan(2.0 * tangent)))
    side_px = 1024
    camera = look_at((0.0, 0.0, distance), fov_deg=wide_deg, width_px=side_px, height_px=side_px)
    camera = camera.orbited(yaw_deg, pitch_deg)
    roll = np.eye(4)
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    roll[:2, :2] = [[c, -s], [s, c]]
    return Camera(
        camera.camera_to_world @ roll, camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px, side_px, side_px
    )
