"""A body, laid as a solid on sheets that lean.

Seen from the head's centre a chest is nearly edge-on and a shoulder's upper side faces inwards: sheets around that
centre cut both into far steps, which part like combs from beside, and cannot hold a shoulder behind the centre at all.
So below the jaw sheets are laid anew, along planes that face forward, down and outward, and more of them. What lies on
them is the body that the photograph shows, as a relief some centimetres thick: within what is promised no view looks
between two of its steps. The innermost sheet stays the neck's.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import texel_directions
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled
from ..photo.input_view import InputView
from ..ramps import ramp
from .body_surface import PersonSurface
from .leaning_sheets import camera_facing, laid, lean_level, leaning, lower, sheet_levels
from .surface_following import looked_up, offset_before, sheet_level

WIDEST_GAP_M = 0.0045
"""Between offsets that lie farther apart another sheet is laid, which is clear on the head."""

FRONT_M = (-0.002, 0.004)
"""Depths behind the surface between which the body becomes opaque."""

END_M = 0.01
"""It clears within so much after its thickness."""

SUDDEN = 2.0
"""It replaces what was there within half of the degrees in which sheets begin to lean."""


@dataclass(frozen=True)
class Relaid:
    """Sheets that lay otherwise before. Everything is of the chart's `lower` rows alone."""

    now: PaintedSheets  # of which the sheets alone count
    before: PaintedSheets
    ears: Tensor  # [G, G], 0..1: where they stand off

    @property
    def old(self) -> Tensor:
        """Which of the sheets [S] there were before."""
        return (self.now.geometry.offsets_m[:, None] == self.before.geometry.offsets_m).any(1)

    def lower(self, size: int) -> slice:
        """`lower` of this chart."""
        return lower(size, self.now.geometry.half_extent)

    def offset_before(self, size: int) -> Tensor:
        """Where texels [S, V, U] lay, as an offset."""
        now, before = ((painting.radius_m, painting.geometry.spread) for painting in (self.now, self.before))
        return offset_before(now, before, self.now.geometry.offsets_m, size, self.lower(size))

    def again(self, stack: Tensor) -> Tensor:
        """What a stack [S, C, T, T] held, where the sheets lie now; above the lower rows new ones are zero."""
        size, offsets, before = stack.shape[-1], self.now.geometry.offsets_m, self.before.geometry.offsets_m
        level = sheet_level(self.offset_before(size), before)
        level[0], level[1:] = 0.0, level[1:].clamp_min(1.0)  # the innermost is the neck's alone
        moved = stack.new_zeros(len(level), *stack.shape[1:])
        moved[torch.searchsorted(offsets, before)] = stack
        moved[..., self.lower(size), :] = looked_up(stack[..., self.lower(size), :], level)
        return moved

    def seen(self, camera: CameraBatch, size: int, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Depth [S, V, U] of texels before a camera, and maps [C, P, P] of its picture there."""
        points = self.now.geometry.points(self.now.displacement_m[None], size, rows=self.lower(size))
        projected, depth = camera.project(points)
        sampled = F.grid_sample(maps[None], projected.flatten(1, 2), "bilinear", "border", False)[0]
        return depth[0], sampled.unflatten(1, depth.shape[1:3])

    def share(self, size: int) -> Tensor:
        """How far texels [V, U] are the body's."""
        low = self.now.geometry.kept(leaning, len(self.ears), self.ears)
        low = resampled((SUDDEN * low).clamp(max=1.0) * (1.0 - self.ears), size)
        return low[self.lower(size)]


def with_body(painting: PaintedSheets, view: InputView, ears: Tensor) -> PaintedSheets:
    """A portrait with more sheets, laid for the body; as it was where the photograph shows no body. Where `ears` [G, G]
    are, which hang as low as bodies begin, what was there stays."""
    geometry, size = painting.geometry, painting.radius_m.shape[-1]
    surface = PersonSurface.of(painting, view)
    facing = camera_facing(view.camera)
    levels = sheet_levels(surface, facing, size, geometry.half_extent)
    if levels is None:
        return painting
    per_metre = lean_level(geometry.kept(texel_directions, size, painting.radius_m), facing)
    offsets = geometry.offsets_m
    between = 0.5 * (offsets[1:] + offsets[:-1])[offsets.diff() > WIDEST_GAP_M]
    offsets = torch.cat([offsets, between]).sort().values
    camera = CameraBatch.of([view.camera], offsets.device)
    return _with_levels(painting, surface, ears, camera, offsets, *(level / per_metre for level in levels))


@recorded
def _with_levels(
    painting: PaintedSheets,
    surface: PersonSurface,
    ears: Tensor,
    camera: CameraBatch,
    offsets_m: Tensor,
    inner_m: Tensor,
    outer_m: Tensor,
) -> PaintedSheets:
    """Of the camera of the surface, and sheets at these offsets that begin and end at such radii [G, G] or farther."""
    now = laid(painting, offsets_m, inner_m, outer_m)
    relaid = Relaid(now, painting, ears)
    stack = relaid.again(torch.cat([painting.confidence[:, None], painting.painted], 1))
    confidence, painted = stack.split((1, 3), 1)
    rows, share = relaid.lower(stack.shape[-1]), relaid.share(stack.shape[-1])
    _, colours = relaid.seen(camera, stack.shape[-1], surface.rgb)
    painted[1:, :, rows] = torch.lerp(painted[1:, :, rows], colours.transpose(0, 1)[1:], share)
    confidence[1:, :, rows] = torch.maximum(confidence[1:, :, rows], share)
    opacity = _opacity(relaid, surface, camera)
    return replace(now, opacity=opacity, confidence=confidence[:, 0], painted=painted)


def _opacity(relaid: Relaid, surface: PersonSurface, camera: CameraBatch) -> Tensor:
    """Opacity [S, T, T] from what it was: the body's in place of it below the jaw."""
    opacity = relaid.again(relaid.before.opacity[:, None])[:, 0]
    size = opacity.shape[-1]
    rows, share = relaid.lower(size), relaid.share(size)
    maps = torch.stack([surface.depth_m, surface.thick_m, surface.matte])
    depth, (front, thick, matte) = relaid.seen(camera, size, maps)
    behind = depth - front
    body = ramp(behind, FRONT_M) * (1.0 - ramp(behind - thick, (0.0, END_M)))
    body = body * (2.0 * matte).clamp(max=1.0)  # textures are cut by the matte itself afterwards
    there = relaid.offset_before(size) <= relaid.before.geometry.offsets_m[-1]
    head = opacity[:, rows] * there * (relaid.old[:, None, None] | (share > 0.0))
    opacity[1:, rows] = torch.lerp(head, body, share)[1:]
    return opacity
