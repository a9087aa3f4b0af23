"""From the network's painting to textures of any size, with colour from the original photograph.

The network sees 256 pixels; the photograph may have many more. Opacity, confidence and the network's own colour are
smooth and are enlarged; the photograph's colour and matte are looked up anew for every texel that is not empty.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.paint_texels import Paint, paint_texels
from ...cuda_ops.recorded import recorded
from ...cuda_ops.texels import Stack
from ..camera import Camera
from ..conventions import SEEN_MARGIN_M, SEEN_SOFTNESS_M
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import beside_face
from ..networks.painted_sheets import PaintedSheets
from ..networks.resampling import resampled
from ..networks.sheet_geometry import SheetGeometry
from ..networks.visibility import shown, surface_turned_to
from ..photo.input_view import WIDER, InputView
from ..photo.masks import greatest_around
from ..ramps import ramp
from ..shape.neck import without_tabs
from .beard import hidden_beard
from .hidden_hair import hair_shade
from .hidden_scalp import hidden_parts, scalp_colours, with_hairline, with_scalp
from .jaw_shadow import jaw_shadow
from .seen_surface import Seen
from .side_of_face import Sides
from .skin_grain import skin_shade
from .solidity import solid_opacity

EMPTY_OPACITY = 0.02
"""Opacity that training leaves in the air; taken off, so that empty tiles are empty."""

FACE_OPACITY = (0.25, 0.85)
"""On the face less than the first is empty, too, and more than the second solid: from beside, sheets before the skin
that are hardly opaque are a second edge, and what lies on several is blurred."""

SURFACE_PX = 384
"""The portrait's own surface is drawn this large to find out what the photograph shows."""

BESIDE_SHARE = 0.02
"""The innermost sheet may go on beside the person by this share of the picture's side."""

CLEAN_OPACITY = 0.5
"""Above this the estimated colour of the foreground is fully believed."""


@torch.inference_mode()
def paint_textures(
    painting: PaintedSheets,
    view: InputView,
    innermost: Tensor,
    ears: Tensor,
    farthest_m: Tensor,
    sides: Sides,
) -> Tensor:
    """Textures [S, T, T, 4] uint8 of a portrait and its photograph.

    `innermost` [3, T, T] is `neck_colours`', `ears` [G, G] are `with_ears`', and `farthest_m` [O, O], as large as the
    opacity, is `with_neck`'s; `sides` are `with_sides`'.
    """
    texture_size = innermost.shape[-1]
    device = painting.opacity.device
    geometry = painting.geometry
    photo = view.on(device)
    matte, wanted = photo.opacity, photo.opacity * photo.inside
    opacity = solid_opacity(geometry, _firm_opacity(painting), painting.radius_m, view.camera, wanted)
    opacity = without_tabs(geometry, painting.radius_m, opacity, ears, farthest_m)
    camera = CameraBatch.of([view.camera], device)
    opacity[0] *= _near_person(geometry, painting.displacement_m[None], camera, matte, opacity.shape[-1])
    turned = surface_turned_to(geometry, painting.displacement_m[None], camera, texture_size)[0] * sides.believed
    surface_m = _surface_depth(geometry, opacity, painting.radius_m, view)
    seen = Seen.of(geometry, painting.displacement_m[None], camera, photo, turned, surface_m)
    painted, innermost, shade = _continued(painting.painted, innermost, seen, sides, geometry.half_extent)
    paint = Paint(
        opacity if opacity.shape[-1] <= texture_size else _reduced(opacity, texture_size),
        painted,
        innermost,
        painting.confidence,
        shade,
        turned,
        torch.cat([photo.rgb, matte[..., None]], -1),
        surface_m,
        WIDER,
        CLEAN_OPACITY,
        SEEN_MARGIN_M,
        SEEN_SOFTNESS_M,
        uncut=1,
    )
    return paint_texels(stack_before(view.camera, geometry, painting.radius_m, texture_size), paint)


def _firm_opacity(painting: PaintedSheets) -> Tensor:
    """Opacity [S, O, O] without its mist."""
    opacity = painting.opacity
    beside = painting.geometry.kept(beside_face, opacity.shape[-1], opacity)
    return torch.lerp(ramp(opacity, FACE_OPACITY), ramp(opacity, (EMPTY_OPACITY, 1.0)), beside)


@recorded
def _continued(
    painted: Tensor, innermost: Tensor, seen: Seen, sides: Sides, half_extent: float
) -> tuple[Tensor, Tensor, Tensor]:
    """What is painted [S, 3, C, C], and on the innermost sheet [3, T, T], where the photograph hides the scalp, too;
    and factors [T, T] on the brightness of what it does not show."""
    size = painted.shape[-1]
    coarse, burns = seen.reduced(size), resampled(sides.sideburns, size)
    scalp = scalp_colours(coarse, burns, half_extent)
    hair = hair_shade(seen, coarse, scalp, hidden_parts(sides.sideburns, half_extent), half_extent)
    beard = hidden_beard(seen, coarse, half_extent)
    shade = hair * skin_shade(seen, sides.believed, half_extent) * jaw_shadow(coarse, len(hair), half_extent)
    shade = shade * beard.shade(seen.known, half_extent)
    painted = with_scalp(beard.painted(painted), scalp, coarse.known, hidden_parts(burns, half_extent))
    return painted, with_hairline(innermost, scalp, half_extent), shade


def stack_before(camera: Camera, geometry: SheetGeometry, radius_m: Tensor, texture_size: int) -> Stack:
    """The texels of sheets of radius [G, G] before a camera."""
    radius, spread = (resampled(x, texture_size) for x in (radius_m, geometry.spread))
    return Stack(radius, spread, geometry.offsets_m, geometry.half_extent, camera)


def _near_person(
    geometry: SheetGeometry, displacement_m: Tensor, camera: CameraBatch, matte: Tensor, size: int
) -> Tensor:
    """Where the innermost sheet's texels [size, size] are seen on the person or right beside, 0..1.

    It is the neck's, as wide as the silhouette, and a shell: an edge that is cut would open it from the side.
    """
    projected, _ = camera.project(geometry.points(displacement_m, size, geometry.offsets_m[:1]))
    near = greatest_around(matte, round(BESIDE_SHARE * matte.shape[-1]))[None, None]
    return F.grid_sample(near, projected[:, 0], "bilinear", "zeros", False)[0, 0]


def _surface_depth(geometry: SheetGeometry, opacity: Tensor, radius_m: Tensor, view: InputView) -> Tensor:
    """Depth [P, P] of what the photograph shows, farthest where that is nothing."""
    camera = view.camera.resized(SURFACE_PX, SURFACE_PX)
    alpha, depth_m = geometry.render_opacity(opacity, radius_m, camera)
    return shown(alpha[None, None], depth_m[None, None]).depth_m[0, 0]


def _reduced(maps: Tensor, size: int) -> Tensor:
    """[C, T, T] to [C, size, size]."""
    return F.interpolate(maps[None], (size, size), mode="bilinear", align_corners=False, antialias=True)[0]
