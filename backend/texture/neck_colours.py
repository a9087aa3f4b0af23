"""The colours around a neck: the photograph's, those of a collar, too, as fine as textures are.

The column is steep: as coarse as what the networks paint, a collar that is no more than four texels high was a smear.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...cuda_ops.recorded import recorded
from ...cuda_ops.tensor_calls import sent
from ..camera import Camera
from ..networks.cameras import CameraBatch
from ..networks.chart_maps import rows_below
from ..networks.painted_sheets import PaintedSheets
from ..networks.push_pull import push_pull
from ..networks.resampling import resampled, smoothed
from ..networks.sheet_geometry import SheetGeometry
from ..photo.masks import least_around
from ..ramps import ramp
from ..shape.neck import BEGINS_DEG, behind_ears, neck_share
from ..shape.neck_column import AXIS_M, Silhouette, at_heights

INSET_M = (0.006, 0.01)
"""Beside and behind, colours are those so far within and below the silhouette's edges, as collars stand a little higher
behind than where those edges show them."""

EDGE_DEG = (50.0, 90.0)
"""Azimuths between which that comes to hold."""

LEAST_SIZE = 1024
"""Colours are looked up for so many texels along a side of the chart at least, and averaged: seen from the side texels
are high and narrow, and one look for each gave a collar's edge teeth."""

PICTURE_PX = 512
"""Side at which the picture is looked up: a power of two, as `push_pull` wants."""

PX_AN_EDGE_PX = 192
"""Colours are not believed within a pixel of the person's edge for each so many pixels of the picture's side."""

SOFT_SHARE = 0.015
"""Hair that hangs behind the neck has them averaged over so much of the picture's side: what is seen between strands
beside the neck would go around it in stripes."""

COARSER = 4
"""For that so many pixels are one, in rows and columns: it is sooner done."""


def neck_colours(painting: PaintedSheets, silhouette: Silhouette, camera: Camera, picture: Tensor, size: int) -> Tensor:
    """Colours [3, size, size] of the innermost sheet of a portrait, sRGB-encoded: what is painted on it
    where it is not the neck's.

    `picture` [4, H, H] is what the camera sees, 0..1, and the person's opacity; what is not surely the person's is left
    out. In front the neck has its colours; beside and behind those of the silhouette's edges, a little lower.
    """
    device, geometry = picture.device, painting.geometry
    arrays = silhouette.axes(), np.column_stack([AXIS_M, silhouette.ends_m])
    axes, edges = (sent(x, device, torch.float32) for x in arrays)
    views = CameraBatch.of([camera], device)
    hair = silhouette.hair() * geometry.kept(behind_ears, max(size, LEAST_SIZE), picture)
    surely = (least_around(picture[3:], picture.shape[-1] // PX_AN_EDGE_PX) > 0.9).float()
    picture = torch.cat([picture[:3] * surely, surely])
    picture = F.interpolate(picture[None], 2 * (PICTURE_PX,), mode="bilinear", align_corners=False, antialias=True)
    colours = _around(geometry, painting.displacement_m[None], axes, edges, views, picture, hair)
    painted = resampled(painting.painted[0], size)
    return torch.lerp(painted, F.adaptive_avg_pool2d(colours, size), geometry.kept(neck_share, size, painted))


@recorded
def _around(
    geometry: SheetGeometry,
    displacement_m: Tensor,  # [1, D, D]
    axes: Tensor,  # [3, 3], the silhouette's
    edges: Tensor,  # [len(ROWS_M), 3], the column's axis and the silhouette's ends
    camera: CameraBatch,
    picture: Tensor,  # [1, 4, PICTURE_PX, PICTURE_PX], the last how surely it is the person's, which the rest is by
    hair: Tensor,  # [T, T], how far what hangs there is hair
) -> Tensor:
    """Colours [3, T, T], zero above where necks begin."""
    size = len(hair)
    rows = rows_below(size, BEGINS_DEG[0], geometry.half_extent)
    points = geometry.points(displacement_m, size, geometry.offsets_m[:1], rows)[0, 0]  # [V, size, 3]
    beside, height, before = points @ axes[0], points[..., 1], points @ axes[2]
    axis, left, right = at_heights(edges, height).unbind(-1)
    edge = torch.where(beside < 0.0, left + INSET_M[0], right - INSET_M[0])
    at_edge = torch.stack([edge, height - INSET_M[1], axis], -1) @ axes
    share = ramp(torch.atan2(beside.abs(), before).rad2deg(), EDGE_DEG)[..., None]
    projected, _ = camera.project(torch.lerp(points, at_edge, share)[None, None])
    rgb, surely = picture.split((3, 1), 1)
    clean = push_pull(rgb / surely.clamp_min(1e-4), surely)
    coarse = F.avg_pool2d(clean, COARSER)[0]
    coarse = smoothed(coarse, SOFT_SHARE * PICTURE_PX / COARSER)[None]
    colours, soft = (F.grid_sample(x, projected[0], "bilinear", "border", False)[0] for x in (clean, coarse))
    return F.pad(torch.lerp(colours, soft, hair[rows]), (0, 0, rows.start, 0))
