"""Hair styles: locks grown from the scalp, or the wardrobe's meshes under strand textures with locks over them."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from .. import conventions
from .assets import Garment, vertex_normals
from .growth import HAIR, Groom, Roots, grow, scatter_roots
from .pieces import Piece
from .scalp import Scalp

GROWN_STYLES = (
    "crop",
    "side_part",
    "slick_back",
    "messy",
    "curly",
    "afro",
    "fringe",
    "mid",
    "long",
    "receding",
    "ring",
    "stubble",
    "bald",
)
"""Styles that are grown; the wardrobe's are named by their file."""

GROWN_SHARES = np.array([1.2, 1.5, 0.8, 1.0, 1.0, 0.5, 0.9, 1.2, 1.4, 0.8, 0.6, 0.5, 0.4])

HIDES_EYE = ("bob01", "bob02", "braid01", "short03")
"""Wardrobe styles whose fringe falls over an eye: drawn rarely, as in life."""

WHORL = np.array(conventions.WHORL)


@dataclass(frozen=True)
class Hair:
    """A style on the neutral head, and how much the scalp under it is tinted."""

    pieces: list[Piece]
    scalp_depth_deg: np.ndarray  # [V], > 0 where the scalp is covered
    scalp_density: float  # 0..1


@dataclass(frozen=True)
class HairShell:
    """A wardrobe style with what its strand textures need."""

    garment: Garment  # see `make_shell`

    @cached_property
    def normals(self) -> np.ndarray:
        """Outward normals, [N, 3]."""
        vertices = self.garment.vertices_m
        outward = vertices / np.maximum(np.linalg.norm(vertices, axis=1, keepdims=True), 1e-6)
        normals = vertex_normals(vertices, _welded(vertices, self.garment.triangles))[_twin(vertices)]
        normals = normals * np.where((normals * outward).sum(1, keepdims=True) < 0, -1.0, 1.0)
        mixed = normals + 0.5 * outward
        return (mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-6)).astype(np.float32)

    @cached_property
    def hem_m(self) -> np.ndarray:
        """Distance along the mesh to the nearest open edge that hangs (lower than its strip's middle), [N]."""
        vertices, triangles = self.garment.vertices_m, self.garment.triangles
        triangles = _welded(vertices, triangles)
        edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
        unique, counts = np.unique(edges, axis=0, return_counts=True)
        rim = np.unique(unique[counts == 1])
        length = np.linalg.norm(vertices[unique[:, 0]] - vertices[unique[:, 1]], axis=1)
        graph = coo_matrix((length, tuple(unique.T)), shape=(len(vertices),) * 2).tocsr()
        flow = self.flow[rim]
        centre = dijkstra(graph, directed=False, indices=rim, min_only=True, limit=0.5)
        # The hem is where strands point out of the mesh: few vertices farther along the flow are near.
        tree = cKDTree(vertices)
        ahead = tree.query(vertices[rim] + 0.012 * flow, k=1)[0]
        hem = rim[ahead > 0.0075]
        if len(hem) == 0:
            return np.where(np.isfinite(centre), centre, 0.5)[_twin(vertices)]
        distance = dijkstra(graph, directed=False, indices=hem, min_only=True, limit=0.5)
        distance = np.where(np.isfinite(distance), distance, 0.5)
        return distance[_twin(vertices)]

    @cached_property
    def flow(self) -> np.ndarray:
        """Direction of the strands, away from the whorl and down, [N, 3]."""
        vertices = self.garment.vertices_m
        outward = vertices / np.maximum(np.linalg.norm(vertices, axis=1, keepdims=True), 1e-6)
        away = -WHORL + np.array([0.0, -0.6, 0.0])
        away = away - outward * (outward @ away)[:, None]
        return away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)

    @cached_property
    def across(self) -> np.ndarray:
        """Texture coordinate across the strands: the azimuth around the whorl's axis, in turns, [N]."""
        turns = whorl_turns(self.garment.vertices_m)
        high = turns[self.garment.triangles].max(1)
        wrapped = np.unique(self.garment.triangles[(high - turns[self.garment.triangles].min(1)) > 0.5])
        return turns + np.isin(np.arange(len(turns)), wrapped) * (turns < 0)


