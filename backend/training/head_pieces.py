"""The head itself: skin, eyes, lashes, teeth, and the way everything else follows its shape."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from ...cuda_ops.rasterise import Texture, make_texture
from .assets import (
    EYE_SOCKETS,
    EYEBALL_LEFT,
    EYEBALL_RIGHT,
    MOUTH_SOCKET,
    SKIN,
    TEETH,
    HeadModel,
    triangulate,
    vertex_normals,
)
from .pieces import Piece, Surface

SKIN_SURFACE = Surface(wrap=0.12, gloss=0.5, sharpness=9.0)
EYE_SURFACE = Surface(gloss=0.30, sharpness=300.0, casts_shadow=False)
TOOTH_SURFACE = Surface(wrap=0.2, gloss=0.4, sharpness=30.0, casts_shadow=False)
LASH_SURFACE = Surface(casts_shadow=False)


@dataclass(frozen=True)
class HeadParts:
    """What of the head model never changes: which triangles belong to which piece, texture coordinates, followers."""

    head: HeadModel

    @cached_property
    def face(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Skin of the face: model vertex of each own vertex [N], uv [N, 2], triangles [T, 3]."""
        return self._split("M_Face")

    @cached_property
    def back(self) -> np.ndarray:
        """Triangles [T, 3] of the back of the head, neck, and the linings of mouth and eyes."""
        return triangulate(self.head.faces[self.head.faces_of("M_BackHead")])

    @cached_property
    def lashes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `face`, for the lashes."""
        return self._split("M_EyeLashes")

    @cached_property
    def teeth(self) -> np.ndarray:
        """Triangles [T, 3] of the teeth that a camera can see."""
        return self._seen(triangulate(self.head.faces[self.head.faces_of("M_Teeth")]), depth_m=0.035)

    @cached_property
    def gums(self) -> np.ndarray:
        """Triangles [T, 3] of gums and tongue that a camera can see."""
        return self._seen(triangulate(self.head.faces[self.head.faces_of("M_GumsTongue")]), depth_m=0.05)

    @cached_property
    def eyes(self) -> tuple[np.ndarray, np.ndarray]:
        """Triangles of both eyeballs, and texture coordinates [V, 2]: straight projection along the neutral gaze."""
        eye_faces = self.head.faces_of("M_IrisLeft", "M_IrisRight", "M_ScleraLeft", "M_ScleraRight")
        uv = np.zeros((len(self.head.neutral_m), 2), np.float32)
        for ball in (EYEBALL_LEFT, EYEBALL_RIGHT):
            points = self.head.neutral_m[ball]
            centre = 0.5 * (points.min(0) + points.max(0))
            uv[ball, 0] = 0.5 + (points[:, 0] - centre[0]) / 0.034
            uv[ball, 1] = 0.5 - (points[:, 1] - centre[1]) / 0.034
        return self._seen(triangulate(self.head.faces[eye_faces]), depth_m=0.018), uv

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.head.neutral_m[: SKIN.stop : 5])

    def follow(self, points_m: np.ndarray, offsets_m: np.ndarray) -> np.ndarray:
        """Moves [N, 3] of things on the neutral head when its vertices move by `offsets_m` [V, 3]."""
        distance, nearest = self._tree.query(points_m, k=4)
        weights = 1.0 / (distance + 0.004)
        weights /= weights.sum(1, keepdims=True)
        return np.einsum("nk,nkc->nc", weights, offsets_m[: SKIN.stop : 5][nearest])

    def _seen(self, triangles: np.ndarray, depth_m: float) -> np.ndarray:
        """Those of triangles [T, 3] that face the front, not farther than `depth_m` behind the foremost of them."""
        a, b, c = (self.head.neutral_m[triangles[:, k]] for k in range(3))
        backwards = np.cross(b - a, c - a)
        middle_z = (a[:, 2] + b[:, 2] + c[:, 2]) / 3.0
        turned = backwards[:, 2] < -0.3 * np.linalg.norm(backwards, axis=1)
        return triangles[(middle_z > middle_z.max() - depth_m) & ~turned]

    def _split(self, material: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of a material, each pair of a vertex and a texture coordinate as a vertex of its own; see `face`."""
        faces = self.head.faces_of(material)
        pairs = np.stack([self.head.faces[faces], self.head.uv_faces[faces]], -1)  # [F, 4, 2]
        unique, index = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
        uv = self.head.uv[unique[:, 1]]
        uv = np.stack([uv[:, 0] - np.floor(uv[:, 0].min()), 1.0 - uv[:, 1]], 1).astype(np.float32)
        return unique[:, 0], uv, triangulate(index.reshape(-1, 4))


