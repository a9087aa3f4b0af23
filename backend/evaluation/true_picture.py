"""A true view with its person cut out, whether it came with alpha, before a plain background, or before a scene."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..conventions import srgb_to_linear
from ..errors import InputError
from ..photo.landmarks import LandmarkDetector
from ..picture.compositing import GREY, over_grey, to_bytes

DIFFERENT = 24.0 / 255.0
"""What is farther than this from a plain background in some channel is the person; soft hair for the greater part."""

PLAIN = 6.0 / 255.0
"""A background is plain if nine tenths of the border are nearer than this to its median colour."""

BORDER_SHARE = 0.02


@dataclass(frozen=True)
class TruePicture:
    """What a camera really saw."""

    rgba: np.ndarray  # [H, W, 4] in 0..1, straight; opacity of the person
    picture: np.ndarray  # [H, W, 3] in 0..1, with its background
    background: np.ndarray | None  # linear light [3] in 0..1, if it is plain

    @property
    def shown(self) -> np.ndarray:
        """[H, W, 3] uint8, for detectors."""
        return to_bytes(self.picture)


def true_picture(given: np.ndarray, detector: LandmarkDetector, path: Path) -> TruePicture:
    """Takes a file's pixels [H, W, 3 or 4] in 0..1. With alpha the background is mid-grey.

    Without, the person is what differs from a plain background, else what MediaPipe's segmentation takes for one.
    Raises InputError, which names `path`, where no person stands out.
    """
    if given.shape[2] == 4 and (given[..., 3] < 1.0).any():
        return TruePicture(given, over_grey(given), np.full(3, GREY))
    picture = given[..., :3]
    background = plain_background(picture)
    if background is None:
        person = detector.person(to_bytes(picture)) > 0.5
    else:
        person = ndimage.binary_fill_holes(np.abs(picture - background).max(-1) > DIFFERENT)
    if not person.any():
        raise InputError(f"No person stands out in {path}: give it alpha or a plain background.")
    rgba = np.concatenate([picture, person[..., None]], -1).astype(np.float32)
    return TruePicture(rgba, picture, None if background is None else srgb_to_linear(background))


def plain_background(picture: np.ndarray) -> np.ndarray | None:
    """The colour [3] along the border of the upper half, above shoulders, of [H, W, 3]; None if it is not one."""
    rows = max(1, round(BORDER_SHARE * picture.shape[0]))
    upper = picture[: picture.shape[0] // 2]
    columns = max(1, round(BORDER_SHARE * picture.shape[1]))
    border = np.concatenate([part.reshape(-1, 3) for part in (upper[:rows], upper[:, :columns], upper[:, -columns:])])
    colour = np.median(border, axis=0)
    near = (np.abs(border - colour).max(-1) < PLAIN).mean()
    return np.asarray(colour) if near > 0.9 else None
