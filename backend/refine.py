"""Sharpening: the textures matched to the photograph itself, in its own view and at its own detail."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import progress
from .photo.input_view import InputView
from .portrait import Portrait
from .texture.backprojection import LEAST_OPACITY, Matching, match_colours

if TYPE_CHECKING:
    from torch import Tensor

    from .networks.sheet_geometry import SheetGeometry

STAGE = "sharpening"

QUICK_STEPS = 2
"""So few steps are taken with one ray a pixel; more with four, as the picture is drawn when quality counts."""

NOISE, MORE_NOISE = 1.0 / 255.0, 2.0 / 255.0
"""Smaller differences stay, and larger ones when steps go on: they are noise and compression of the photograph, which
would be carried into every other view."""

NECK = 1
"""So many sheets, the innermost, are the neck's and take nothing: under a soft jaw they would take its colours."""

MOST_RAYS = 1200
"""Rays along the compared picture's side; a larger picture has one a pixel however many the steps."""


def refine(portrait: Portrait, view: InputView, steps: int, believed: np.ndarray) -> Portrait:
    """The portrait with the detail of its photograph, by at most `steps` of back-projection, where a chart map
    `believed` [T, T], 0..1, says that it shows any.

    Compared with the person's own colour, so that soft hair takes no background. Only colours that the photograph
    shows change.
    """
    person = view.foreground.opacity
    weight = np.where(view.inside & (person > LEAST_OPACITY), np.sqrt(person), 0.0)
    done = 0
    for stage in _stages(steps, view.camera.width_px, believed):
        with progress.part(done / steps, (done + stage.steps) / steps):
            portrait = match_colours(portrait, view.camera, view.foreground.rgb, weight, stage)
        done += stage.steps
    return portrait


def sharpens_on_gpu() -> bool:
    """Whether there are kernels for `refine_on_gpu`."""
    from ..cuda_ops.render_manifolds import default_implementation
    from ..cuda_ops.tensor_calls import texels_library

    return default_implementation("cuda") == "native" and texels_library() is not None


def refine_on_gpu(
    textures: "Tensor",
    geometry: "SheetGeometry",
    radius_m: "Tensor",
    view: InputView,
    steps: int,
    believed: "Tensor",
) -> "Tensor":
    """What `refine` makes of textures [S, T, T, 4] uint8 on sheets of r + delta [G, G], before they leave the GPU."""
    from .texture.backprojection_cuda import PortraitOnGpu
    from .texture.texturing import stack_before

    photo = view.on(textures.device)
    weight = photo.opacity.sqrt() * (photo.inside & (photo.opacity > LEAST_OPACITY))
    stack = stack_before(view.camera, geometry, radius_m, textures.shape[1])
    portrait = PortraitOnGpu.of(textures, radius_m, geometry.spread, geometry.offsets_m, geometry.half_extent)
    for stage in _stages(steps, view.camera.width_px, believed):
        portrait = portrait.matched(stack, photo.rgb, weight, stage)
    return portrait.textures


def _stages(steps: int, width_px: int, believed: Any) -> list[Matching]:
    """Quick steps, and more careful ones if there are so many."""
    samples = 2 if 2 * width_px <= MOST_RAYS else 1
    quick = Matching(min(steps, QUICK_STEPS), STAGE, 1, NOISE, NECK, believed)
    careful = Matching(steps - QUICK_STEPS, STAGE, samples, MORE_NOISE, NECK, believed)
    return [stage for stage in (quick, careful) if stage.steps > 0]
