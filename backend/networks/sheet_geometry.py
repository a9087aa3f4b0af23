"""The sheets that the networks paint on: their points in space, and their pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ...cuda_ops.render_manifolds import render_manifolds, render_opacity
from ..camera import Camera
from .chart_maps import texel_directions
from .kept import ChartMap, kept
from .resampling import resampled

RADIUS_SIZE = 128
"""Side of the maps of radius and spread."""

SMALLEST_RADIUS_M = 0.02
"""The innermost sheet stays this far from the head's centre."""


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
