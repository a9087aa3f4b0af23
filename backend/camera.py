"""The pinhole camera, and its JSON."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import atan, degrees, isfinite, radians, tan
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import atomic_path
from .checked import Checked
from .errors import InputError
from .input_file import read_input

MAX_SIDE_PX = 16384
"""Of a picture."""

MAX_FOV_DEG = 170.0
"""Of a pinhole: a wider one's picture is hardly more than its border."""

MAX_CAMERAS = 100_000
"""Of one animation: over an hour at 24 frames a second."""

MAX_JSON_BYTES = 64 << 20
"""MAX_CAMERAS as `save_cameras` writes them, at most 610 bytes each."""

_MAX_CAMERA_CHARACTERS = 20_000
"""Of one camera in JSON, however it is written."""


@dataclass(frozen=True, eq=False)
class Camera(Checked):
    """A pinhole camera in portrait space (see conventions.py).

    Raises InputError for values that are not finite, focal lengths or sizes that are not positive, pictures of more
    than 16384 pixels a side, or a `camera_to_world` that is not a rotation and a translation.
    """

    camera_to_world: np.ndarray  # [4, 4], OpenGL axes, metres
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        pose = np.array(self.camera_to_world, dtype=np.float64)
        if pose.shape != (4, 4):
            raise InputError(f"camera_to_world has shape {pose.shape}: give 4 rows of 4 numbers.")
        intrinsics = (self.fx_px, self.fy_px, self.cx_px, self.cy_px, self.width_px, self.height_px)
        if not (np.isfinite(pose).all() and np.isfinite(intrinsics).all()):
            raise InputError("The camera has a value that is not a finite number: correct it.")
        # Before the lens: a focal length that was worked out of no size is nothing to complain of.
        width, height = int(self.width_px), int(self.height_px)
        if (width, height) != (self.width_px, self.height_px) or not (
            0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX
        ):
            raise InputError(
                f"A picture of {self.width_px} x {self.height_px} pixels cannot be made: "
                f"give whole numbers from 1 to {MAX_SIDE_PX}."
            )
        rotation = pose[:3, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-4) or np.linalg.det(rotation) < 0:
            raise InputError("camera_to_world is not a rotation and a translation: remove scale, shear and mirroring.")
        if not np.allclose(pose[3], (0, 0, 0, 1), atol=1e-6):
            raise InputError("camera_to_world's last row must be 0 0 0 1.")
        if not (self.fx_px > 0 and self.fy_px > 0):
            raise InputError("The camera's focal lengths must be above zero pixels.")
        pose.setflags(write=False)
        object.__setattr__(self, "camera_to_world", pose)
        object.__setattr__(self, "width_px", width)
        object.__setattr__(self, "height_px", height)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Camera) and self.to_dict() == other.to_dict()

    @property
    def position_m(self) -> np.ndarray:
        """The camera's centre in portrait space, [3]."""
        return self.camera_to_world[:3, 3]

    @property
    def fov_deg(self) -> float:
        """Vertical field of view in degrees."""
        return degrees(2.0 * atan(0.5 * self.height_px / self.fy_px))

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Origin [3] and directions [H, W, 3] through the pixels' centres; a direction's depth is one metre."""
        centres = np.meshgrid(np.arange(self.width_px) + 0.5, np.arange(self.height_px) + 0.5)
        return self.position_m, self.directions(np.stack(centres, axis=-1))

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points [..., 3] in portrait space to pixels [..., 2] and depth [...] in metres (negative behind)."""
        local = (np.asarray(points) - self.position_m) @ self.camera_to_world[:3, :3]
        depth = -local[..., 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        pixels = np.stack(
            [self.cx_px + self.fx_px * local[..., 0] / safe, self.cy_px - self.fy_px * local[..., 1] / safe], axis=-1
        )
        return pixels, depth

    def unproject(self, pixels: np.ndarray, depth: np.ndarray | float) -> np.ndarray:
        """The inverse of `project`: pixels [..., 2] and depth [...] in metres to points [..., 3] in portrait space."""
        return self.position_m + np.asarray(depth)[..., None] * self.directions(np.asarray(pixels))

    def directions(self, pixels: np.ndarray) -> np.ndarray:
        """Directions [..., 3] through pixels [..., 2]; a direction's depth is one metre."""
        x, y = (pixels[..., 0] - self.cx_px) / self.fx_px, (pixels[..., 1] - self.cy_px) / self.fy_px
        return np.asarray(np.stack([x, -y, -np.ones_like(x)], axis=-1) @ self.camera_to_world[:3, :3].T)

    def resized(self, width_px: int, height_px: int) -> "Camera":
        """The same view on another pixel grid: centred and scaled so that the whole old picture is inside."""
        scale = min(width_px / self.width_px, height_px / self.height_px)
        return replace(
            self,
            fx_px=self.fx_px * scale,
            fy_px=self.fy_px * scale,
            cx_px=(self.cx_px - 0.5 * self.width_px) * scale + 0.5 * width_px,
            cy_px=(self.cy_px - 0.5 * self.height_px) * scale + 0.5 * height_px,
            width_px=width_px,
            height_px=height_px,
        )

    def part(self, left_px: int, top_px: int, width_px: int, height_px: int) -> "Camera":
        """The camera of a window of this picture, which may reach beyond its border; a pixel keeps its ray."""
        cx_px, cy_px = self.cx_px - left_px, self.cy_px - top_px
        return replace(self, cx_px=cx_px, cy_px=cy_px, width_px=width_px, height_px=height_px)

    def cropped(self, crop_to_photo: np.ndarray, width_px: int, height_px: int) -> "Camera":
        """The camera of a turned square of this picture: the same place, rolled upright and zoomed.

        `crop_to_photo` [2, 3] maps the square's coordinates in [-1, 1]^2 (x right, y down) to this picture's pixels;
        the square fills the smaller side of the new picture. A turn of the picture is a roll about the optical axis,
        so this is exact wherever the principal point lies.
        """
        half_px = float(np.hypot(*crop_to_photo[:, 0]))
        cosine, sine = crop_to_photo[:, 0] / half_px  # of the square's turn in this picture, clockwise as seen
        factor = 0.5 * min(width_px, height_px) / half_px
        roll = np.eye(4)
        roll[:2, :2] = [[cosine, sine], [-sine, cosine]]  # picture y is down, camera y is up
        offset = np.array([self.cx_px, self.cy_px]) - crop_to_photo[:, 2]
        across, down = np.array([[cosine, sine], [-sine, cosine]]) @ offset * factor
        return Camera(
            self.camera_to_world @ roll,
            self.fx_px * factor,
            self.fy_px * factor,
            0.5 * width_px + across,
            0.5 * height_px + down,
            width_px,
            height_px,
        )

    def with_fov(self, fov_deg: float) -> "Camera":
        """The same place with another lens: `fov_deg` is the vertical field of view; see `check_fov`."""
        check_fov(fov_deg)
        factor = focal_px(fov_deg, self.height_px) / self.fy_px
        return replace(self, fx_px=self.fx_px * factor, fy_px=self.fy_px * factor)

    def orbited(self, yaw_deg: float, pitch_deg: float = 0.0) -> "Camera":
        """Turned about the portrait's origin: `yaw_deg` > 0 moves to the camera's right, `pitch_deg` > 0 up.

        The distance to the origin, the roll and the lens are kept.
        """
        if not (isfinite(yaw_deg) and isfinite(pitch_deg)):
            raise InputError(f"A turn by {yaw_deg} and {pitch_deg} degrees cannot be made: give finite numbers.")
        x, _, z = self.position_m
        azimuth = np.arctan2(x, z)
        turn = _rotation_y(azimuth + radians(yaw_deg)) @ _rotation_x(-radians(pitch_deg)) @ _rotation_y(-azimuth)
        pose = np.eye(4)
        pose[:3, :3] = turn @ self.camera_to_world[:3, :3]
        pose[:3, 3] = turn @ self.position_m
        return replace(self, camera_to_world=pose)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON."""
        return {
            "camera_to_world": self.camera_to_world.tolist(),
            "fx_px": float(self.fx_px),
            "fy_px": float(self.fy_px),
            "cx_px": float(self.cx_px),
            "cy_px": float(self.cy_px),
            "width_px": self.width_px,
            "height_px": self.height_px,
        }

    @staticmethod
    def from_dict(values: Any) -> "Camera":
        """The inverse of `to_dict`; raises InputError if a field is missing or no number."""
        names = ("camera_to_world", "fx_px", "fy_px", "cx_px", "cy_px", "width_px", "height_px")
        if not isinstance(values, dict):
            raise InputError(f"A camera is a JSON object with the fields {', '.join(names)}.")
        missing = [name for name in names if name not in values]
        if missing:
            raise InputError(f"The camera lacks {', '.join(missing)}: add the field{'s' * (len(missing) > 1)}.")
        try:
            pose = np.array(values["camera_to_world"], dtype=np.float64)
            fx, fy, cx, cy, width, height = (float(values[name]) for name in names[1:])
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"The camera has a field that is no number ({error}): correct it.") from error
        if not np.isfinite((width, height)).all():
            raise InputError("The camera has a value that is not a finite number: correct it.")
        return Camera(pose, fx, fy, cx, cy, width, height)  # type: ignore[arg-type]  # whole numbers checked inside


def check_fov(fov_deg: float) -> None:
    """Raises InputError for what is no pinhole camera's field of view: all but 0 to MAX_FOV_DEG degrees."""
    if not 0.0 < fov_deg < MAX_FOV_DEG:
        raise InputError(
            f"No lens has a field of view of {fov_deg} degrees: give more than 0 and less than {MAX_FOV_DEG:g}."
        )


def focal_px(fov_deg: float, extent_px: float) -> float:
    """Focal length in pixels of a lens that sees `fov_deg` degrees across `extent_px` pixels."""
    return 0.5 * extent_px / tan(0.5 * radians(fov_deg))


def look_at(
    position_m: Sequence[float],
    target_m: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    fov_deg: float = 20.0,
    width_px: int = 512,
    height_px: int = 512,
) -> Camera:
    """An upright camera at `position_m` whose principal ray passes through `target_m`; `fov_deg` is vertical."""
    position = np.asarray(position_m, dtype=np.float64)
    backward = position - np.asarray(target_m, dtype=np.float64)
    distance = np.linalg.norm(backward)
    if not distance > 0:
        raise InputError("The camera stands on the point it looks at: move one of them.")
    backward = backward / distance
    up = np.array([0.0, 1.0, 0.0]) if abs(backward[1]) < 0.999 else np.array([0.0, 0.0, -np.sign(backward[1])])
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(backward, right), backward], axis=1)
    pose[:3, 3] = position
    focal = focal_px(fov_deg, height_px)
    return Camera(pose, focal, focal, 0.5 * width_px, 0.5 * height_px, width_px, height_px)


