"""Cameras as tensors: where they see points, and the points that they see."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ...cuda_ops.tensor_calls import sent
from ..camera import Camera


@dataclass(frozen=True)
class CameraBatch:
    """Pinhole cameras of square pictures, in picture sides: no pixels."""

    world_to_camera: Tensor  # [B, 3, 4], OpenGL axes
    focal: Tensor  # [B, 2], fx / width, fy / height
    centre: Tensor  # [B, 2], cx / width, cy / height

    @staticmethod
    def of(cameras: list[Camera], device: torch.device | str = "cpu") -> "CameraBatch":
        """A batch of the backend's cameras."""
        lenses = [
            (c.fx_px / c.width_px, c.fy_px / c.height_px, c.cx_px / c.width_px, c.cy_px / c.height_px) for c in cameras
        ]
        rows = [(*np.linalg.inv(c.camera_to_world)[:3], lens) for c, lens in zip(cameras, lenses, strict=True)]
        numbers = sent(np.array(rows), device, torch.float32)  # in one copy
        return CameraBatch(*(x.contiguous() for x in (numbers[:, :3], numbers[:, 3, :2], numbers[:, 3, 2:])))

    def project(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points [B, S, V, U, 3] to picture coordinates in -1..1 (right, down) [..., 2] and depth [...] in metres."""
        rotation, translation = self.world_to_camera[:, :, :3], self.world_to_camera[:, :, 3]
        lens = self._lens()
        matrix, shift = rotation.transpose(1, 2) @ lens, translation[:, None] @ lens
        projected = torch.baddbmm(shift, points.flatten(1, -2), matrix)  # [B, N, 3]
        depth = projected[..., 2]
        picture = projected[..., :2] / depth.clamp_min(1e-3)[..., None]
        shape = points.shape[:-1]
        return picture.reshape(*shape, 2), depth.reshape(shape)

    def _lens(self) -> Tensor:
        """[B, 3, 3]: a point in the camera's axes times it is (right x depth, down x depth, depth)."""
        zero, one = torch.zeros_like(self.focal[:, 0]), torch.ones_like(self.focal[:, 0])
        (fx, fy), (cx, cy) = (2.0 * self.focal).unbind(1), (2.0 * self.centre - 1.0).unbind(1)
        rows = ((fx, zero, zero), (zero, -fy, zero), (-cx, -cy, -one))
        return torch.stack([torch.stack(row, -1) for row in rows], 1)

    def position(self) -> Tensor:
        """Where the cameras are, [B, 3] in metres."""
        rotation, translation = self.world_to_camera[:, :, :3], self.world_to_camera[:, :, 3]
        return -torch.einsum("bji,bj->bi", rotation, translation)

    def depth_of_origin(self) -> Tensor:
        """Depth of the head's centre, [B]."""
        return -self.world_to_camera[:, 2, 3]


def points_at(camera: Camera, depth_m: Tensor) -> Tensor:
    """Points [H, W, 3] that a camera sees through its pixels' centres at a depth [H, W], metres."""
    return points_through(pinhole(camera, depth_m.device), depth_m)


def pinhole(camera: Camera, device: torch.device | str) -> Tensor:
    """A camera's pose in the world and, below it, cx, cy, fx and fy in pixels: [5, 4] float64."""
    lens = (camera.cx_px, camera.cy_px, camera.fx_px, camera.fy_px)
    return sent(np.vstack([camera.camera_to_world, lens]), device)


@recorded
def points_through(pinhole: Tensor, depth_m: Tensor) -> Tensor:
    """As `points_at`, of what `pinhole` says of the camera."""
    device, double = depth_m.device, torch.float64
    pose, (cx, cy, fx, fy) = pinhole[:4], pinhole[4].unbind()
    row, column = (torch.arange(n, device=device, dtype=double) + 0.5 for n in depth_m.shape)
    x, y = (column - cx) / fx, (row - cy) / fy
    y, x = torch.meshgrid(y, x, indexing="ij")
    rays = torch.stack([x, -y, -torch.ones_like(x)], -1) @ pose[:3, :3].T  # their depth is one metre
    return pose[:3, 3].to(depth_m) + rays.to(depth_m) * depth_m[..., None]
