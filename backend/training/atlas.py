"""The texture chart of the face's skin: which point of the head model each texel shows, and what it may be used for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ...cuda_ops.rasterise import rasterise
from .assets import HeadModel, vertex_normals
from .meshes import plain_mesh
from .vectors import unit

ATLAS_SIZE = 512


@dataclass(frozen=True)
class SkinAtlas:
    """Texels of the face's material (face, ears, front of the neck); rows from the top, mirror-symmetric."""

    corners: np.ndarray  # [S, S, 3] int32, vertices of the head model
    shares: np.ndarray  # [S, S, 3] float32, barycentric
    inside: np.ndarray  # [S, S] bool
    neutral_m: np.ndarray  # [S, S, 3] float32, position on the neutral head
    border_m: np.ndarray  # [S, S] float32, distance on the neutral head to the seam with the back of the head

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Vertex values [V, C] at the texels inside, [K, C]."""
        return np.einsum("kj,kjc->kc", self.shares[self.inside], values[self.corners[self.inside]])

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values [K, ...] of the texels inside as a picture [S, S, ...], zero elsewhere."""
        picture = np.zeros(self.inside.shape + values.shape[1:], values.dtype)
        picture[self.inside] = values
        return picture

    @cached_property
    def feature_zone(self) -> np.ndarray:
        """[S, S] float32: 1 where brows, glasses, nose, mouth, moustache and chin are taken as they come, else 0.

        Elsewhere (forehead, temples, sides, neck) a colour that is not skin is hair or cloth in front of it.
        """
        x, y, z = np.moveaxis(self.neutral_m * 100.0, -1, 0)
        brows_to_nose = (
            np.clip((3.9 - y) / 0.5, 0, 1) * np.clip((5.6 - np.abs(x)) / 0.8, 0, 1) * np.clip((y + 3.0) / 0.5, 0, 1)
        )
        beard = np.clip((-1.5 - y) / 1.0, 0, 1) * np.clip((z - 4.5) / 1.5, 0, 1) * np.clip((y + 11.5) / 0.5, 0, 1)
        return (np.maximum(brows_to_nose, beard) * self.inside).astype(np.float32)

    @cached_property
    def plain_skin(self) -> np.ndarray:
        """[S, S] bool: cheeks, nose and the middle of the forehead, where a face shows its skin."""
        x, y, z = np.moveaxis(self.neutral_m * 100.0, -1, 0)
        cheeks = (np.abs(x) > 1.6) & (np.abs(x) < 5.2) & (y > -4.0) & (y < -0.8)
        nose = (np.abs(x) < 1.0) & (y > -1.8) & (y < 1.5)
        forehead = (np.abs(x) < 3.5) & (y > 4.3) & (y < 6.5)
        return (cheeks | nose | forehead) & (z > 5.0) & self.inside


def make_skin_atlas(head: HeadModel, size: int = ATLAS_SIZE) -> SkinAtlas:
    """Draws the head model's own texture layout once."""
    faces = head.faces_of("M_Face")
    quads, uv_quads = head.faces[faces], head.uv_faces[faces]
    triangles = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    uv = head.uv[np.concatenate([uv_quads[:, :3], uv_quads[:, [0, 2, 3]]])].reshape(-1, 2)  # a vertex a corner
    count = len(triangles)
    pixels = np.stack([uv[:, 0] * size, (1.0 - uv[:, 1]) * size, np.ones(3 * count)], axis=1).astype(np.float32)
    gain = np.ones((3 * count, 4), np.float32)
    gain[:, :3] = np.tile(np.eye(3, dtype=np.float32), (count, 1))
    own = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    shares, _ = rasterise(plain_mesh(pixels, own, gain), pixels, [], size, size, samples=1)
    numbered = np.zeros((3 * count, 4), np.float32)
    numbered[:, 0] = np.repeat(np.arange(count), 3)
    numbered[:, 3] = 1.0
    number, _ = rasterise(plain_mesh(pixels, own, numbered), pixels, [], size, size, samples=1)
    inside = shares[..., 3] > 0.5
    index = np.rint(number[..., 0]).astype(int)
    # The layout has slits at lids and lips, and a margin: the nearest texel stands in, so filtering never sees black.
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    index, weights = index[tuple(nearest)], shares[..., :3][tuple(nearest)]
    corners = triangles[index].astype(np.int32)
    neutral = np.einsum("hwj,hwjc->hwc", weights, head.neutral_m[corners])
    seam = np.intersect1d(quads, head.faces[head.faces_of("M_BackHead")])
    x, y, z = head.neutral_m[seam].T * 100.0
    skin_seam = seam[(np.abs(x) > 6.5) | (z < 4.5) | (y < -10.0) | (y > 6.0)]  # not lids and lips
    border = cKDTree(head.neutral_m[skin_seam]).query(neutral)[0]
    return SkinAtlas(corners, weights.astype(np.float32), inside, neutral.astype(np.float32), border.astype(np.float32))


def atlas_normals(atlas: SkinAtlas, head: HeadModel, vertices_m: np.ndarray) -> np.ndarray:
    """Unit normals [K, 3] at the texels inside, of a head with vertices [V, 3]."""
    normals = atlas.gather(vertex_normals(vertices_m, head.skin_triangles))
    return unit(normals, 1e-9)
