"""Sheets made whole: where the photograph shows the person and the portrait is seen through, sheets close; and where
holes are seen from beside.

Only sheets beside the surface that is drawn there, or smoothly continued from its neighbourhood, become
more opaque: nothing is put into the air before or behind it.
"""

import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from .camera import Camera
from .conventions import CHART_HALF_EXTENT
from .manifolds import direction_to_chart
from .networks.geometry import CameraBatch, resampled, texel_directions
from .networks.inversion import Inversion
from .networks.visibility import push_pull
from .surface_following import sheet_level

VIEW_PX = 384
ROUNDS, OVERDONE = 2, 2.0
"""What is missing is closed by so much more, since no texel takes all of it: two rounds do what three did."""

SIDES_DEG, RIM_PX = (-30.0, 30.0), 2
"""Turns from which holes are looked for, once each; silhouettes' rims are no holes."""

LEAST_MISSING = 1e-3
"""What lacks less than this share of opacity is whole."""

NEAR_SHEETS = 2.0
"""A sheet counts as beside the surface up to this many sheets away."""

NEAR_M, SOFTNESS_M = 0.020, 0.004
"""And not farther behind it than this: a ray leaves the head through the same sheets."""


def solid_opacity(network: Inversion, opacity: Tensor, radius_m: Tensor, camera: Camera, wanted: Tensor) -> Tensor:
    """Opacity [S, T, T] raised until `camera` sees at least `wanted` [H, W], and until no holes are seen from beside.

    radius_m [G, G]; `wanted` is zero where nothing is known. All 0..1.
    """
    wanted = F.interpolate(wanted[None, None], (VIEW_PX, VIEW_PX), mode="area")
    # A little more than the matte: textures are cut by it afterwards, at its own resolution.
    wanted = F.max_pool2d(wanted, 5, 1, 2)[0, 0]
    camera = camera.resized(VIEW_PX, VIEW_PX)
    geometry, size = network.geometry, opacity.shape[-1]
    radius = resampled(radius_m, size) + geometry.offsets_m[:, None, None] * resampled(geometry.spread, size)
    points = radius[..., None] * texel_directions(size).to(radius)  # [S, T, T, 3]
    textures = torch.cat([opacity.new_zeros(*opacity.shape, 3), opacity[..., None]], -1)
    for turn_deg, rounds in ((0.0, ROUNDS), *((side_deg, 1) for side_deg in SIDES_DEG)):
        look = _Look(network, radius_m, points, camera.orbited(turn_deg))
        for _ in range(rounds):
            alpha, depth_m = look.draw(textures)
            look.close(textures, alpha, depth_m, _filled(alpha) if turn_deg else wanted)
    return textures[..., 3].contiguous()


class _Look:
    """Sheets seen by a camera, and closed where more of them should be seen."""

    def __init__(self, network: Inversion, radius_m: Tensor, points: Tensor, camera: Camera) -> None:
        """`points` [S, T, T, 3] are where the texels lie."""
        self.network, self.radius_m, self.camera = network, radius_m, camera
        projected, depth = CameraBatch.of([camera], points.device).project(points[None])
        self.projected, self.texel_depth = projected.flatten(0, -2), depth.flatten()  # [S T T, 2], -1..1; [S T T]

    def draw(self, textures: Tensor) -> tuple[Tensor, Tensor]:
        """Opacity, and depth where there is any, of textures [S, T, T, 4], [H, W] each."""
        drawn = self.network.render(textures, self.radius_m, self.camera, mip_levels=1)
        return drawn[..., 3].clamp(0.0, 1.0), drawn[..., 4] / drawn[..., 3].clamp_min(1e-4)

    def close(self, textures: Tensor, alpha: Tensor, depth_m: Tensor, wanted: Tensor) -> None:
        """One round, on the opacity of `textures`, drawn as `alpha` and `depth_m` where `wanted` should be, [H, W]."""
        lacking = ((wanted - alpha) / (1.0 - alpha).clamp_min(0.02)).clamp(0.0, 1.0)
        missing = F.grid_sample(OVERDONE * lacking[None, None], self.projected[None, None], "bilinear", "zeros", False)
        missing = missing.flatten().clamp_max(1.0)
        texel = (missing > LEAST_MISSING).nonzero()[:, 0]
        known = (alpha > 0.5).float()[None, None]
        depth = push_pull(depth_m[None, None] * known, known)  # [1, 1, H, W]
        level = _sheet_level(self.network, self.radius_m, self.camera, depth[0, 0])
        places = self.projected.index_select(0, texel)[None, None]
        maps = torch.cat([depth, level[None, None]], 1)
        surface, surface_level = F.grid_sample(maps, places, "bilinear", "border", False)[0, :, 0]
        sheet = texel // textures.shape[1] ** 2
        beside = (NEAR_SHEETS - (sheet - surface_level).abs()).clamp(0.0, 1.0)
        before = torch.sigmoid((surface + NEAR_M - self.texel_depth.index_select(0, texel)) / SOFTNESS_M)
        closed = missing.index_select(0, texel) * beside * before
        opacity = textures.view(-1, 4)[:, 3]
        opacity[texel] = 1.0 - (1.0 - opacity[texel]) * (1.0 - closed)


def _filled(alpha: Tensor) -> Tensor:
    """A picture's silhouette [H, W] without holes, but for its rim."""
    filled = ndimage.binary_erosion(ndimage.binary_fill_holes((alpha > 0.5).cpu().numpy()), iterations=RIM_PX)
    return torch.from_numpy(filled).to(alpha)


def _sheet_level(network: Inversion, radius_m: Tensor, camera: Camera, depth_m: Tensor) -> Tensor:
    """Which sheet, as a fraction between two, passes through each pixel's point at `depth_m` [H, W]."""
    geometry = network.geometry
    origin, directions = (torch.tensor(x, dtype=torch.float32, device=depth_m.device) for x in camera.rays())
    points = origin + directions * depth_m[..., None]
    distance = points.norm(dim=-1)
    uv = torch.from_numpy(direction_to_chart((points / distance[..., None]).cpu().numpy())).to(depth_m)
    grid = torch.stack([uv[..., 0], -uv[..., 1]], -1) / CHART_HALF_EXTENT
    maps = torch.stack([radius_m, geometry.spread])[None]
    radius, spread = F.grid_sample(maps, grid[None], "bilinear", "border", False)[0]
    return sheet_level((distance - radius) / spread, geometry.offsets_m)
