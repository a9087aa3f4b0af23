"""The cameras of a person's true views in the portrait's own space: whatever space and unit they were given in.

A portrait's camera is estimated, so the true ones are placed relative to it. What is missing is how deep the point
they turn about lies in the portrait's head; the landmarks of all views together say it.
"""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..camera import Camera, load_cameras
from ..errors import InputError
from ..input_file import read_input
from ..photo.alignment import LandmarkTemplate
from ..photo.landmarks import LandmarkDetector
from ..portrait import Portrait

log = logging.getLogger(__name__)

CAMERAS_FILE, TURNS_FILE = "cameras.json", "turns.json"
MAX_TURNS_BYTES = 1 << 20

DEEPEST_M = 0.12
"""The point that cameras turn about is looked for so far before and behind the portrait's origin."""


@dataclass(frozen=True)
class TrueCameras:
    """Cameras as a person's folder gives them, the input's first; their origin is what they turn about."""

    cameras: tuple[Camera, ...]
    estimate: Camera  # the portrait's input camera
    origin_depth_m: float  # of their origin, seen by the estimate, in the portrait's space

    @property
    def _to_portrait(self) -> np.ndarray:
        """Rotation [3, 3] of their space into the portrait's: the ray to the origin becomes the estimate's.

        The estimate takes the middle of the face's square for the optical axis, which the true camera may have
        elsewhere: turned alike, the two would look at the head from another height.
        """
        first, estimate = self.cameras[0], self.estimate
        towards = -first.camera_to_world[:3, :3].T @ first.position_m  # in the camera's axes
        seen = (self._origin_m - estimate.position_m) @ estimate.camera_to_world[:3, :3]
        turn, _ = Rotation.align_vectors([seen / np.linalg.norm(seen)], [towards / np.linalg.norm(towards)])
        return np.asarray(estimate.camera_to_world[:3, :3] @ turn.as_matrix() @ first.camera_to_world[:3, :3].T)

    @property
    def _origin_m(self) -> np.ndarray:
        """Where their origin lies in the portrait's space [3]: it keeps its pixel."""
        return self.estimate.unproject(self.cameras[0].project(np.zeros(3))[0], self.origin_depth_m)

    @property
    def scale(self) -> float:
        """Metres of the portrait to one of their units."""
        seen_m, given = self._origin_m - self.estimate.position_m, self.cameras[0].position_m
        return float(np.linalg.norm(seen_m) / np.linalg.norm(given))

    def in_portrait(self) -> list[Camera]:
        """The input camera stands where the estimate does, and the others turn with it about the origin, which keeps
        its pixel.

        Distances are scaled by the origin's, focal lengths by the input's.
        """
        first, estimate = self.cameras[0], self.estimate
        zoom = estimate.fx_px / first.fx_px
        moved = []
        for camera in self.cameras:
            pose = np.eye(4)
            pose[:3, :3] = self._to_portrait @ camera.camera_to_world[:3, :3]
            pose[:3, 3] = self._origin_m + self.scale * (self._to_portrait @ camera.position_m)
            moved.append(replace(camera, camera_to_world=pose, fx_px=camera.fx_px * zoom, fy_px=camera.fy_px * zoom))
        return moved

    def depth_in_portrait(self, depth: np.ndarray, index: int) -> np.ndarray:
        """A true depth picture [H, W] (their unit, 0 where nothing is) in metres as `in_portrait` moves its camera.

        The head is as large as the estimate sees it: another lens from another distance leaves its depth as it is.
        """
        _, centre = self.cameras[index].project(np.zeros(3))
        moved = self.scale * (centre + (depth - centre) * self.cameras[0].fx_px / self.estimate.fx_px)
        return np.where(depth > 0, moved, 0.0)

    def turns_deg(self) -> list[tuple[float, float]]:
        """Yaw and pitch of each camera against the first about the portrait's origin, as `Camera.orbited` counts."""
        x, y, z = np.stack([camera.position_m for camera in self.in_portrait()], 1)
        yaw, pitch = np.degrees(np.arctan2(x, z)), np.degrees(np.arctan2(y, np.hypot(x, z)))
        yaw = (yaw - yaw[0] + 180.0) % 360.0 - 180.0
        return list(zip(yaw.tolist(), (pitch - pitch[0]).tolist(), strict=True))


