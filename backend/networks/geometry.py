"""The sheets that the networks paint on, as tensors: points in space, and where a camera sees them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ...cuda_ops.render_manifolds import render_manifolds, render_opacity
from ...cuda_ops.tensor_calls import sent
from ..camera import Camera
from ..conventions import CHART_HALF_EXTENT, DISPLACEMENT_SIZE
from ..manifolds import chart_to_direction, map_grid
from ..ramps import Edges, ramp

ChartMap = Callable[[int, float], Tensor]
"""Makes a map of so many texels a side over a chart of that half extent."""

RADIUS_SIZE = 128
"""Side of the maps of radius and spread."""

SMALLEST_RADIUS_M = 0.02
"""The innermost sheet stays this far from the head's centre."""

CALM_DEG, CALM_TEXELS = (-35.0, -55.0), 2.5
"""Between these elevations sheets begin to be smoothed, by a Gaussian of so many texels of the displacement. A chest
lies nearly along the directions from the head: a sheet that followed it would have too few texels for a tie."""

FACE_CENTRE, FACE_HALF, ON_FACE = (0.0, -0.12), (0.95, 0.85), 0.75
"""The ellipse in the chart that the mean face fills, and the share of it that is face whoever's it is."""


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


@dataclass(frozen=True)
class SheetGeometry:
    """Mean radius, spread and offsets of sheets over a chart."""

    radius_m: Tensor  # [G, G]
    spread: Tensor  # [G, G]
    offsets_m: Tensor  # [S]
    half_extent: float  # of the chart

    def mean_radius(self, size: int) -> Tensor:
        """The mean radius resampled to [size, size]."""
        return resampled(self.radius_m, size)

    def smallest_radius(self, size: int) -> Tensor:
        """The least r + delta [size, size] that keeps the innermost sheet before the head's centre."""
        return SMALLEST_RADIUS_M - self.offsets_m[0] * resampled(self.spread, size)

    def total_radius(self, displacement_m: Tensor) -> Tensor:
        """r + delta [..., G, G] at the resolution of r, for the renderer; displacement [..., D, D]."""
        return self.radius_m + resampled(displacement_m, RADIUS_SIZE)

    def kept(self, made: ChartMap, size: int, like: Tensor) -> Tensor:
        """`kept` of this chart."""
        return kept(made, size, like, self.half_extent)

    def points(
        self, displacement_m: Tensor, size: int, offsets_m: Tensor | None = None, rows: slice = slice(None)
    ) -> Tensor:
        """Points [B, S, V, size, 3] of the sheets' texels, of these of their `size` rows."""
        offsets = self.offsets_m if offsets_m is None else offsets_m
        radius = resampled(self.total_radius(displacement_m), size)[:, rows]
        sheets = radius[:, None] + offsets[:, None, None] * resampled(self.spread, size)[rows]
        return sheets[..., None] * self.kept(texel_directions, size, radius)[rows]

    def render(
        self, textures: Tensor, radius_m: Tensor, camera: Camera | Sequence[Camera], *, mip_levels: int | None = None
    ) -> Tensor:
        """One portrait's sheets [S, T, T, 4] and radius [G, G] seen by one camera or several, see render_manifolds."""
        maps = (radius_m, self.spread, self.offsets_m, camera)
        return render_manifolds(textures, *maps, half_extent=self.half_extent, mip_levels=mip_levels)

    def render_opacity(self, opacity: Tensor, radius_m: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
        """Opacity and depth of one portrait's sheets [S, T, T] and radius [G, G], see render_opacity."""
        return render_opacity(opacity, radius_m, self.spread, self.offsets_m, camera, self.half_extent)


def resampled(maps: Tensor, size: int) -> Tensor:
    """Maps [..., G, G] over the chart to [..., size, size], bilinear between texel centres."""
    if maps.shape[-1] == size:
        return maps
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    return F.interpolate(flat, (size, size), mode="bilinear", align_corners=False).reshape(*maps.shape[:-2], size, size)


def kept(made: ChartMap, size: int, like: Tensor, half_extent: float) -> Tensor:
    """The chart map that `made` makes of a size, on the device and of the type of another tensor; copied there once."""
    return _kept(made, size, half_extent, like.device, like.dtype)


@cache
def _kept(made: ChartMap, size: int, half_extent: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # training may need it
        return made(size, half_extent).to(device, dtype)


def lasting(values: np.ndarray) -> Tensor:
    """Numbers as a float32 tensor that may be kept: training may need what was made for inference."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.float32)


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers [N] float32 on a device, copied there once."""
    with torch.inference_mode(False):  # training may need it
        return torch.tensor(values, device=device)


@cache
def texel_directions(size: int, half_extent: float) -> Tensor:
    """Unit directions [size, size, 3] of a chart map's texels."""
    return lasting(chart_to_direction(map_grid(size, half_extent)))


def calmed(log_radius: Tensor) -> Tensor:
    """Logarithms of radii [B, D, D] over the networks' own chart, smooth below the jaw."""
    size = log_radius.shape[-1]
    low = kept(low_down, size, log_radius, CHART_HALF_EXTENT)
    return torch.lerp(log_radius, smoothed(log_radius, CALM_TEXELS * size / DISPLACEMENT_SIZE), low)


def smoothed(maps: Tensor, texels: float) -> Tensor:
    """Maps [B, D, D] under a Gaussian of that standard deviation."""
    reach = min(int(3.0 * texels), maps.shape[-1] - 1)
    x = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (x / texels) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(maps[:, None], (reach, reach, reach, reach), "replicate")
    return F.conv2d(F.conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None])[:, 0]


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


def chart_grid(points: Tensor, half_extent: float) -> Tensor:
    """Where points [..., 3] lie in a chart map, as grid_sample has it: -1..1, right and down, [..., 2]."""
    directions = points / points.norm(dim=-1, keepdim=True)
    squared = 2.0 / (1.0 + directions[..., 2:]).clamp_min(1e-9)
    scale = squared.double().sqrt().to(points)  # torch's root of floats is not right to the last bit, numpy's is
    u, v = (scale * directions[..., :2]).unbind(-1)
    return torch.stack([u, -v], -1) / half_extent


@cache
def low_down(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 0 above the jaw, 1 where the chest is."""
    return lasting(ramp(chart_angles_deg(size, half_extent)[1], CALM_DEG))


@cache
def beside_face(size: int, half_extent: float) -> Tensor:
    """Chart map [size, size]: 0 on the face, 1 outside its ellipse."""
    return lasting(ramp(face_distance(map_grid(size, half_extent)), (ON_FACE, 1.0)))


def face_distance(chart: np.ndarray) -> np.ndarray:
    """Of chart coordinates [..., 2] from the mean face's middle, 1 on its ellipse; below ON_FACE it is face alone."""
    return np.linalg.norm((chart - FACE_CENTRE) / FACE_HALF, axis=-1)


@cache
def chart_angles_deg(size: int, half_extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth from the front, 0 to 180 to either side, and elevation of a chart map's texels, [size, size] each."""
    x, y, z = chart_to_direction(map_grid(size, half_extent)).transpose(2, 0, 1)
    return np.degrees(np.arctan2(np.abs(x), z)), np.degrees(np.arcsin(np.clip(y, -1.0, 1.0)))


@cache
def from_front_deg(size: int, half_extent: float) -> np.ndarray:
    """How far from the front a chart map's texels lie, 0 to 180, [size, size]."""
    return np.degrees(np.arccos(texel_directions(size, half_extent)[..., 2].numpy()))


@cache
def rows_below(size: int, elevation_deg: float, half_extent: float) -> slice:
    """The rows of a chart map [size, size] in which what begins below an elevation shows; coarser maps are
    interpolated."""
    rows = (chart_angles_deg(size, half_extent)[1] < elevation_deg).any(1)
    return slice(max(int(rows.argmax()) - size // 64, 0), size)


def region(
    size: int, half_extent: float, azimuth_deg: tuple[Edges, ...] = (), elevation_deg: tuple[Edges, ...] = ()
) -> np.ndarray:
    """Chart map [size, size], 0..1: the product of these ramps of `chart_angles_deg`."""
    angles = zip(chart_angles_deg(size, half_extent), (azimuth_deg, elevation_deg), strict=True)
    return np.prod([ramp(values, edges) for values, ramps in angles for edges in ramps], axis=0)