def load_cameras(path: Path | str) -> list[Camera]:
    """The cameras of a JSON file: one object, or a list of at most MAX_CAMERAS (an animation)."""
    data = read_input(path, MAX_JSON_BYTES)
    cameras: list[Camera] = []
    try:
        for entry in _entries(data.decode(json.detect_encoding(data))):
            if len(cameras) == MAX_CAMERAS:
                raise InputError(f"An animation has at most {MAX_CAMERAS} cameras: split it into several files.")
            cameras.append(Camera.from_dict(entry))
    except InputError as error:
        raise InputError(f"{path}, camera {len(cameras) + 1}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON of cameras: write one camera object, or a list of them.") from error
    if not cameras:
        raise InputError(f"{path} holds no camera: give at least one.")
    return cameras


def save_cameras(path: Path | str, cameras: Sequence[Camera]) -> None:
    """Writes one camera as an object, several as a list, a line each."""
    lines = [json.dumps(camera.to_dict(), separators=(",", ":")) for camera in cameras]
    text = lines[0] if len(lines) == 1 else "[\n" + ",\n".join(lines) + "\n]"
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _entries(text: str) -> Iterator[Any]:
    """What the JSON in `text` is, or what its list holds, one after another.

    Only one is in memory at a time: a large file of anything but cameras is refused at the first that is none.
    Raises ValueError or RecursionError for what is not JSON, or longer than a camera can be.
    """
    decode = json.JSONDecoder().raw_decode
    place = _past_space(text, 0)
    is_list = text.startswith("[", place)
    place = _past_space(text, place + is_list)
    more = not (is_list and text.startswith("]", place))
    while more:
        entry, length = decode(text[place : place + _MAX_CAMERA_CHARACTERS])
        yield entry
        place = _past_space(text, place + length)
        more = is_list and text.startswith(",", place)
        place = _past_space(text, place + more)
    if text[place:].rstrip() != "]" * is_list:
        raise ValueError("no end")


def _past_space(text: str, place: int) -> int:
    found = re.compile(r"\S").search(text, place)
    return found.start() if found else len(text)


def _rotation_x(angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def _rotation_y(angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