def true_cameras(folder: Path, estimate: Camera) -> TrueCameras:
    """What cameras.json or turns.json in a folder says, before the origin's depth is sought: that of the portrait's.

    Raises InputError where neither can be read, where the input camera is of another picture size, or the origin is
    not before it.
    """
    if (folder / CAMERAS_FILE).is_file():
        cameras = load_cameras(folder / CAMERAS_FILE)
    else:
        cameras = [estimate, *(estimate.orbited(*turn) for turn in load_turns(folder / TURNS_FILE))]
    first = cameras[0]
    size, given = (estimate.width_px, estimate.height_px), (first.width_px, first.height_px)
    if size != given:
        raise InputError(
            f"{folder}: the input picture is {size[0]} x {size[1]}, its camera {given[0]} x {given[1]}: correct it."
        )
    if first.project(np.zeros(3))[1] <= 0:
        raise InputError(
            f"{folder}: the head's centre lies behind the input camera: put the cameras' origin into the head."
        )
    return TrueCameras(tuple(cameras), estimate, float(estimate.project(np.zeros(3))[1]))


def load_turns(path: Path) -> list[tuple[float, float]]:
    """[yaw, pitch] in degrees of each view against the input's, of a JSON list; raises InputError for anything else."""
    try:
        turns = [(float(yaw), float(pitch)) for yaw, pitch in json.loads(read_input(path, MAX_TURNS_BYTES))]
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is no list of turns: write [[yaw, pitch], ...] in degrees.") from error
    if not turns or not np.isfinite(turns).all():
        raise InputError(f"{path} holds no turn, or one that is no number: write [[yaw, pitch], ...] in degrees.")
    return turns


def with_depth_seen(
    true: TrueCameras,
    portrait: Portrait,
    pictures: list[np.ndarray],
    detector: LandmarkDetector,
    template: LandmarkTemplate,
) -> TrueCameras:
    """The same cameras, about an origin at the depth where the portrait's landmarks fall on those of the true views.

    `pictures` are [H, W, 3] uint8 of the input and of each view. One number is fitted to all views of a person: a head
    that is too flat is not made good by it. Where no view shows a face, nothing changes.
    """
    from scipy.optimize import minimize_scalar

    found = [detector.faces(picture) for picture in pictures]
    views = [index for index, faces in enumerate(found) if index and len(faces)]
    if not len(found[0]) or not views:
        return true
    points_m, on_head = _on_portrait(portrait, found[0][0])
    weights = template.weights * on_head

    def disagreement(depth_m: float) -> float:
        cameras = replace(true, origin_depth_m=depth_m).in_portrait()
        offsets = [cameras[index].project(points_m)[0] - found[index][0] for index in views]
        return float(np.mean([(weights * np.linalg.norm(offset, axis=-1)).sum() for offset in offsets]))

    bounds = (true.origin_depth_m - DEEPEST_M, true.origin_depth_m + DEEPEST_M)
    depth_m = float(minimize_scalar(disagreement, bounds=bounds, method="bounded", options={"xatol": 1e-4}).x)
    log.info("the cameras turn about a point %.0f mm behind the head's centre", 1e3 * (depth_m - true.origin_depth_m))
    return replace(true, origin_depth_m=depth_m)


def _on_portrait(portrait: Portrait, points_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks [N, 2] of the photograph as points [N, 3] of the portrait's surface, and whether they lie on it [N]."""
    camera = portrait.input_camera
    _, depth_m = portrait.render(camera)
    column, row = np.clip(points_px.astype(int), 0, [camera.width_px - 1, camera.height_px - 1]).T
    depth_m = depth_m[row, column]
    on_head = np.isfinite(depth_m)
    return camera.unproject(points_px, np.where(on_head, depth_m, 1.0)), on_head
