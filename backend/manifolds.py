"""The radiance manifolds: level sets of one scalar field, star-shaped around the head's centre.

For a point x with distance rho = |x| and direction d = x / rho, the field is

    f(x) = (rho - r(d) - delta(d)) / w(d)

with a radius r (the mean head's, and what is laid after the networks), the networks' displacement delta (both metres)
and a spread w (1 on the head, wider where the shoulders are). Sheet i is the level set f = o_i, the radius
r + delta + o_i w; offsets o_i ascend from inside the skull to outside the hair. r, delta and w are maps over the chart,
bilinear between texel centres; delta is first resampled (bilinear) to the resolution of r.

How often a ray meets a sheet. Let L be the largest log-slope |grad_d radius| / radius of a sheet, and psi the angle
between the ray and the inward radial direction. Along a ray psi only grows, and the field falls where tan(psi) < 1 / L
and rises where tan(pi - psi) < 1 / L. So a ray enters a sheet at most once at psi < atan(1 / L); steeper than that it
may pass a bump, an ear's rim, and enter again behind it. All renderers here count every entry, front to back, as a mesh
of the sheets would be drawn, and ignore exits.

Radial fields of heads: Deng et al., CVPR 2023 (arXiv 2211.13901) use a learned field; this one is explicit.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from .checked import Checked
from .conventions import CHART_HALF_EXTENT
from .errors import InputError

MAX_SHEETS = 64
"""As many as the compiled renderer's tiles have bits."""

MAX_MAP_SIZE = 1024
"""Side of the maps of radius, spread and displacement."""

DEEPEST_M, FARTHEST_M = 0.03, 0.06
"""How far below and above the mean skin sheets are spread evenly in the root of their distance to it."""

ANTIPODE = 2.0
"""Distance in the chart from +z to -z."""


@dataclass(frozen=True, eq=False)
class Manifolds(Checked):
    """The geometry of a portrait's sheets; arrays are float32 and read-only, maps in the chart.

    Raises InputError where a map is not square and finite or over 1024 wide, offsets do not ascend, the spread is not
    positive, a sheet's radius is not between 5 mm and 10 m, or the chart goes beyond the antipode.
    """

    radius_m: np.ndarray  # [G, G], r
    spread: np.ndarray  # [G, G], w
    displacement_m: np.ndarray  # [D, D], delta
    offsets_m: np.ndarray  # [S], o_i, ascending: innermost sheet first
    half_extent: float  # of the chart

    def __post_init__(self) -> None:
        for name in ("radius_m", "spread", "displacement_m", "offsets_m"):
            values = read_only(np.asarray(getattr(self, name), dtype=np.float32))
            object.__setattr__(self, name, values)
            if not np.isfinite(values).all():
                raise InputError(f"The portrait's {name} has values that are not finite: reconstruct it again.")
            if name != "offsets_m" and (values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] < 2):
                raise InputError(f"The portrait's {name} has shape {values.shape}: a map over the chart is square.")
            if values.size > MAX_MAP_SIZE**2:
                raise InputError(f"The portrait's {name} is over {MAX_MAP_SIZE} wide: give a smaller map.")
        if self.spread.shape != self.radius_m.shape:
            raise InputError("The portrait's spread and radius differ in size: give both the same.")
        offsets = self.offsets_m
        if offsets.ndim != 1 or not 1 <= offsets.size <= MAX_SHEETS or not (np.diff(offsets) > 0).all():
            raise InputError(f"The portrait's offsets must be 1 to {MAX_SHEETS} ascending numbers.")
        if not (self.spread > 0).all():
            raise InputError("The portrait's spread must be positive.")
        if not 0.0 < self.half_extent <= ANTIPODE:
            raise InputError(f"The portrait's chart reaches {self.half_extent}: it must be above 0 and at most 2.")
        with np.errstate(all="ignore"):
            inner, outer = (self.total_radius_m() + self.spread * o for o in (offsets[0], offsets[-1]))
        if not (inner.min() >= 0.005 and outer.max() <= 10.0):  # nor NaN, where huge values cancel
            raise InputError("The portrait's sheets must lie between 5 mm and 10 m from its centre.")

    @property
    def sheets(self) -> int:
        """Number of sheets S."""
        return int(self.offsets_m.size)

    def total_radius_m(self) -> np.ndarray:
        """r + delta at the resolution of r, [G, G]."""
        return self.radius_m + resample_map(self.displacement_m, self.radius_m.shape[0])

    def points(self, sheet: int, uv: np.ndarray) -> np.ndarray:
        """Points [..., 3] of sheet `sheet` (metres) at chart coordinates `uv` [..., 2]."""
        radius, spread = (sample_map(x, uv, self.half_extent) for x in (self.total_radius_m(), self.spread))
        return (radius + self.offsets_m[sheet] * spread)[..., None] * chart_to_direction(uv)


