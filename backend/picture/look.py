"""How a portrait is shown: brighter, tinted, thinner. Blender's node group of the same controls does the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...cuda_ops.native import Light
from ..conventions import linear_to_srgb, srgb_to_linear
from ..errors import InputError
from ..portrait import Portrait

_RANGE = "a look has three gains from 0 to a million, an edge softness and an opacity from 0 to 1"


@dataclass(frozen=True)
class Look:
    """Raises InputError for values out of range."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """What linear red, green and blue are multiplied by."""
    opacity: float = 1.0
    """What every sheet's opacity is multiplied by, 0 to 1."""
    softness: float = 0.0
    """Cosine of the angle at which a sheet is seen, below which it fades, 0 to 1."""

    def __post_init__(self) -> None:
        gains_fit = len(self.gain) == 3 and all(0.0 <= value <= 1e6 for value in self.gain)
        if not (gains_fit and 0.0 <= self.opacity <= 1.0 and 0.0 <= self.softness <= 1.0):
            raise InputError(f"{self} cannot be drawn: {_RANGE}.")

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "Look":
        """From `gain`, `opacity` and `softness`; what is missing stays as it is in the portrait."""
        try:
            gain = tuple(float(value) for value in values.get("gain", (1.0, 1.0, 1.0)))
            opacity, softness = float(values.get("opacity", 1.0)), float(values.get("softness", 0.0))
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"This is no look ({error}): {_RANGE}.") from error
        return Look(gain, opacity, softness)  # type: ignore[arg-type]  # three are checked for

    def thinned(self, portrait: Portrait) -> Portrait:
        """The portrait with its opacities multiplied, rounded to 8 bits as ever."""
        if self.opacity == 1.0:
            return portrait
        textures = portrait.textures.copy()
        textures[..., 3] = np.rint(textures[..., 3] * np.float32(self.opacity))
        return replace(portrait, textures=textures)

    def shone(self, light: Light) -> Light:
        """A picture in linear light with that light multiplied."""
        if self.gain == (1.0, 1.0, 1.0):
            return light
        return light._replace(rgba=light.rgba * np.array((*self.gain, 1.0), np.float32))

    def lit(self, rgba: np.ndarray) -> np.ndarray:
        """A picture [H, W, 4], straight and sRGB-encoded, with its light multiplied; may exceed 1."""
        if self.gain == (1.0, 1.0, 1.0):
            return rgba
        colour = linear_to_srgb(srgb_to_linear(rgba[..., :3]) * np.array(self.gain, np.float32))
        return np.concatenate([colour, rgba[..., 3:]], axis=-1)
