"""Sharpening: the textures matched to the photograph itself, in its own view and at its own detail."""

import numpy as np

from .backprojection import match_colours
from .input_view import InputView
from .portrait import Portrait

LEAST_OPACITY = 0.05
"""Where less of the person is, colours say nothing."""


def refine(portrait: Portrait, view: InputView, steps: int) -> Portrait:
    """The portrait with the detail of its photograph, by `steps` of back-projection.

    Compared with the person's own colour, so that soft hair takes no background. Only colours that the photograph
    shows change: other views lose nothing.
    """
    if steps < 1:
        return portrait
    rgba, _ = portrait.render(view.camera)
    solid = np.minimum(rgba[..., 3], view.foreground.opacity)
    weight = np.where(view.inside & (solid > LEAST_OPACITY), np.sqrt(solid), 0.0).astype(np.float32)
    return match_colours(portrait, view.camera, view.foreground.rgb, weight, steps, "sharpening")
