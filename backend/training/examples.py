"""Training examples as inference will meet them, drawn once and kept in shards.

Inference assumes a lens (12 degrees across the FFHQ crop) and estimates a pose. So an example's geometry is not the
subject's own but what that camera has to see for the photograph to come out the same: every vertex keeps its pixel
and its depth relative to the head's centre, seen through the estimated camera. Then the photograph, the novel views
and the radius map all agree with the one camera that inference has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from ...cuda_ops.rasterise import Mesh
from ..atomic import atomic_path
from ..camera import Camera
from ..conventions import DISPLACEMENT_SIZE, PROMISED_PITCH_DEG, PROMISED_YAW_DEG, srgb_to_linear
from ..errors import InputError, ProcessingError
from ..networks.inversion import as_input
from ..photo.alignment import LandmarkTemplate, align
from ..photo.landmarks import LandmarkDetector
from .lifted import lifted_pair
from .photography import decoded_srgb, degraded, encoded_srgb, graded, sample_background, sample_film
from .real import RealPortrait
from .subject import Subject
from .surface import outermost_radius_m
from .views import aligned_camera, input_standpoint, render_view

DEPTH_UNIT_M = 1e-4
"""Depths are kept as 16-bit multiples of this; 0 where nothing is."""

UNKNOWN_DEPTH = 65535
"""Marks pixels of which nothing is known: a real photograph's surroundings."""


@dataclass(frozen=True)
class Example:
    """One subject or photograph; view 0 is the photograph's own, the others are novel."""

    photo: np.ndarray  # [H, W, 3] uint8, what the network sees
    person: np.ndarray  # [H, W] uint8, and where it is told that the person is: the segmentation that inference has
    rgba: np.ndarray  # [N, H, W, 4] uint8, the views without background: sRGB-encoded, straight
    depth: np.ndarray  # [N, H, W] uint16, multiples of DEPTH_UNIT_M, 0 where nothing is
    poses: np.ndarray  # [N, 4, 4] float64, camera_to_world
    intrinsics: np.ndarray  # [N, 4] float64: fx_px, fy_px, cx_px, cy_px
    radius_m: np.ndarray  # [R, R] float32, outermost surface over the chart, 0 where there is none

    def picture(self) -> Tensor:
        """What the networks see, [1, 4, H, W]."""
        return as_input(self.photo, self.person / 255.0)

    def camera(self, view: int) -> Camera:
        """The camera of a view."""
        height, width = self.rgba.shape[1:3]
        fx_px, fy_px, cx_px, cy_px = self.intrinsics[view].tolist()
        return Camera(self.poses[view], fx_px, fy_px, cx_px, cy_px, width, height)


def subject_example(
    rng: np.random.Generator,
    subject: Subject,
    template: LandmarkTemplate,
    size_px: int,
    novel_views: int,
    backgrounds: Sequence[np.ndarray],
    detector: LandmarkDetector,
) -> Example:
    """Photographs a synthetic subject and draws novel views of it as the estimated camera understands it."""
    film = sample_film(rng)
    standpoint = input_standpoint(rng)
    camera, points_px = aligned_camera(rng, standpoint, subject, size_px)
    view = render_view(subject, camera, film)
    background = graded(sample_background(rng, size_px, list(backgrounds)), film)
    alpha = view.rgba[..., 3:].astype(np.float32) / 255.0
    mixed = decoded_srgb(view.rgba[..., :3]) * alpha + srgb_to_linear(background).astype(np.float32) * (1.0 - alpha)
    photo = degraded(encoded_srgb(mixed), film, rng)
    estimate = align(points_px, (standpoint.width_px, standpoint.height_px), template).crop_camera(size_px)
    understood = replace(subject, mesh=as_seen(subject.mesh, camera, estimate))
    cameras = [estimate, *(novel_camera(rng, estimate) for _ in range(novel_views))]
    views = [render_view(understood, one, film) for one in cameras]
    radius_m, opacity = outermost_radius_m(understood.mesh, subject.textures, DISPLACEMENT_SIZE, threads=1)
    return pack(
        photo,
        detector.person(photo),
        [v.rgba for v in views],
        [v.depth_m for v in views],
        cameras,
        np.where(opacity > 0.5, radius_m, 0),
    )


def photo_example(real: RealPortrait, detector: LandmarkDetector) -> Example:
    """A real photograph, as estimated: its own view only, its foreground by matting; unknown outside its border.

    Depth is the fitted face's, relative to the head's centre, and nothing elsewhere.
    """
    depth_m = np.where(real.measured, real.depth_m, np.inf)
    example = pack(
        real.photo,
        detector.person(real.photo),
        [_cut_out(real.foreground, real.opacity)],
        [depth_m],
        [real.camera],
        np.zeros((DISPLACEMENT_SIZE, DISPLACEMENT_SIZE)),
    )
    example.depth[0][real.inside < 0.99] = UNKNOWN_DEPTH
    return example


