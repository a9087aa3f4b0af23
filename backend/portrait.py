"""A portrait: manifolds, their textures, and where it came from."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .camera import Camera
from .checked import Checked
from .errors import InputError
from .manifolds import Manifolds, read_only

if TYPE_CHECKING:
    from .render import Renderer

MIN_TEXTURE_SIZE, MAX_TEXTURE_SIZE = 16, 2048
"""Sides of a texture that a portrait can have."""

MAX_TEXT_CHARACTERS = 2000
"""Of each line of text that tells where a portrait came from."""

MAX_TEXELS = 64 * 1024**2
"""Of all sheets together, 268 MB: a small file must not ask for more, and reading holds them three times."""

PROVENANCE = (
    "Synthetic view of a person, made from one photograph by Portrait Manifolds. "
    "IPTC digital source type: compositeWithTrainedAlgorithmicMedia."
)


@dataclass(frozen=True, eq=False)
class Crop(Checked):
    """The head's square in the photograph: maps crop coordinates in [-1, 1]^2 (x right, y down) to photo pixels."""

    to_photo: np.ndarray  # [2, 3]

    def __post_init__(self) -> None:
        matrix = np.array(self.to_photo, dtype=np.float64)
        if matrix.shape != (2, 3) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:, :2])) < 1e-6:
            raise InputError("The portrait's alignment is not an invertible 2 x 3 matrix: reconstruct it again.")
        matrix.setflags(write=False)
        object.__setattr__(self, "to_photo", matrix)


@dataclass(frozen=True, eq=False)
class Portrait(Checked):
    """A reconstructed head: curved RGBA sheets, innermost first, and the photograph's camera.

    Its arrays are read-only, since drawing keeps what it worked out of them: change a copy and
    `dataclasses.replace(portrait, textures=copy)`. Raises InputError where the parts do not fit
    together, or no file would hold them.
    """

    manifolds: Manifolds
    textures: np.ndarray  # [S, V, U, 4] uint8: sRGB-encoded colour and straight opacity; V = U, a power of two
    input_camera: Camera  # on the photograph's own pixel grid
    crop: Crop
    photo_sha256: str = ""
    weights_id: str = ""
    provenance: str = field(default=PROVENANCE)

    def __post_init__(self) -> None:
        textures = self.textures
        if not isinstance(textures, np.ndarray) or textures.dtype != np.uint8 or textures.ndim != 4:
            raise InputError("A portrait's textures are 8-bit values of shape [sheets, size, size, 4].")
        sheets, height, width, channels = textures.shape
        if sheets != self.manifolds.sheets:
            raise InputError(
                f"The portrait has {sheets} textures for {self.manifolds.sheets} sheets: give one a sheet."
            )
        if channels != 4 or height != width or width & (width - 1):
            raise InputError(
                f"A texture of {width} x {height} x {channels} cannot be used: all are square RGBA, 2^n wide."
            )
        if not MIN_TEXTURE_SIZE <= width <= MAX_TEXTURE_SIZE:
            raise InputError(f"Textures are {width} wide: use {MIN_TEXTURE_SIZE} to {MAX_TEXTURE_SIZE}.")
        if sheets * height * width > MAX_TEXELS:
            raise InputError(f"{sheets} textures of {width} texels are too many together: use smaller ones.")
        for name in ("photo_sha256", "weights_id", "provenance"):  # they go into the metadata of every picture
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > MAX_TEXT_CHARACTERS or not text.isprintable():
                raise InputError(
                    f"The portrait's {name} is no line of text: give at most {MAX_TEXT_CHARACTERS} letters."
                )
        object.__setattr__(self, "textures", read_only(textures))

    def __getstate__(self) -> dict[str, object]:
        """What is pickled and copied: all but what drawing needs, which is prepared anew."""
        return {name: value for name, value in vars(self).items() if name != "renderer"}

    @property
    def texture_size(self) -> int:
        """Side of each sheet's texture in texels."""
        return int(self.textures.shape[1])

    def camera(self, width_px: int | None = None, height_px: int | None = None) -> Camera:
        """The photograph's camera; with a size, upright and framed on the head (the aligned crop).

        Raises InputError for half a size.
        """
        if width_px is None and height_px is None:
            return self.input_camera
        if width_px is None or height_px is None:
            raise InputError("A picture's size is a width and a height: give both, or neither.")
        return self.input_camera.cropped(self.crop.to_photo, width_px, height_px)

    @cached_property
    def renderer(self) -> "Renderer":
        """What drawing needs, prepared at first use and kept."""
        from .render import Renderer

        return Renderer(self)

    def recoloured(self, textures: np.ndarray) -> "Portrait":
        """The portrait with textures of the same opacity and other colours; what drawing needs is kept."""
        other = replace(self, textures=textures)
        vars(other)["renderer"] = self.renderer.recoloured(other)
        return other

    def render(self, camera: Camera, samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draws the portrait: RGBA [H, W, 4] float32, straight sRGB in 0..1, and depth [H, W] float32 in metres.

        A pixel is the mean of `samples` x `samples` rays; 2 smooths outlines at four times the work.
        """
        return self.renderer.render(camera, samples)

    def save(self, path: Path | str) -> None:
        """Writes a .portrait file; see portrait_file.py."""
        from .portrait_file import save_portrait

        save_portrait(self, path)

    @staticmethod
    def load(path: Path | str) -> "Portrait":
        """Reads a .portrait file; InputError if it is cut short, of another kind or of a newer version."""
        from .portrait_file import load_portrait

        return load_portrait(path)
