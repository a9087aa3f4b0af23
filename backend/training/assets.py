"""The head model and the wardrobe, moved into portrait space on loading.

Sources: ICT-FaceKit light (MIT, github.com/ICT-VGL/ICT-FaceKit) and MakeHuman's assets (CC0,
github.com/makehumancommunity). Both come in centimetres, y up, z forward, with the head model's own origin.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ..conventions import EYE_DISTANCE_M
from ..errors import InputError
from .vectors import unit

ORIGIN_CM = np.array([0.0, 2.5, 0.0])
"""Portrait space's origin in the head model: between the ears, 1.1 cm below and 8 cm behind the eyes' centres.

Of the places tried (y 1..4, z -1..4 cm) those further back let more of the skin face away from the origin by a clear
angle, and bring the shoulders into the chart; what stays turned away is nostrils, the jaw's underside and the ears'
backs, wherever the origin is."""

MODEL_EYE_DISTANCE_CM = 6.19
"""Distance between the centres of the neutral model's eyeballs."""

METRES_PER_CM = EYE_DISTANCE_M / MODEL_EYE_DISTANCE_CM

DATA_VARIABLE = "PORTRAIT_MANIFOLDS_DATA"
DEFAULT_DATA = Path("../shared/data")

NECK_END_M, BODY_TOP_M = -0.16, -0.15
"""Heights below which the head model's skin is the end of its neck, and the body has no neck of its own."""

# Vertex ranges of the head model (ICT-FaceKit's vertex_indices).
FACE_INNER = slice(0, 6706)
FACE = slice(0, 9409)
SKIN = slice(0, 11248)
MOUTH_SOCKET = slice(11248, 13294)
EYE_SOCKETS = slice(13294, 14062)
TEETH = slice(17039, 21451)
EYEBALL_LEFT = slice(21451, 23021)
EYEBALL_RIGHT = slice(23021, 24591)