def head_pieces(
    parts: HeadParts, vertices_m: np.ndarray, tone: np.ndarray, scalp_tint: np.ndarray, blotches: np.ndarray
) -> list[Piece]:
    """Skin, eyes, lashes and teeth of a head with vertices [V, 3].

    `tone` [3] is the linear colour of plain skin; `scalp_tint` [11248, 3] and `blotches` [11248, 3] multiply it.
    """
    head = parts.head
    skin_normals = vertex_normals(vertices_m, head.skin_triangles)
    gloss = _oiliness(head)
    own, uv, triangles = parts.face
    tint = np.ones((len(vertices_m), 3), np.float32)
    tint[SKIN] = scalp_tint * blotches
    pieces = [
        Piece(
            vertices_m[own], skin_normals[own], triangles, uv, tint[own], np.ones(len(own), np.float32),
            texture="face", surface=SKIN_SURFACE, gloss_of_vertex=gloss[own],
        )
    ]  # fmt: skip
    back_colour = tint * tone
    back_colour[MOUTH_SOCKET] = np.array([0.12, 0.025, 0.02])
    back_colour[EYE_SOCKETS] = tone * 0.35
    pieces.append(_model_piece(vertices_m, parts.back, back_colour, SKIN_SURFACE, skin_normals))
    eye_triangles, eye_uv = parts.eyes
    shade = _lids_shade(vertices_m)
    pieces.append(_model_piece(vertices_m, eye_triangles, shade, EYE_SURFACE, uv=eye_uv, texture="eye"))
    tooth_colour = np.zeros((len(vertices_m), 3), np.float32)
    inward = np.clip((vertices_m[:, 2] - vertices_m[TEETH, 2].max() + 0.028) / 0.028, 0.1, 1)[:, None]
    tooth_colour[:] = np.array([0.72, 0.64, 0.52]) * inward
    pieces.append(_model_piece(vertices_m, parts.teeth, tooth_colour, TOOTH_SURFACE))
    gum_colour = np.broadcast_to(np.array([0.35, 0.09, 0.08], np.float32), (len(vertices_m), 3))
    pieces.append(_model_piece(vertices_m, parts.gums, gum_colour, TOOTH_SURFACE))
    own, uv, triangles = parts.lashes
    dark = np.full((len(own), 3), 0.02, np.float32)
    pieces.append(
        Piece(
            vertices_m[own], np.tile(np.array([0, 0, 1], np.float32), (len(own), 1)), triangles,
            uv * np.array([7.0, 1.0], np.float32),  # seven times the texture's lashes along a lid
            dark, np.full(len(own), 0.45, np.float32), "lash", LASH_SURFACE,
        )
    )  # fmt: skip
    return pieces


def _lids_shade(vertices_m: np.ndarray) -> np.ndarray:
    """Factors [V, 3] on the eyeballs' colours, 1 elsewhere: the upper lid's shade lies on them, the corners are dim."""
    shade = np.ones((len(vertices_m), 3), np.float32)
    for ball in (EYEBALL_LEFT, EYEBALL_RIGHT):
        points = vertices_m[ball]
        middle = 0.5 * (points.min(0) + points.max(0))
        height = (points[:, 1] - middle[1]) / 0.016
        side = np.abs(points[:, 0] - middle[0]) / 0.016
        lit = np.clip(1.0 - 1.1 * np.clip(height - 0.12, 0, 1), 0.3, 1) * np.clip(1.12 - 0.35 * side, 0.5, 1)
        shade[ball] = lit[:, None]
    return shade