def whorl_turns(points_m: np.ndarray) -> np.ndarray:
    """Azimuth of points [N, 3] around the whorl's axis in turns, 0 in front, the jump behind, [N]."""
    right = np.cross(WHORL, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    front = np.cross(right, WHORL)
    return np.arctan2(points_m @ right, points_m @ front) / (2 * np.pi)


def make_shell(garment: Garment) -> HairShell:
    """A wardrobe style cut open where the azimuth jumps: triangles across the jump get vertices of their own."""
    turns = whorl_turns(garment.vertices_m)
    crossing = np.ptp(turns[garment.triangles], axis=1) > 0.5
    own, index = np.unique(garment.triangles[crossing], return_inverse=True)
    triangles = garment.triangles.copy()
    triangles[crossing] = len(turns) + index.reshape(-1, 3)
    faces = triangles[:, [0, 1, 2, 2]].astype(np.int32)
    return HairShell(Garment(garment.name, np.concatenate([garment.vertices_m, garment.vertices_m[own]]), faces))


def sample_hair(
    rng: np.random.Generator, style: str, scalp: Scalp, shell: HairShell | None, colour: np.ndarray
) -> Hair:
    """A style of that name in a linear colour [3]; `shell` is its wardrobe mesh, or None for a grown one."""
    if shell is not None:
        return _wardrobe_hair(rng, style, scalp, shell, colour)
    if style == "bald":
        return Hair([], scalp.inside_hairline(), rng.uniform(0.0, 0.12))
    if style == "stubble":
        return Hair([], scalp.inside_hairline(rng.uniform(0, 15)), rng.uniform(0.45, 0.85))
    return _grown_hair(rng, style, scalp, colour)


def _grown_hair(rng: np.random.Generator, style: str, scalp: Scalp, colour: np.ndarray) -> Hair:
    """The grown styles: one table of numbers each, with wide spreads."""
    recession = {"receding": rng.uniform(15, 35)}.get(style, max(0.0, rng.normal() * 6.0))
    crown = rng.uniform(48, 66) if style == "ring" else 0.0
    lift_line = 14.0 if style == "receding" else rng.normal() * 2.5
    depth = scalp.inside_hairline(recession, lift_line, crown)
    long = style in ("mid", "long")
    count = {"crop": 1300, "curly": 1300, "afro": 1500, "long": 1400, "mid": 1400, "ring": 800}.get(style, 1150)
    roots = scatter_roots(rng, scalp, depth, count, at_top=2.5 if long or style == "side_part" else 0.8)
    top = np.clip((roots.elevation_deg - 25.0) / 30.0, 0, 1)
    x, _, z = roots.points_m.T
    side = float(rng.choice([-1.0, 1.0]))
    part = side * rng.uniform(0.0, 0.045)
    lengths = {  # top and sides, metres
        "crop": (rng.uniform(0.02, 0.035), rng.uniform(0.006, 0.018)),
        "side_part": (rng.uniform(0.06, 0.10), rng.uniform(0.015, 0.035)),
        "slick_back": (rng.uniform(0.07, 0.12), rng.uniform(0.02, 0.05)),
        "messy": (rng.uniform(0.045, 0.09), rng.uniform(0.02, 0.05)),
        "curly": (rng.uniform(0.06, 0.14), rng.uniform(0.04, 0.14)),
        "afro": (rng.uniform(0.04, 0.11), rng.uniform(0.03, 0.1)),
        "fringe": (rng.uniform(0.09, 0.12), rng.uniform(0.04, 0.16)),
        "mid": (rng.uniform(0.18, 0.24), rng.uniform(0.10, 0.2)),
        "long": (rng.uniform(0.33, 0.5), rng.uniform(0.25, 0.45)),
        "receding": (rng.uniform(0.03, 0.07), rng.uniform(0.012, 0.03)),
        "ring": (0.03, rng.uniform(0.012, 0.04)),
    }[style]
    asymmetry = 1.0 + rng.normal() * 0.10 * np.sign(x - part)
    length = (lengths[1] + (lengths[0] - lengths[1]) * top) * asymmetry * np.exp(rng.normal(size=len(x)) * 0.13)
    radial = roots.points_m / np.linalg.norm(roots.points_m, axis=1, keepdims=True) - WHORL
    away_from_part = np.stack([np.tanh((x - part) / 0.006), np.full_like(x, -0.15), np.zeros_like(x)], 1)
    back = np.stack([0.25 * np.sign(x) * (np.abs(x) / 0.08), -0.25 * np.ones_like(x), -np.ones_like(x)], 1)
    forward = np.stack([0.2 * side * np.ones_like(x), -0.3 * np.ones_like(x), np.ones_like(x)], 1)
    down = np.stack([np.zeros_like(x), -np.ones_like(x), -0.25 * np.ones_like(x)], 1)
    comb = {
        "crop": radial * 1.5 + 0.5 * forward,
        "side_part": away_from_part * np.array([1.0, 1.0, 1.0]) - np.array([0, 0, 0.45]),
        "slick_back": back,
        "messy": radial + rng.normal(size=(len(x), 3)) * 0.5,
        "curly": radial + rng.normal(size=(len(x), 3)) * 0.7,
        "afro": radial + rng.normal(size=(len(x), 3)) * 1.0,
        "fringe": np.where((z > 0.0)[:, None] & (top > 0.3)[:, None], forward, radial),
        "mid": away_from_part - np.array([0, 0, 0.25]),
        "long": away_from_part - np.array([0, 0, 0.25]),
        "receding": back * 0.6 + away_from_part * 0.6,
        "ring": down,
    }[style]
    flow = comb * top[:, None] + down * (1.0 - top[:, None])
    flow = flow / np.maximum(np.linalg.norm(flow, axis=1, keepdims=True), 1e-6)
    volume = float(np.exp(rng.normal() * 0.35))
    rise = {"crop": 0.45, "messy": 0.5, "curly": 0.6, "afro": 0.9, "slick_back": 0.25, "ring": 0.3, "receding": 0.3}
    clearance = {"crop": 0.006, "messy": 0.016, "curly": 0.022, "afro": 0.03, "long": 0.012, "mid": 0.013}
    depth_in_style = rng.random(len(x)) ** 0.8  # locks lie in layers
    curl = {"curly": rng.uniform(0.006, 0.014), "afro": rng.uniform(0.006, 0.01), "messy": rng.uniform(0.001, 0.005)}
    wavy = max(0.0, rng.normal() * 0.005) if long else max(0.0, rng.normal() * 0.0015)
    groom = Groom(
        length_m=length,
        flow=flow,
        lift=np.clip(rise.get(style, 0.32) * volume * (0.5 + 0.7 * depth_in_style) * (0.45 + 0.55 * top), 0.05, 0.95),
        clearance_m=clearance.get(style, 0.009) * volume * (0.1 + depth_in_style) * (0.5 + 0.5 * top),
        gravity={"afro": 0.0, "curly": 0.5, "long": 1.4, "mid": 1.3, "crop": 0.2}.get(style, 0.6),
        curl_m=curl.get(style, wavy),
        curl_turns={"curly": rng.uniform(1.5, 3.0), "afro": 2.5}.get(style, rng.uniform(0.7, 2.0)),
        width_m={"crop": 0.007, "afro": 0.011, "long": 0.011, "mid": 0.011, "ring": 0.008}.get(style, 0.0095),
        face_half_deg=rng.uniform(50, 62) if not rng.random() < 0.08 else 30.0,
        fringe_deg=rng.uniform(22, 27) if style == "fringe" else rng.uniform(34, 42),
        side=-side,
    )
    pieces = grow(rng, scalp, roots, groom, colour)
    if long:
        pieces += grow(rng, scalp, *_wisps(rng, roots, groom, 0.12), colour)
    return Hair(pieces, depth, 0.75 if style in ("ring", "receding") else 0.97)


def _wisps(rng: np.random.Generator, roots: Roots, groom: Groom, share: float) -> tuple[Roots, Groom]:
    """A few of the locks again, thin and farther out."""
    chosen = np.flatnonzero(rng.random(len(roots.points_m)) < share)
    few = Roots(roots.points_m[chosen], roots.normals[chosen], roots.azimuth_deg[chosen], roots.elevation_deg[chosen])
    thin = replace(
        groom,
        length_m=groom.length_m[chosen] * rng.uniform(0.5, 1.05, len(chosen)),
        flow=groom.flow[chosen] + rng.normal(size=(len(chosen), 3)) * 0.35,
        lift=groom.lift[chosen],
        clearance_m=groom.clearance_m[chosen] * 1.6 + 0.004,
        width_m=0.004,
        curl_m=groom.curl_m + 0.004,
    )
    return few, thin


def _wardrobe_hair(rng: np.random.Generator, style: str, scalp: Scalp, shell: HairShell, colour: np.ndarray) -> Hair:
    """Shells of the wardrobe's mesh, dense inside and loose outside, with locks grown over them."""
    garment = shell.garment
    flip = rng.random() < 0.5
    volume = 1.0 + rng.uniform(-0.01, 0.10)
    stretch = rng.uniform(0.97, 1.05, 3)
    bumps = _smooth_noise(rng, garment.vertices_m, 0.05)
    grow_down = rng.uniform(0.9, 1.15)
    bob = style == "afro01"
    pieces = []
    for layer, (offset_m, texture, repeats, density) in enumerate(
        [(0.0, "sheet0", 4, 1.0), (0.003, "sheet1", 5, 0.9), (0.007, "wisps", 4, 0.8)]
    ):
        if bob and layer == 0:
            repeats = 9
        spread = (volume + 0.018 * bumps)[:, None] * stretch
        vertices = garment.vertices_m * spread + shell.normals * offset_m * (1.0 + bumps[:, None])
        below = np.minimum(vertices[:, 1] + 0.03, 0.0)
        vertices[:, 1] = vertices[:, 1] + below * (grow_down - 1.0)
        hem = shell.hem_m / rng.uniform(0.03, 0.05)
        v = np.clip(1.0 - hem, 0.04, 0.99)
        tint = colour * (1.0 + 0.22 * _smooth_noise(rng, garment.vertices_m, 0.02))[:, None]
        tint = tint * np.where(hem > 0.2, 1.0, 0.85)[:, None]
        uv = np.stack([shell.across * repeats + 0.37 * layer, v], 1)
        normals, tangents = shell.normals.copy(), shell.flow.copy()
        if flip:
            for values in (vertices, normals, tangents):
                values[:, 0] *= -1.0
        pieces.append(
            Piece(
                vertices.astype(np.float32), normals, garment.triangles, uv.astype(np.float32),
                np.clip(tint, 0.001, 1).astype(np.float32), np.full(len(vertices), density, np.float32),
                texture=texture, surface=replace(HAIR, casts_shadow=layer == 0), tangents=tangents.astype(np.float32),
            )
        )  # fmt: skip
    pieces += _locks_over(rng, pieces[1], colour, 420)
    return Hair(pieces, scalp.inside_hairline(), 0.9)


def _locks_over(rng: np.random.Generator, shell: Piece, colour: np.ndarray, count: int) -> list[Piece]:
    """Short locks along a shell's strands, so that its outline is not a helmet's."""
    triangles = shell.triangles
    chosen = triangles[rng.integers(len(triangles), size=count)]
    shares = rng.dirichlet(np.ones(3), size=count)
    root = np.einsum("nj,njc->nc", shares, shell.vertices_m[chosen])
    assert shell.tangents is not None
    along = np.einsum("nj,njc->nc", shares, shell.tangents[chosen])
    normal = np.einsum("nj,njc->nc", shares, shell.normals[chosen])
    across = np.cross(along, normal)
    length = rng.uniform(0.02, 0.055, (count, 1))
    steps = np.linspace(0, 1, 5)[None, :, None]
    bend = rng.normal(size=(count, 1, 1)) * 0.25
    lift = rng.uniform(0.04, 0.22, (count, 1, 1))
    path = (
        root[:, None] - 0.002 * normal[:, None]
        + along[:, None] * steps * length[:, None]
        + normal[:, None] * (lift * steps * (1.4 - steps)) * length[:, None]
        + across[:, None] * bend * steps**2 * length[:, None]
    )  # fmt: skip
    width = rng.uniform(0.002, 0.0045, (count, 1, 1)) * (1.0 - 0.4 * steps)
    vertices = np.stack([path - across[:, None] * width, path + across[:, None] * width], 2)  # [N, 5, 2, 3]
    v = np.broadcast_to(0.3 + 0.68 * steps[..., 0][..., None], (count, 5, 2))
    u = np.broadcast_to(np.array([0.02, 0.98]), (count, 5, 2))
    row = np.arange(4)[:, None] * 2
    pattern = np.concatenate([row + np.array([0, 1, 2]), row + np.array([1, 3, 2])])
    shade = np.exp(rng.normal(size=(count, 1)) * 0.2) * 0.95
    return [
        Piece(
            vertices.reshape(-1, 3).astype(np.float32),
            np.repeat(normal, 10, axis=0).astype(np.float32),
            (np.arange(count)[:, None, None] * 10 + pattern).reshape(-1, 3).astype(np.int32),
            np.stack([u, v], -1).reshape(-1, 2).astype(np.float32),
            np.repeat(colour * shade, 10, axis=0).astype(np.float32),
            np.full(count * 10, 0.9, np.float32),
            texture="card0",
            surface=replace(HAIR, casts_shadow=False),
            tangents=np.repeat(along, 10, axis=0).astype(np.float32),
        )
    ]


def _twin(vertices: np.ndarray) -> np.ndarray:
    """Index of the first vertex in the same place, [N]."""
    _, first, inverse = np.unique(np.round(vertices, 7), axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()]


def _welded(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles that name each place only once, so that a cut for texture coordinates is no open edge."""
    return _twin(vertices)[triangles]


def _smooth_noise(rng: np.random.Generator, points_m: np.ndarray, scale_m: float) -> np.ndarray:
    """Smooth noise of about unit size at points [N, 3], [N]."""
    waves = rng.normal(size=(8, 3)) / scale_m
    return np.sin(points_m @ waves.T + rng.uniform(0, 2 * np.pi, 8)).sum(1) / 2.0