@dataclass(frozen=True)
class HeadModel:
    """A linear head in portrait space (metres): neutral + identity . coefficients + expression . activations."""

    neutral_m: np.ndarray  # [V, 3] float32
    identity_m: np.ndarray  # [100, V, 3] float32, unit-variance coefficients
    expression_m: np.ndarray  # [57, V, 3] float32, activations 0..1
    expression_names: tuple[str, ...]
    faces: np.ndarray  # [F, 4] int32, a triangle repeats its last index
    uv: np.ndarray  # [T, 2] float32, v up, one unit tile a group of materials
    uv_faces: np.ndarray  # [F, 4] int32
    materials: tuple[str, ...]
    material_of_face: np.ndarray  # [F]
    landmarks68: np.ndarray  # [68] vertex indices

    def shape_m(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Vertices [V, 3] of identity coefficients [<= 100] and expression activations [57]."""
        offsets = np.tensordot(identity.astype(np.float32), self.identity_m[: len(identity)], 1)
        active = np.flatnonzero(expression)
        offsets += np.tensordot(expression[active].astype(np.float32), self.expression_m[active], 1)
        return self.neutral_m + offsets

    def faces_of(self, *materials: str) -> np.ndarray:
        """Indices of the faces of the named materials."""
        return np.flatnonzero(np.isin(self.material_of_face, [self.materials.index(name) for name in materials]))

    @cached_property
    def mirror(self) -> np.ndarray:
        """Index of each vertex's mirrored twin, [V]."""
        return cKDTree(self.neutral_m * np.array([-1, 1, 1], np.float32)).query(self.neutral_m)[1].astype(np.int32)

    @cached_property
    def skin_triangles(self) -> np.ndarray:
        """Triangles of face, head and neck, [T, 3] int32."""
        return triangulate(self.faces[self.faces_of("M_Face", "M_BackHead")])

    @cached_property
    def outer_triangles(self) -> np.ndarray:
        """Those, eyes and teeth: what is seen of the head, [T, 3] int32."""
        eyes = ("M_ScleraLeft", "M_ScleraRight", "M_IrisLeft", "M_IrisRight")
        return triangulate(self.faces[self.faces_of("M_Face", "M_BackHead", *eyes, "M_Teeth")])

    def neck_moved_m(self, offsets_m: np.ndarray) -> np.ndarray:
        """How far the neck's end is moved, [3], where the vertices are by [V, 3] from the neutral head's: what a body
        follows."""
        return np.asarray(offsets_m[SKIN][self.neutral_m[SKIN, 1] < NECK_END_M].mean(0))


@dataclass(frozen=True)
class Garment:
    """A mesh that hangs on the neutral head, in portrait space."""

    name: str
    vertices_m: np.ndarray  # [N, 3] float32
    faces: np.ndarray  # [M, 4] int32

    @cached_property
    def triangles(self) -> np.ndarray:
        """[T, 3] int32."""
        return triangulate(self.faces)

    @cached_property
    def below_neck(self) -> np.ndarray:
        """Triangles [T, 3] that lie below BODY_TOP_M."""
        return self.triangles[(self.vertices_m[self.triangles][..., 1] < BODY_TOP_M).all(1)]


@dataclass(frozen=True)
class Wardrobe:
    """Hair styles, upper-body clothes, and one body."""

    hair: dict[str, Garment]
    clothes: dict[str, Garment]
    body: Garment


def data_folder(option: Path | None = None) -> Path:
    """The folder with head model, wardrobe and portraits: the option, $PORTRAIT_MANIFOLDS_DATA, or ../shared/data.

    Raises InputError if head_model.npz or wardrobe.npz is not there.
    """
    folder = option or Path(os.environ.get(DATA_VARIABLE) or DEFAULT_DATA)
    missing = [name for name in ("head_model.npz", "wardrobe.npz") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {' and '.join(missing)}: make them from ICT-FaceKit (github.com/ICT-VGL/ICT-FaceKit) and "
            f"MakeHuman's assets (github.com/makehumancommunity/makehuman-assets), put portraits (github.com/"
            f"unitedstates/images) in portraits/ beside them, name it with --source.data or ${DATA_VARIABLE}."
        )
    return folder


def load_head_model(folder: Path) -> HeadModel:
    """Reads head_model.npz; raises InputError if it is damaged."""
    try:
        with np.load(folder / "head_model.npz", allow_pickle=False) as file:
            values = {name: file[name] for name in file.files}
        return HeadModel(
            neutral_m=to_portrait(values["vertices"]),
            identity_m=values["identity"].astype(np.float32) * np.float32(METRES_PER_CM),
            expression_m=values["expression"].astype(np.float32) * np.float32(METRES_PER_CM),
            expression_names=tuple(str(name) for name in values["expression_names"]),
            faces=values["faces"].astype(np.int32),
            uv=values["uv"].astype(np.float32),
            uv_faces=values["uv_faces"].astype(np.int32),
            materials=tuple(str(name) for name in values["materials"]),
            material_of_face=values["material_of_face"],
            landmarks68=values["landmarks68"],
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder / 'head_model.npz'} cannot be read ({error}): make it again.") from error


def load_wardrobe(folder: Path) -> Wardrobe:
    """Reads wardrobe.npz; raises InputError if it is damaged."""
    groups: dict[str, dict[str, Garment]] = {"hair": {}, "clothes": {}, "body": {}}
    try:
        with np.load(folder / "wardrobe.npz", allow_pickle=False) as file:
            for key in sorted(name for name in file.files if name.endswith("/v")):
                kind, *rest = key.split("/")[:-1]
                name = rest[0] if rest else kind
                faces = file[key[:-1] + "f"].astype(np.int32)
                groups[kind][name] = Garment(name, to_portrait(file[key]), faces)
        return Wardrobe(groups["hair"], groups["clothes"], groups["body"]["body"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder / 'wardrobe.npz'} cannot be read ({error}): make it again.") from error


def to_portrait(points_cm: np.ndarray) -> np.ndarray:
    """Points [..., 3] of the head model's files to portrait space, float32."""
    return ((points_cm.astype(np.float64) - ORIGIN_CM) * METRES_PER_CM).astype(np.float32)


def triangulate(faces: np.ndarray) -> np.ndarray:
    """Quads [F, 4] (a triangle repeats its last index) to triangles [T, 3] int32 without degenerate ones."""
    triangles = np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])
    a, b, c = triangles.T
    return np.ascontiguousarray(triangles[(a != b) & (b != c) & (a != c)], dtype=np.int32)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3]; vertices of no triangle get zeros."""
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = triangles.ravel()
    repeated = np.repeat(normals, 3, axis=0)
    total = np.stack([np.bincount(flat, repeated[:, k], len(vertices)) for k in range(3)], axis=1)
    return unit(total, 1e-12).astype(np.float32)
