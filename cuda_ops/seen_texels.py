"""Which texels of a stack of sheets a camera sees, which pixels of its pictures each takes, and their taking them.

The public ops are `seen_texels` and `carried_back`, on the processor's cores for arrays and on a GPU for tensors there
(seen_texels_cuda.py); seen_texels_reference.py beside them does the same in numpy, and takes their place with arrays
where there is no compiler.
"""

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from .build import library_or_none
from .texels import NativeStack, Stack, pointer

LEAST_SEEN = 0.01
"""What is seen by no more than this is not."""


@dataclass(frozen=True)
class Surface:
    """What the camera sees first, and hides what lies behind it."""

    depth_m: Any  # [H, W], +inf where nothing is
    margin_m: float
    """A texel so far behind still counts half where the spread is one; elsewhere in proportion."""
    softness_m: float


class SeenTexels(NamedTuple):
    """N texels, in the stack's order; arrays, or tensors on a GPU."""

    texel: Any  # [N] int64, into [S T T]
    seen: Any  # [N] float32, how much, 0..1
    corners: Any  # [N, 4] int32, the pixels between whose centres they are seen
    shares: Any  # [N, 4] float32, of these pixels
    pixels: int  # of the picture and its halved ones

    def believed(self, share: Any) -> "SeenTexels":
        """Seen only as far as a chart map [T, T], 0..1, says."""
        return self._replace(seen=self.seen * share.reshape(-1)[self.texel % (share.shape[0] * share.shape[1])])


def seen_texels(textures: Any, stack: Stack, surface: Surface | None, most_halvings: int) -> SeenTexels:
    """The texels of `textures` [S, T, T, 4] uint8 that have opacity and that the stack's camera sees.

    Without a surface these are all that are within its picture. A texel wider than a pixel takes from a picture that
    is halved, up to `most_halvings` times. Pixels are counted through the picture, continued so that it can be halved
    so often, and on through its halved ones. Raises ValueError where textures, stack and surface differ in size, and
    for fewer than no halvings; with tensors also BuildError without nvcc.
    """
    if not isinstance(textures, np.ndarray):
        from .seen_texels_cuda import seen_texels_cuda

        return seen_texels_cuda(textures, stack, surface, most_halvings)
    native = NativeStack.of(stack)
    check_seen(textures, surface, most_halvings, native)
    library = _library()
    if library is None:
        from .seen_texels_reference import seen_texels_reference

        return seen_texels_reference(textures, stack, surface, most_halvings)
    camera = stack.camera
    textures = np.ascontiguousarray(textures)
    depth_m = None if surface is None else np.ascontiguousarray(surface.depth_m, np.float32)
    margin_m, softness_m = (surface.margin_m, surface.softness_m) if surface else (0.0, 1.0)
    seen = NativeSeen(
        pointer(textures), None if depth_m is None else pointer(depth_m),
        margin_m, softness_m, LEAST_SEEN, camera.fx_px, most_halvings,
    )  # fmt: skip
    both = (ctypes.byref(native), ctypes.byref(seen))
    weights = np.empty(textures.shape[:3], np.float32)
    library.pm_seen_weights(*both, pointer(weights), 0)
    index = np.flatnonzero(weights > 0.0)  # of truth values, which is four times as fast
    corners, shares = np.empty((len(index), 4), np.int32), np.empty((len(index), 4), np.float32)
    library.pm_seen_corners(*both, pointer(index), len(index), pointer(corners), pointer(shares), 0)
    pixels = pixel_count(camera.width_px, camera.height_px, most_halvings)
    return SeenTexels(index, weights.ravel()[index], corners, shares, pixels)