def pair_example(rng: np.random.Generator, real: RealPortrait, detector: LandmarkDetector) -> Example:
    """A real photograph, as estimated, turned by its own relief, and its own view as what is to be seen from there.

    Its depth, which made the relief, is the fitted head's and teaches nothing. Unknown is what was filled in.
    """
    pair = lifted_pair(rng, real)
    nowhere = np.full(real.depth_m.shape, np.inf)
    example = pack(
        pair.photo,
        detector.person(pair.photo),
        [_cut_out(pair.foreground, pair.opacity), _cut_out(real.foreground, real.opacity)],
        [nowhere, nowhere],
        [pair.input_camera, real.camera],
        np.zeros((DISPLACEMENT_SIZE, DISPLACEMENT_SIZE)),
    )
    outside = real.inside < 0.99
    # Beside the turned person, too, nobody knows what is outside the photograph; its border has hardly moved there.
    example.depth[0][(pair.shown < 0.5) & ((pair.opacity > 0.5) | outside)] = UNKNOWN_DEPTH
    example.depth[1][outside] = UNKNOWN_DEPTH
    return example


def as_seen(mesh: Mesh, camera: Camera, estimate: Camera) -> Mesh:
    """A mesh that `estimate` sees as `camera` sees this one: same pixels, same depth relative to the origin."""
    pixels, depth = camera.project(mesh.vertices_m)
    _, centre = camera.project(np.zeros(3))
    _, centre_seen = estimate.project(np.zeros(3))
    points = estimate.unproject(pixels, depth - centre + centre_seen)
    return replace(mesh, vertices_m=points.astype(np.float32))


def novel_camera(rng: np.random.Generator, camera: Camera) -> Camera:
    """Another view within what is promised, from another distance with a lens that frames the head alike."""
    if rng.random() < 0.5:
        yaw, pitch = rng.uniform(-1, 1) * PROMISED_YAW_DEG, rng.uniform(-1, 1) * PROMISED_PITCH_DEG
    else:
        yaw, pitch = rng.normal() * 18.0, rng.normal() * 9.0
    yaw, pitch = np.clip([yaw, pitch], *np.outer([-1, 1], [PROMISED_YAW_DEG, PROMISED_PITCH_DEG]))
    turned = camera.orbited(float(yaw), float(pitch))
    factor = float(np.exp(rng.normal() * 0.2))
    pose = turned.camera_to_world.copy()
    pose[:3, 3] *= factor
    return replace(turned, camera_to_world=pose, fx_px=turned.fx_px * factor, fy_px=turned.fy_px * factor)


def pack(
    photo: np.ndarray,
    person: np.ndarray,
    rgba: Sequence[np.ndarray],
    depth_m: Sequence[np.ndarray],
    cameras: Sequence[Camera],
    radius_m: np.ndarray,
) -> Example:
    """An example from a segmentation in 0..1, float depths (+inf where nothing is) and cameras."""
    depth = np.stack(depth_m) / DEPTH_UNIT_M
    return Example(
        photo,
        (person * 255.0 + 0.5).astype(np.uint8),
        np.stack(rgba),
        np.where(np.isfinite(depth) & (depth < 65535), depth, 0).astype(np.uint16),
        np.stack([one.camera_to_world for one in cameras]),
        np.array([[one.fx_px, one.fy_px, one.cx_px, one.cy_px] for one in cameras]),
        radius_m.astype(np.float32),
    )


def _cut_out(foreground: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Colours [H, W, 3] uint8 and opacity [H, W] float to [H, W, 4] uint8."""
    alpha = (np.clip(opacity, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return np.concatenate([foreground, alpha[..., None]], -1)


def save_shard(path: Path, examples: Sequence[Example]) -> None:
    """Writes examples of one size as one safetensors file, whole or not at all; ProcessingError if the disk is full."""
    stacked = {f.name: np.stack([getattr(example, f.name) for example in examples]) for f in fields(Example)}
    with atomic_path(path) as temporary:
        try:
            save_file(stacked, temporary)
        except SafetensorError as error:
            raise ProcessingError(f"Writing {path} failed ({error}): free some space and start again.") from error


class Shards:
    """Random access to the examples of all shards in a folder whose names start with `prefix`.

    Raises InputError where a shard is damaged.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._files = [_opened(path) for path in sorted(folder.glob(f"{prefix}-*.safetensors"))]
        self._index = [(f, i) for f in self._files for i in range(f.get_slice("photo").get_shape()[0])]

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> Example:
        file, row = self._index[index]
        return Example(**{f.name: file.get_slice(f.name)[row : row + 1][0] for f in fields(Example)})


def _opened(path: Path) -> safe_open:
    try:
        return safe_open(str(path), "numpy")
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}): delete it and make it again with `train examples`.") from error
