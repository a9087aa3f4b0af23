"""Draws portraits: the compiled renderer, or the plain-torch reference where there is no compiler."""

import logging
from copy import copy
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from ..cuda_ops.build import BuildError
from ..cuda_ops.native import Light, NativeScene, View, pyramid_u8
from . import progress
from .camera import Camera
from .conventions import MIN_OPACITY
from .errors import InputError
from .manifolds import direction_to_chart, sample_map
from .portrait import Portrait

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)


def check_samples(samples: int) -> None:
    """Raises InputError for a number of rays along a pixel's side that cannot be drawn."""
    if not isinstance(samples, Integral) or not 1 <= samples <= 8:
        raise InputError(f"{samples} samples along a pixel cannot be drawn: give 1 to 8.")


def _drawn(share: float) -> None:
    """Says which share of a picture is drawn; drawing can be cancelled there."""
    progress.report(share, "drawing")


class Renderer:
    """A portrait made ready for drawing; keeps its mip levels (a third of the textures' memory).

    It knows the portrait's parts, not the portrait, which keeps it: both go as soon as nobody uses them.
    """

    def __init__(self, portrait: Portrait) -> None:
        self.manifolds = manifolds = portrait.manifolds
        self.textures = portrait.textures
        self.radius_m = manifolds.total_radius_m()
        self.native: NativeScene | None = None
        try:
            self.native = NativeScene(
                pyramid_u8(portrait.textures),
                self.radius_m,
                manifolds.spread,
                manifolds.offsets_m,
                half_extent=manifolds.half_extent,
            )
        except BuildError as error:
            log.warning("drawing with the slow reference renderer: %s", error)

    def recoloured(self, portrait: Portrait) -> "Renderer":
        """The same for a portrait that differs in its colours alone, sooner made than a new one."""
        other = copy(self)
        other.textures = portrait.textures
        if self.native is not None:
            other.native = self.native.recoloured(pyramid_u8(portrait.textures))
        return other

    def render(self, camera: Camera, samples: int = 1, softness: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """RGBA [H, W, 4] float32 (straight sRGB, 0..1) and expected depth [H, W] float32 (metres, +inf where empty).

        A pixel is the mean of `samples` x `samples` rays, 1 to 8. Where a sheet is seen at an angle whose cosine is
        below `softness`, 0 to 1, it fades (not by the slow reference).

        Raises InputError for a camera inside the head or one that looks away from it.
        """
        self._check_place(camera)
        return self.picture(camera, samples, softness)

    def picture(self, camera: Camera, samples: int = 1, softness: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The same of any camera: where it sees nothing of the portrait, as on a pan past it, the picture is clear."""
        check_samples(samples)
        if self.native is not None:
            return self.native.render(View.of(camera, samples, softness), _drawn)
        from ..cuda_ops.reference import finish_picture

        rgba, depth = finish_picture(self._accumulated_by_reference(camera, samples))
        return rgba.numpy(), depth.numpy()

    def light(self, camera: Camera, samples: int = 1, softness: float = 0.0) -> Light:
        """That picture as compositors take it, without the empty border."""
        check_samples(samples)
        if self.native is not None:
            return self.native.light(View.of(camera, samples, softness), _drawn)
        accumulated = self._accumulated_by_reference(camera, samples).numpy()[::-1]
        opacity, weighted = accumulated[..., 3], accumulated[..., 4]
        depth = np.full_like(opacity, np.inf)
        np.divide(weighted, opacity, out=depth, where=opacity >= MIN_OPACITY)
        return Light(np.ascontiguousarray(accumulated[..., :4]), depth, 0, 0)

    def _check_place(self, camera: Camera) -> None:
        """Raises InputError where the camera is inside the head, or looks away from it."""
        position = camera.position_m
        distance = float(np.linalg.norm(position))
        if distance < 1e-6:
            raise InputError("The camera is inside the head: move it away.")
        uv = direction_to_chart(position / distance)
        # The skin, not the outermost sheet: a camera among the hair's outer sheets still sees something.
        half_extent = self.manifolds.half_extent
        if np.abs(uv).max() < half_extent and distance < sample_map(self.radius_m, uv, half_extent):
            raise InputError("The camera is inside the head: move it away.")
        _, depth = camera.project(np.zeros(3))
        if depth <= 0:
            raise InputError("The camera looks away from the head: turn it round.")

    def _accumulated_by_reference(self, camera: Camera, samples: int) -> "Tensor":
        """[H, W, 5]: premultiplied linear RGB, opacity, opacity-weighted depth."""
        import torch

        from ..cuda_ops.render_manifolds import render_manifolds

        manifolds = self.manifolds
        with torch.inference_mode():
            accumulated = render_manifolds(
                torch.tensor(self.textures).float() / 255.0,
                torch.from_numpy(self.radius_m),
                torch.tensor(manifolds.spread),
                torch.tensor(manifolds.offsets_m),
                camera.resized(camera.width_px * samples, camera.height_px * samples),
                half_extent=manifolds.half_extent,
                implementation="reference",
            )
            return torch.nn.functional.avg_pool2d(accumulated.permute(2, 0, 1), samples).permute(1, 2, 0)