def carried_back(textures: Any, texels: SeenTexels, colours: Any, picture: Any, length: float) -> tuple[Any, Any]:
    """Colours [N, 3] of the texels, 0..1, plus `length` times how much each is seen times what it takes of a picture.

    `picture` [pixels, 3] float32 is all levels one after the other. Returns `textures` [S, T, T, 4] uint8 with the new
    colours, and these in full [N, 3] float32. Raises ValueError where shapes or types do not fit the texels, and with
    tensors BuildError without nvcc.
    """
    if not isinstance(textures, np.ndarray):
        from .seen_texels_cuda import carried_back_cuda

        return carried_back_cuda(textures, texels, colours, picture, length)
    check_taken(colours, picture, texels)
    if textures.dtype != np.uint8 or textures.size // 4 <= texels.texel.max(initial=-1):
        raise ValueError(
            f"textures {textures.shape} {textures.dtype} do not fit: give those whose texels were looked up"
        )
    library = _library()
    if library is None:
        from .seen_texels_reference import carried_back_reference

        return carried_back_reference(textures, texels, colours, picture, length)
    textures, moved = textures.copy(), np.empty(colours.shape, np.float32)
    colours, picture = np.ascontiguousarray(colours), np.ascontiguousarray(picture)
    arrays = (texels.texel, texels.seen, texels.corners, texels.shares, picture, colours)
    carried = NativeCarried(*map(pointer, arrays), length, pointer(moved), pointer(textures))
    library.pm_carry_back(ctypes.byref(carried), len(texels.texel), 0)
    return textures, moved


def check_seen(textures: Any, surface: Surface | None, most_halvings: int, native: NativeStack) -> None:
    """Of either kind; raises ValueError where they are not of the sheets, or the surface not of the picture."""
    if tuple(textures.shape) != (native.sheets, native.size, native.size, 4) or _type(textures) != "uint8":
        raise ValueError(
            f"textures {tuple(textures.shape)} {_type(textures)} are not of {native.sheets} x {native.size} texels"
        )
    picture = native.height_px, native.width_px
    if surface is not None and tuple(surface.depth_m.shape) != picture:
        raise ValueError(f"depth_m {tuple(surface.depth_m.shape)} is not of the camera's picture {picture}")
    if most_halvings < 0:
        raise ValueError(f"a picture cannot be halved {most_halvings} times: give 0 or more")


def check_taken(colours: Any, picture: Any, texels: SeenTexels) -> None:
    """Of either kind; raises ValueError where they do not fit the texels."""
    wanted = ((colours, (len(texels.texel), 3)), (picture, (texels.pixels, 3)))
    if any(tuple(values.shape) != shape or _type(values) != "float32" for values, shape in wanted):
        raise ValueError(
            f"colours {tuple(colours.shape)} {_type(colours)} and picture {tuple(picture.shape)} {_type(picture)} do "
            f"not fit {len(texels.texel)} texels and {texels.pixels} pixels: give float32 of [N, 3] each"
        )


def _type(values: Any) -> str:
    return str(values.dtype).removeprefix("torch.")


def pixel_count(width_px: int, height_px: int, halvings: int) -> int:
    """Pixels of a picture that is continued so that it can be halved so often, and of its halved ones."""
    width, height = (side + -side % (1 << halvings) for side in (width_px, height_px))
    return sum((width >> k) * (height >> k) for k in range(halvings + 1))


class NativeSeen(ctypes.Structure):
    """csrc/seen_texels.h's Seen."""

    _fields_ = (
        ("textures", ctypes.c_void_p),
        ("surface", ctypes.c_void_p),
        ("margin_m", ctypes.c_float),
        ("softness_m", ctypes.c_float),
        ("least", ctypes.c_float),
        ("focal_px", ctypes.c_float),
        ("most_halvings", ctypes.c_int32),
    )


class NativeCarried(ctypes.Structure):
    """csrc/seen_texels.h's Carried."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("texels", "seen", "corners", "shares", "picture", "colours")),
        ("length", ctypes.c_float),
        ("moved", ctypes.c_void_p),
        ("textures", ctypes.c_void_p),
    )


@cache
def _library() -> ctypes.CDLL | None:
    """The compiled op with its argument types; None where it cannot be compiled."""
    library = library_or_none("seen_texels", "finding what the photograph shows")
    if library is None:
        return None
    address, int32, int64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    library.pm_seen_weights.argtypes = [address, address, address, int32]
    library.pm_seen_corners.argtypes = [address, address, address, int64, address, address, int32]
    library.pm_carry_back.argtypes = [address, int64, int32]
    library.pm_seen_weights.restype = library.pm_seen_corners.restype = library.pm_carry_back.restype = None
    return library