def read_only(values: np.ndarray) -> np.ndarray:
    """The array in one piece, or a view of it if it is, that cannot be written into; what is given stays as it is."""
    values = np.ascontiguousarray(values).view()
    values.setflags(write=False)
    return values


def default_offsets_m(sheets: int) -> np.ndarray:
    """`sheets` ascending offsets, densest around the mean skin (offset 0), float32 [S]."""
    if sheets == 1:
        return np.zeros(1, np.float32)
    start, end = -np.sqrt(DEEPEST_M), np.sqrt(FARTHEST_M)
    steps = np.linspace(start, end, sheets)
    return (np.sign(steps) * steps**2 + 0.02 * steps).astype(np.float32)


def direction_to_chart(directions: np.ndarray) -> np.ndarray:
    """Unit directions [..., 3] to chart coordinates [..., 2] (Lambert azimuthal equal-area about +z)."""
    beside, forward = directions[..., :2], directions[..., 2:]
    behind = (beside**2).sum(-1, keepdims=True) / (1.0 + np.abs(forward))  # 1 + d_z, with all its digits
    scale = np.sqrt(2.0 / np.maximum(np.where(forward < 0.0, behind, 1.0 + forward), 1e-18))
    return scale * beside


def chart_to_direction(uv: np.ndarray) -> np.ndarray:
    """Chart coordinates [..., 2] to unit directions [..., 3]; beyond the antipode's circle (|uv| = 2) clamped to it."""
    squared = np.minimum((uv**2).sum(-1, keepdims=True), 4.0)
    norm = np.sqrt(np.maximum((uv**2).sum(-1, keepdims=True), 4.0)) / 2.0
    return np.concatenate([uv / norm * np.sqrt(1.0 - 0.25 * squared), 1.0 - 0.5 * squared], axis=-1)


def map_coordinates(size: int, half_extent: float) -> np.ndarray:
    """u of the texel centres of a chart map's columns, [size]; v of its rows is the same, reversed."""
    return ((np.arange(size) + 0.5) * (2.0 / size) - 1.0) * half_extent


def map_grid(size: int, half_extent: float = CHART_HALF_EXTENT) -> np.ndarray:
    """Chart coordinates [size, size, 2] of the texel centres of a chart map, first row at the top (v > 0); by default
    of the networks' own chart."""
    coordinates = map_coordinates(size, half_extent)
    u, v = np.meshgrid(coordinates, coordinates[::-1])
    return np.stack([u, v], axis=-1)


def sample_map(values: np.ndarray, uv: np.ndarray, half_extent: float) -> np.ndarray:
    """Bilinear lookup of a chart map [G, G] at chart coordinates [..., 2], clamped at its border; [...]."""
    size = values.shape[0]
    x = (uv[..., 0] / half_extent + 1.0) * (0.5 * size) - 0.5
    y = (1.0 - uv[..., 1] / half_extent) * (0.5 * size) - 0.5
    x, y = np.clip(x, 0.0, size - 1.0), np.clip(y, 0.0, size - 1.0)
    left, top = np.minimum(x.astype(int), size - 2), np.minimum(y.astype(int), size - 2)
    x, y = x - left, y - top
    upper = values[top, left] * (1.0 - x) + values[top, left + 1] * x
    lower = values[top + 1, left] * (1.0 - x) + values[top + 1, left + 1] * x
    return upper * (1.0 - y) + lower * y


def resample_map(values: np.ndarray, size: int) -> np.ndarray:
    """A chart map [D, D] bilinearly resampled to [size, size], float32."""
    if values.shape[0] == size:
        return values.astype(np.float32)
    shares = _shares(values.shape[0], size)
    return (shares @ values @ shares.T).astype(np.float32)


@cache
def _shares(size: int, wanted: int) -> np.ndarray:
    """What each of `size` samples in a row counts for each of the `wanted` that it is resampled to, [wanted, size]."""
    places = (np.arange(wanted) + 0.5) * (size / wanted) - 0.5
    return np.stack([np.interp(places, np.arange(size), one) for one in np.eye(size)], axis=-1)
