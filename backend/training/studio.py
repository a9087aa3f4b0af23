"""Everything that subjects are made from, loaded and prepared once a process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from ...cuda_ops.rasterise import Texture, make_texture
from .assets import HeadModel, Wardrobe
from .atlas import SkinAtlas
from .correspondence import LandmarkMap
from .hair import GROWN_SHARES
from .hair_shell import HairShell
from .head_pieces import HeadParts
from .scalp import Scalp
from .skins import Skin


@dataclass(frozen=True)
class SkinLibrary:
    """Skins on disk, a WebP picture each in a folder, decoded when asked for."""

    folder: Path
    tones: Mapping[str, np.ndarray]  # linear tone [3] of each usable photograph

    def names(self, allowed: Sequence[str]) -> list[str]:
        """Those of `allowed` that gave a usable skin."""
        return [name for name in allowed if name in self.tones]

    def load(self, name: str) -> Skin:
        """Decodes a skin."""
        return Skin(_decoded(self.folder / f"{name}.webp"), self.tones[name], 1.0, 1.0)


@dataclass(frozen=True)
class Studio:
    """Shared parts of all subjects."""

    head: HeadModel
    wardrobe: Wardrobe
    parts: HeadParts
    atlas: SkinAtlas
    scalp: Scalp
    shells: Mapping[str, HairShell]
    landmark_map: LandmarkMap
    skins: SkinLibrary
    fitted_expressions: Mapping[str, np.ndarray]  # [57] of each fitted photograph
    hair_colours: Mapping[str, np.ndarray]  # linear [3] of the photographs whose hair was seen
    backgrounds: Mapping[str, np.ndarray]  # [h, w, 3] uint8, the photographs' own, people filled over

    @property
    def hair_names(self) -> list[str]:
        """Grown and wardrobe styles."""
        return [*GROWN_SHARES, *self.shells]

    @cached_property
    def clear(self) -> Texture:
        """White with alpha just short of opaque, so that vertex opacities count: for lenses."""
        texels = np.full((4, 4, 4), 255, np.uint8)
        texels[..., 3] = 254
        return make_texture(texels)


@lru_cache(maxsize=64)
def _decoded(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
