"""What the landmarks enclose is the sitter: of a face half in the dark, estimates of the person may miss a half."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull

WITHIN = 0.92
"""Landmarks are off by some pixels: a face is surely there only so far from its middle to them."""

SEEN = 0.1
"""An estimate that sees a smaller share of a face has found nobody, such as in an animal's."""

LEAST = 0.9
"""In any other all of the face is at least so surely the person's."""


def with_face(person: np.ndarray, landmarks_px: np.ndarray) -> np.ndarray:
    """An estimate of the person [S, S], 0..1, with all of the face, whose landmarks [N, 2] are in its pixels."""
    outline = landmarks_px[ConvexHull(landmarks_px).vertices]
    middle = outline.mean(0)
    height, width = person.shape
    mask = Image.new("1", (width, height))
    ImageDraw.Draw(mask).polygon([(x, y) for x, y in middle + WITHIN * (outline - middle)], fill=1)
    face = np.asarray(mask)
    if not face.any() or person[face].mean() < SEEN:
        return person
    return np.where(face, np.maximum(person, LEAST), person)
