"""PLY: a portrait as Gaussian splats, in the layout of 3D Gaussian Splatting (Kerbl et al., SIGGRAPH 2023).

One flat disc a visible texel, tangent to its sheet. Coordinates are portrait space (metres, y up, z towards the
viewer): a splat file's world frame is free, so viewers that expect y down show the head upside down until turned.
Splat viewers blend sRGB values, not linear light, so soft hair looks slightly darker or lighter there than here.
"""

from pathlib import Path

import numpy as np
from plyfile import PlyData, PlyElement
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ..atomic import atomic_path
from ..errors import InputError
from ..manifolds import ANTIPODE, map_grid
from ..portrait import Portrait
from .provenance import DIGITAL_SOURCE_TYPE

MIN_CONTRIBUTION = 4.0 / 255.0
"""A texel is left out where less of it than this can be seen: its opacity times what lets it through."""

SIGMA_TEXELS = 0.7
"""Standard deviation of a splat over the texels' distance: an opaque sheet is at least 0.98 opaque everywhere."""

_SH_DC = 0.28209479177387814
_THICKNESS_M = 2e-5
_OBLIQUENESS = 1.2  # tan of the steepest ray off the radius, 50 degrees, under which hidden splats stay hidden
_REST = [f"f_rest_{i}" for i in range(45)]
_FIELDS = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *_REST, "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)


def export_ply(portrait: Portrait, path: Path | str) -> None:
    """Writes the portrait as a binary 3DGS .ply whole or not at all; 248 bytes a splat.

    Raises InputError for a portrait without any opacity or a path that cannot be written, ProcessingError if the disk
    gives out.
    """
    visible = visible_texels(portrait)
    if not visible.any():
        raise InputError("The portrait is empty, every sheet is transparent: reconstruct it again.")
    sheets = np.flatnonzero(visible.any(axis=(1, 2)))
    splats = np.concatenate([_splats(portrait, sheet, visible[sheet]) for sheet in sheets])
    comments = [portrait.provenance, DIGITAL_SOURCE_TYPE, "portrait space: metres, y up, z towards the viewer"]
    ply = PlyData([PlyElement.describe(splats, "vertex")], byte_order="<", comments=_one_line(comments))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        ply.write(file)


def visible_texels(portrait: Portrait) -> np.ndarray:
    """Which texels [S, V, U] have some opacity and are not hidden by the sheets outside them.

    What hides it is the least opaque of all that a ray up to 50 degrees off the radius could pass on its way in.
    """
    opacity = portrait.textures[..., 3]
    manifolds, size = portrait.manifolds, portrait.texture_size
    # Texels an oblique ray slips sideways per metre of offset, on the typical part of the head.
    texel_m = float(np.median(manifolds.total_radius_m())) * 2.0 * manifolds.half_extent / size
    slip = _OBLIQUENESS * float(np.median(manifolds.spread)) / texel_m
    visible = np.zeros(opacity.shape, bool)
    cover, reach = np.zeros((size, size), np.float32), 0.0
    for sheet in range(manifolds.sheets - 1, -1, -1):
        contribution = (1.0 - _eroded(cover, round(reach))) * (opacity[sheet] / np.float32(255.0))
        visible[sheet] = contribution >= MIN_CONTRIBUTION
        if sheet:
            # The cover shrinks on the way in; what is left of a texel is carried to the next sheet.
            gap = float(manifolds.offsets_m[sheet] - manifolds.offsets_m[sheet - 1]) * slip
            cover = 1.0 - (1.0 - _eroded(cover, int(reach))) * (1.0 - opacity[sheet] / np.float32(255.0))
            reach = reach - int(reach) + gap
    on_head = np.hypot(*np.moveaxis(map_grid(size, manifolds.half_extent), -1, 0)) < ANTIPODE
    return visible & on_head  # in the corners of a wide chart are no directions


def _splats(portrait: Portrait, sheet: int, visible: np.ndarray) -> np.ndarray:
    """One record of `_FIELDS` for each texel of the mask [V, U], which is not empty."""
    size, manifolds = portrait.texture_size, portrait.manifolds
    uv = map_grid(size, manifolds.half_extent)[visible]  # [N, 2]
    texel = 2.0 * manifolds.half_extent / size
    centre = manifolds.points(sheet, uv)
    across, up = (
        0.5 * (manifolds.points(sheet, uv + step) - manifolds.points(sheet, uv - step))
        for step in (np.array([texel, 0.0]), np.array([0.0, texel]))
    )  # metres a texel, [N, 3]
    # The disc's axes: principal axes of the ellipse that a circle of texels becomes on the sheet.
    uu, vv, uv_dot = ((a * b).sum(-1) for a, b in ((across, across), (up, up), (across, up)))
    angle = 0.5 * np.arctan2(2.0 * uv_dot, uu - vv)[:, None]
    major = np.cos(angle) * across + np.sin(angle) * up
    minor = np.cos(angle) * up - np.sin(angle) * across
    lengths = [np.maximum(np.linalg.norm(axis, axis=1), 1e-7) for axis in (major, minor)]
    rotation = np.stack([major / lengths[0][:, None], minor / lengths[1][:, None]], axis=-1)
    rotation = np.concatenate([rotation, np.cross(rotation[..., 0], rotation[..., 1])[..., None]], axis=-1)

    rgba = portrait.textures[sheet][visible] / 255.0
    opacity = overlap_opacity(rgba[:, 3])
    scales = np.log(
        np.stack([SIGMA_TEXELS * lengths[0], SIGMA_TEXELS * lengths[1], 0.0 * lengths[0] + _THICKNESS_M], 1)
    )
    columns = np.concatenate(
        [
            centre,
            rotation[..., 2],
            (rgba[:, :3] - 0.5) / _SH_DC,
            np.zeros((len(centre), len(_REST))),
            np.log(opacity / (1.0 - opacity))[:, None],
            scales,
            np.roll(Rotation.from_matrix(rotation).as_quat(), 1, axis=1),  # w first
        ],
        axis=1,
    ).astype("<f4")
    return columns.view([(name, "<f4") for name in _FIELDS])[:, 0]


def overlap_opacity(opacity: np.ndarray) -> np.ndarray:
    """Each splat's peak opacity so that the overlapping splats of an even sheet of `opacity` let as much through."""
    reach = np.arange(-3, 4)
    inside = (np.arange(8) + 0.5) / 8.0 - 0.5
    dx, dy, x, y = np.meshgrid(reach, reach, inside, inside, indexing="ij")
    gaussians = np.exp(-0.5 * ((x - dx) ** 2 + (y - dy) ** 2) / SIGMA_TEXELS**2)
    peaks = np.linspace(0.0, 1.0, 257)[:-1]
    sheet = [1.0 - np.prod(1.0 - peak * gaussians, axis=(0, 1)).mean() for peak in peaks]
    return np.clip(np.interp(opacity, sheet, peaks), 1e-4, 1.0 - 1e-3)


def _eroded(cover: np.ndarray, texels: int) -> np.ndarray:
    """The least cover within `texels` rows and columns; nothing covers beyond the border."""
    return np.asarray(ndimage.minimum_filter(cover, 2 * texels + 1, mode="constant"))


def _one_line(comments: list[str]) -> list[str]:
    # PLY comments are ASCII lines.
    return [" ".join(comment.split()).encode("ascii", "replace").decode() for comment in comments]
