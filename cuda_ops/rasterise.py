"""Triangles to a picture on the processor's cores: textured, antialiased, with translucent layers.

The public op is `rasterise`; rasterise_reference.py beside it does the same in plain torch (and on a GPU), without
anything of this file. Equations and order of work: csrc/rasterise.cpp.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .build import load_library
from .texels import pointer

REFUSALS = {
    1: "a picture has at least one pixel",
    2: "a triangle names a vertex that is not there",
    3: "a triangle names a texture that is not there",
}
"""What the compiled op's return values mean."""


@dataclass(frozen=True)
class Texture:
    """A mip chain, made once by `make_texture` and used for any number of pictures."""

    levels: np.ndarray  # [texels of all levels, 4] float32, linear light, premultiplied
    height: int
    width: int
    opaque: bool


@dataclass(frozen=True)
class Mesh:
    """Triangles with everything that is interpolated over them; independent of the camera.

    A fragment's colour is texel * gain.rgb + add, its opacity texel alpha * gain.a. A triangle of an opaque texture,
    or of texture -1 (white), must have gain.a = 1 at its corners.
    """

    vertices_m: np.ndarray  # [V, 3] float32, portrait space
    uv: np.ndarray  # [V, 2] float32, (0, 0) the upper left corner of the texture, v down, repeating
    gain: np.ndarray  # [V, 4] float32, linear light
    add: np.ndarray  # [V, 3] float32, linear light
    triangles: np.ndarray  # [T, 3] int32
    texture_of_triangle: np.ndarray  # [T] int32, index into the textures, or -1

    @staticmethod
    def join(meshes: Sequence["Mesh"]) -> "Mesh":
        """One mesh of several; the indices of textures are kept. Raises ValueError for none."""
        if not meshes:
            raise ValueError("there is no mesh to join: give one or more")
        starts = np.cumsum([0] + [len(mesh.vertices_m) for mesh in meshes[:-1]])
        triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
        return Mesh(
            vertices_m=np.concatenate([mesh.vertices_m for mesh in meshes]),
            uv=np.concatenate([mesh.uv for mesh in meshes]),
            gain=np.concatenate([mesh.gain for mesh in meshes]),
            add=np.concatenate([mesh.add for mesh in meshes]),
            triangles=np.concatenate(triangles).astype(np.int32),
            texture_of_triangle=np.concatenate([mesh.texture_of_triangle for mesh in meshes]).astype(np.int32),
        )


def make_texture(texels: np.ndarray) -> Texture:
    """sRGB-encoded straight RGBA [h, w, 4] uint8 to a texture; opaque if every alpha is 255."""
    if texels.ndim != 3 or texels.shape[2] != 4 or texels.dtype != np.uint8 or not texels.size:
        raise ValueError(f"a texture is [h, w, 4] uint8, not {texels.shape} {texels.dtype}")
    texels = np.ascontiguousarray(texels)
    height, width = texels.shape[:2]
    library = _library()
    levels = np.empty((library.mip_chain_texels(height, width), 4), np.float32)
    library.build_mip_chain(pointer(texels), height, width, pointer(levels))
    return Texture(levels, height, width, bool((texels[..., 3] == 255).all()))


def rasterise(
    mesh: Mesh,
    pixels: np.ndarray,
    textures: Sequence[Texture],
    width_px: int,
    height_px: int,
    *,
    samples: int = 2,
    threads: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the mesh at projected positions `pixels` [V, 3] (x, y in pixels, depth in metres along the view).

    Returns linear premultiplied RGBA [H, W, 4] float32 and expected depth [H, W] float32 in metres (+inf where the
    opacity is under 1/255). `samples` x `samples` points a pixel (1 to 4); the result does not depend on `threads`
    (0: as many as cores). Raises ValueError for wrong shapes or indices, BuildError without a compiler.
    """
    vertices, count = len(mesh.vertices_m), len(mesh.triangles)
    for name, values, shape in (
        ("pixels", pixels, (vertices, 3)),
        ("uv", mesh.uv, (vertices, 2)),
        ("gain", mesh.gain, (vertices, 4)),
        ("add", mesh.add, (vertices, 3)),
        ("triangles", mesh.triangles, (count, 3)),
        ("texture_of_triangle", mesh.texture_of_triangle, (count,)),
    ):
        if values.shape != shape:
            raise ValueError(f"{name} has shape {values.shape}, not {shape}")
    if not (1 <= samples <= 4 and 1 <= width_px <= 16384 and 1 <= height_px <= 16384):
        raise ValueError("a picture has 1 to 16384 pixels a side and 1 to 4 samples a pixel's side")
    floats = [np.ascontiguousarray(values, np.float32) for values in (pixels, mesh.uv, mesh.gain, mesh.add)]
    indices = [np.ascontiguousarray(values, np.int32) for values in (mesh.triangles, mesh.texture_of_triangle)]
    levels = (ctypes.c_void_p * max(len(textures), 1))(*(texture.levels.ctypes.data for texture in textures))
    sizes = np.array([(texture.height, texture.width) for texture in textures], np.int32).reshape(-1, 2)
    opaque = np.array([texture.opaque for texture in textures], np.uint8)
    rgba = np.empty((height_px, width_px, 4), np.float32)
    depth = np.empty((height_px, width_px), np.float32)
    failed = _library().rasterise(
        *map(pointer, floats), *map(pointer, indices), vertices, count, levels, pointer(sizes), pointer(opaque),
        len(textures), width_px, height_px, samples, threads, pointer(rgba), pointer(depth),
    )  # fmt: skip
    if failed:
        raise ValueError(REFUSALS[failed])
    return rgba, depth


@cache
def _library() -> ctypes.CDLL:
    """The compiled op with its argument types."""
    library = load_library("rasterise")
    address, int32, int64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    library.mip_chain_texels.argtypes, library.mip_chain_texels.restype = [int32, int32], int64
    library.build_mip_chain.argtypes, library.build_mip_chain.restype = [address, int32, int32, address], None
    library.rasterise.argtypes = [address] * 6 + [int64] * 2 + [address] * 3 + [int32] * 5 + [address] * 2
    library.rasterise.restype = int32
    return library
