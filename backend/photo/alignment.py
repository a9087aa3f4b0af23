"""From face landmarks to the crop that the networks see, and the camera that took it.

The crop is FFHQ's (Karras et al., CVPR 2019, arXiv 1812.04948), 1.35 times as wide. It is held as `crop_to_photo`, a
2x3 affine map from crop coordinates in [-1, 1]^2 (x right, y down) to photo pixels. The camera comes from fitting a
rigid landmark template in portrait space to the points. Training data and inference both come through here.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from ..camera import Camera, check_fov, focal_px
from ..conventions import CROP_SCALE, FFHQ_FOV_DEG
from ..errors import InputError
from .landmarks import POINTS

EYE_RIGHT = (33, 160, 158, 133, 153, 144)
EYE_LEFT = (362, 385, 387, 263, 373, 380)
MOUTH_RIGHT, MOUTH_LEFT = 61, 291
"""The landmarks that place the crop: contours of both eyes and corners of the mouth (the person's right and left)."""


STEPS = 12
"""Of Gauss-Newton, for one pose."""


@dataclass(frozen=True)
class LandmarkTemplate:
    """The mean face's landmarks in portrait space, and how far each is to be trusted for the pose."""

    points_m: np.ndarray  # [478, 3]
    weights: np.ndarray  # [478], 0..1; low on the contour and around the mouth, which move

    def __post_init__(self) -> None:
        if self.points_m.shape != (POINTS, 3) or self.weights.shape != (POINTS,):
            raise InputError("The landmark template needs 478 points and weights: make it again.")

    @staticmethod
    def load(path: Path | str) -> "LandmarkTemplate":
        """Reads the file that `portrait-manifolds train template` writes; raises InputError if it is no such file."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            values = load_file(path)
            return LandmarkTemplate(values["landmarks_m"], values["landmark_weights"])
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(f"{path} is no landmark template ({error}): make it with train template.") from error


@dataclass(frozen=True)
class Alignment:
    """Where the face is in a photograph, and the photograph's camera in portrait space."""

    crop_to_photo: np.ndarray  # [2, 3]
    camera: Camera  # of the whole photograph, on its own pixel grid
    residual_px: float  # weighted RMS distance of the fitted template from the landmarks, photo pixels
    landmarks_px: np.ndarray  # [478, 2], photo pixels

    def crop_camera(self, size_px: int) -> Camera:
        """The camera of the aligned crop at `size_px` x `size_px`: the same place, turned and zoomed."""
        return self.camera.cropped(self.crop_to_photo, size_px, size_px)

    def crop_landmarks(self, size_px: int) -> np.ndarray:
        """The landmarks [478, 2] in pixels of the aligned crop at `size_px` x `size_px`."""
        return (invert_crop(self.crop_to_photo, self.landmarks_px) + 1.0) * (0.5 * size_px)


def align(
    points_px: np.ndarray,
    photo_size_px: tuple[int, int],
    template: LandmarkTemplate,
    *,
    fov_deg: float | None = None,
) -> Alignment:
    """Landmarks [478, 2] of a photo of (width, height) to its crop and camera.

    `fov_deg` is the photograph's vertical field of view if it is known (the principal point is then the photo's
    centre); else 12 degrees across the FFHQ crop are taken, around the crop's centre. Raises InputError where the
    points do not make a face.
    """
    crop = crop_from_landmarks(points_px)
    width_px, height_px = photo_size_px
    if fov_deg is None:
        focal = focal_px(FFHQ_FOV_DEG, 2.0 * crop_half_size_px(crop) / CROP_SCALE)
        centre = crop[:, 2]
    else:
        check_fov(fov_deg)
        focal = focal_px(fov_deg, height_px)
        centre = np.array([0.5 * width_px, 0.5 * height_px])
    flat = Camera(np.eye(4), focal, focal, float(centre[0]), float(centre[1]), width_px, height_px)
    camera, residual_px = fit_pose(points_px, flat, template)
    return Alignment(crop, camera, residual_px, points_px)


def crop_from_landmarks(points_px: np.ndarray, scale: float = CROP_SCALE) -> np.ndarray:
    """Landmarks [478, 2] in pixels to `crop_to_photo` [2, 3]; `scale` 1 gives FFHQ's own crop.

    Raises InputError where the eyes and the mouth fall together or are not finite.
    """
    right, left = points_px[list(EYE_RIGHT)].mean(0), points_px[list(EYE_LEFT)].mean(0)
    eyes = 0.5 * (right + left)
    eye_to_eye = left - right
    eye_to_mouth = 0.5 * (points_px[MOUTH_RIGHT] + points_px[MOUTH_LEFT]) - eyes
    axis = eye_to_eye - np.array([-eye_to_mouth[1], eye_to_mouth[0]])
    length = np.linalg.norm(axis)
    half_px = scale * max(2.0 * np.linalg.norm(eye_to_eye), 1.8 * np.linalg.norm(eye_to_mouth))
    if not (np.isfinite(half_px) and length > 1e-6 and half_px > 1.0):
        raise InputError("The landmarks do not make a face: use a photo with a face of at least 20 pixels.")
    x, y = axis / length * half_px
    centre = eyes + 0.1 * eye_to_mouth
    return np.array([[x, -y, centre[0]], [y, x, centre[1]]])


def crop_half_size_px(crop_to_photo: np.ndarray) -> float:
    """Half the crop's side in photo pixels."""
    return float(np.hypot(*crop_to_photo[:, 0]))


def apply_crop(crop_to_photo: np.ndarray, coordinates: np.ndarray) -> np.ndarray:
    """Crop coordinates [..., 2] to photo pixels [..., 2]."""
    return coordinates @ crop_to_photo[:, :2].T + crop_to_photo[:, 2]


def invert_crop(crop_to_photo: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Photo pixels [..., 2] to crop coordinates [..., 2]."""
    return (points_px - crop_to_photo[:, 2]) @ np.linalg.inv(crop_to_photo[:, :2]).T


def sample_crop(photo: np.ndarray, crop_to_photo: np.ndarray, size_px: int, border: str = "edge") -> np.ndarray:
    """The crop of `photo` [H, W, C] uint8 at `size_px` x `size_px`, [size, size, C] uint8, antialiased.

    Outside the photo: its nearest border pixels (`border` "edge"), or zeros ("zero").
    """
    photo, crop_to_photo = _around(photo, crop_to_photo, size_px)
    coarser = int(crop_half_size_px(crop_to_photo) / size_px)
    if coarser > 1:  # means of whole pixels, to twice the size asked for: cheap, and the low-pass below does the rest
        planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(photo, -1, 0)]
        photo = np.stack([np.asarray(plane.reduce(coarser)) for plane in planes], -1)
        crop_to_photo = crop_to_photo / coarser
    half_px = crop_half_size_px(crop_to_photo)
    # Pillow's transforms interpolate without a low-pass: shrink first where the crop has more pixels than asked for.
    shrink = max(1.0, 2.0 * half_px / size_px)
    if border == "edge":
        margin = int(np.ceil(_overhang_px(photo, crop_to_photo)))
        photo = np.pad(photo, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    else:
        margin = 0
    height, width = photo.shape[:2]
    small = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    to_small = np.array([small[0] / width, small[1] / height])
    linear = crop_to_photo[:, :2] * (2.0 / size_px)
    offset = crop_to_photo[:, 2] + margin - crop_to_photo[:, :2] @ np.ones(2)
    affine = np.concatenate([linear, offset[:, None]], axis=1) * to_small[:, None]
    channels = []
    for channel in range(photo.shape[2]):
        picture = Image.fromarray(photo[..., channel].astype(np.float32))  # Pillow would truncate bytes
        if shrink > 1.0:
            picture = picture.resize(small, Image.Resampling.BOX if shrink < 1.5 else Image.Resampling.LANCZOS)
        warped = picture.transform(
            (size_px, size_px), Image.Transform.AFFINE, tuple(affine.ravel()), Image.Resampling.BICUBIC
        )
        channels.append(np.asarray(warped))
    return np.clip(np.stack(channels, axis=-1) + 0.5, 0, 255).astype(np.uint8)


def inside_photo(photo: np.ndarray, crop_to_photo: np.ndarray, size_px: int) -> np.ndarray:
    """Where a crop at `size_px` x `size_px` shows the photo [H, W, C], and nothing beyond its border: [size, size]
    bool."""
    everywhere = np.broadcast_to(np.uint8(255), (*photo.shape[:2], 1))  # in no memory, however large the photo
    return sample_crop(everywhere, crop_to_photo, size_px, "zero")[..., 0] > 250


def fit_pose(points_px: np.ndarray, flat: Camera, template: LandmarkTemplate) -> tuple[Camera, float]:
    """Rigid pose of the template under the landmarks [478, 2], by robust Gauss-Newton on the reprojection.

    `flat` gives the intrinsics. Returns the camera in portrait space and the weighted RMS residual in pixels.
    """
    points, weights = template.points_m, template.weights
    rotation, translation = _initial_pose(points_px, flat, template)
    for _ in range(STEPS):
        predicted, jacobian = _linearised(points @ rotation.T + translation, translation, flat)
        error = predicted - points_px
        distance = np.linalg.norm(error, axis=1)
        scale = max(1.5 * float(np.median(distance)), 1e-3)
        robust = weights / (1.0 + (distance / scale) ** 2)  # Cauchy
        rows = jacobian.reshape(-1, 6)
        weighted = rows * np.repeat(robust, 2)[:, None]
        normal = rows.T @ weighted
        normal += 1e-6 * np.diag(np.diag(normal))
        step = np.linalg.solve(normal, -weighted.T @ error.ravel())
        rotation = Rotation.from_rotvec(step[:3]).as_matrix() @ rotation
        translation = translation + step[3:]
    if not (np.isfinite(rotation).all() and np.isfinite(translation).all() and translation[2] < 0):
        raise InputError("The landmarks do not make a face: use a photo with a face of at least 20 pixels.")
    pose = np.eye(4)
    pose[:3, :3] = rotation.T
    pose[:3, 3] = -rotation.T @ translation
    camera = replace(flat, camera_to_world=pose)
    squared = ((camera.project(points)[0] - points_px) ** 2).sum(1)
    return camera, float(np.sqrt((weights * squared).sum() / weights.sum()))


def _linearised(points_m: np.ndarray, translation_m: np.ndarray, flat: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 2] of points [N, 3] in a camera's axes, and their derivatives by a pose [N, 2, 6].

    The first three are by a turn in radians about the camera's axes, around where `translation_m` [3] has the points'
    origin; the others by a movement in metres.
    """
    depth = np.maximum(-points_m[:, 2], 1e-6)
    x, y = points_m[:, 0] / depth, points_m[:, 1] / depth
    pixels = np.stack([flat.cx_px + flat.fx_px * x, flat.cy_px - flat.fy_px * y], axis=-1)
    by_point = np.zeros((len(points_m), 2, 3))
    by_point[:, 0, 0], by_point[:, 0, 2] = flat.fx_px / depth, flat.fx_px * x / depth
    by_point[:, 1, 1], by_point[:, 1, 2] = -flat.fy_px / depth, -flat.fy_px * y / depth
    by_turn = np.cross((points_m - translation_m)[:, None], by_point)
    return pixels, np.concatenate([by_turn, by_point], -1)


def _initial_pose(points_px: np.ndarray, flat: Camera, template: LandmarkTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [3, 3] and translation [3]: upright in the crop's roll, as far away as the face's size asks for."""
    crop = crop_from_landmarks(points_px)
    angle = np.arctan2(crop[1, 0], crop[0, 0])
    rotation = Rotation.from_rotvec([0.0, 0.0, -angle]).as_matrix()
    spread_px = np.sqrt((np.ptp(points_px, axis=0) ** 2).sum())
    spread_m = np.sqrt((np.ptp(template.points_m[:, :2], axis=0) ** 2).sum())
    distance = flat.fx_px * spread_m / spread_px
    middle_px, middle_m = points_px.mean(0), rotation @ template.points_m.mean(0)
    x = (middle_px[0] - flat.cx_px) / flat.fx_px * distance
    y = -(middle_px[1] - flat.cy_px) / flat.fy_px * distance
    return rotation, np.array([x, y, -distance]) - middle_m


def _corners(crop_to_photo: np.ndarray) -> np.ndarray:
    """The crop's corners in photo pixels, [4, 2]."""
    return apply_crop(crop_to_photo, np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float64))


def _around(photo: np.ndarray, crop_to_photo: np.ndarray, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """What of a photo [H, W, C] the crop and its low-pass touch, and the crop in it: a large photo costs no more."""
    corners = _corners(crop_to_photo)
    margin = 8.0 + 4.0 * 2.0 * crop_half_size_px(crop_to_photo) / size_px
    size = np.array([photo.shape[1], photo.shape[0]])
    left, top = np.clip(np.floor(corners.min(0) - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0) + margin), [left + 1, top + 1], size).astype(int)
    return photo[top:bottom, left:right], crop_to_photo - [[0, 0, left], [0, 0, top]]


def _overhang_px(photo: np.ndarray, crop_to_photo: np.ndarray) -> float:
    """How far the crop reaches outside the photo, in pixels, and a margin for interpolation."""
    corners, size = _corners(crop_to_photo), np.array([photo.shape[1], photo.shape[0]])
    return float(np.clip(np.max([-corners, corners - size]), 0.0, 4.0 * size.max())) + 3.0