def eye_texture(rng: np.random.Generator, size: int = 160) -> Texture:
    """An eyeball seen along its gaze: iris of a natural colour with fibres and a dark rim, pupil, veined white."""
    y, x = np.mgrid[0:size, 0:size]
    x, y = (x + 0.5) / size - 0.5, (y + 0.5) / size - 0.5
    radius, angle = np.hypot(x, y) * 34.0, np.arctan2(y, x)  # millimetres
    colours = np.array(
        [[0.16, 0.075, 0.03], [0.07, 0.03, 0.012], [0.11, 0.17, 0.25], [0.12, 0.14, 0.07], [0.14, 0.15, 0.16]]
    )
    iris = colours[rng.choice(5, p=[0.38, 0.27, 0.17, 0.12, 0.06])] * np.exp(rng.normal(size=3) * 0.12)
    fibres = sum(np.sin(angle * k + rng.uniform(0, 6.3)) for k in rng.integers(15, 70, 7)) / 7.0
    iris_radius, pupil = rng.uniform(5.7, 6.2), rng.uniform(1.5, 2.9)
    inner = iris * (1.15 + 0.45 * fibres - 0.10 * (radius - pupil))[..., None]
    inner = inner * np.clip((iris_radius - radius) / 0.9, 0.15, 1)[..., None]
    inner = inner * np.clip((radius - pupil) / 0.35, 0.02, 1)[..., None]
    white = np.array([0.50, 0.44, 0.41]) * rng.uniform(0.85, 1.05)
    veins = np.clip((radius - 7.0) / 7.0, 0, 1)[..., None] * np.array([0.03, 0.16, 0.16]) * rng.uniform(0.3, 1.3)
    blend = np.clip((radius - iris_radius + 0.25) / 0.5, 0, 1)[..., None]
    linear = inner * (1 - blend) + (white - veins) * blend
    texels = np.full((size, size, 4), 255, np.uint8)
    texels[..., :3] = np.clip(linear, 0, 1) ** (1 / 2.2) * 255
    return make_texture(texels)


def _model_piece(
    vertices_m: np.ndarray, triangles: np.ndarray, colour: np.ndarray, surface: Surface,
    normals: np.ndarray | None = None, uv: np.ndarray | None = None, texture: str = "",
) -> Piece:  # fmt: skip
    """A piece of the model's own vertices, keeping only those that its triangles use."""
    used, index = np.unique(triangles, return_inverse=True)
    own = index.reshape(-1, 3).astype(np.int32)
    if normals is None:
        normals = np.zeros_like(vertices_m)
        normals[used] = vertex_normals(vertices_m[used], own)
    else:
        missing = np.linalg.norm(normals[used], axis=1) < 0.5
        if missing.any():
            normals = normals.copy()
            normals[used[missing]] = vertex_normals(vertices_m[used], own)[missing]
    count = len(used)
    return Piece(
        vertices_m[used], normals[used], own, np.zeros((count, 2), np.float32) if uv is None else uv[used],
        np.asarray(colour, np.float32)[used], np.ones(count, np.float32), texture, surface,
    )  # fmt: skip


def _oiliness(head: HeadModel) -> np.ndarray:
    """How glossy each vertex's skin is: forehead, nose and cheekbones more than the rest, [V]."""
    x, y, _ = head.neutral_m.T * 100.0
    zone = np.exp(-((x / 1.6) ** 2) - ((y + 0.5) / 3.0) ** 2) + np.exp(-((x / 4.5) ** 2) - ((y - 5.0) / 2.0) ** 2)
    zone += np.exp(-(((np.abs(x) - 4.0) / 1.5) ** 2) - ((y + 1.2) / 1.3) ** 2)
    return (0.45 + 0.75 * np.clip(zone, 0, 1)).astype(np.float32)
