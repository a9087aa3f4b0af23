"""One portrait's sheets, as the networks painted them and as the steps after them lay them."""

from dataclasses import dataclass, replace

from torch import Tensor

from ..manifolds import Manifolds
from .sheet_geometry import SheetGeometry


@dataclass(frozen=True)
class PaintedSheets:
    """Sheets and what is on them; T texels a side, of opacity twice as many at the most."""

    opacity: Tensor  # [S, T, T] or [S, 2 T, 2 T], 0..1
    confidence: Tensor  # [S, T, T], 0..1: share of the photo's own colour where the photo shows the texel
    painted: Tensor  # [S, 3, T, T], sRGB-encoded
    displacement_m: Tensor  # [D, D]
    radius_m: Tensor  # [G, G], r + delta
    matte: Tensor  # [H, W], 0..1: where the photo shows the person
    geometry: SheetGeometry

    def manifolds(self) -> Manifolds:
        """The sheets' geometry as a portrait keeps it."""
        geometry = self.geometry
        tensors = (geometry.radius_m, geometry.spread, self.displacement_m, geometry.offsets_m)
        radius_m, spread, displacement_m, offsets_m = (tensor.cpu().numpy() for tensor in tensors)
        return Manifolds(radius_m, spread, displacement_m, offsets_m, geometry.half_extent)

    def moved_to(self, radius_m: Tensor) -> "PaintedSheets":
        """With the surface [G, G] elsewhere, and the sheets about it."""
        there = self.geometry.radius_m + radius_m - self.radius_m
        return replace(self, geometry=replace(self.geometry, radius_m=there), radius_m=radius_m)
