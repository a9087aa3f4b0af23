"""Pictures carried back into the textures: what a camera should see, painted on the texels that it does see.

Each texel before or just behind the visible surface takes the difference between the wanted picture and the drawn one
at its projection, and the portrait is drawn again (simultaneous iterative reconstruction, Gilbert 1972, with the
sampled difference for the transposed projection). Geometry and opacity stay. Nothing of torch is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from ...cuda_ops.seen_texels import Surface, carried_back, seen_texels
from ...cuda_ops.texels import Stack
from .. import progress
from ..camera import Camera
from ..conventions import SEEN_MARGIN_M, SEEN_SOFTNESS_M
from ..manifolds import resample_map
from ..portrait import Portrait

LEAST_OPACITY = 0.05
"""Where less of the portrait is drawn, its colours say nothing."""

LEAST_GAIN = 0.03
"""A step that takes less than this share of the squared difference away is halved."""

SHORTEST = 0.2
"""Where steps come to be shorter, the descent ends."""

MOST_HALVINGS = 3
"""A texel wider than a pixel takes the mean of so many, as a picture halved up to this often has them."""


class TexelsSeen:
    """The texels of a portrait that a camera sees, and what they take from its pictures."""

    def __init__(
        self,
        portrait: Portrait,
        camera: Camera,
        depth_m: np.ndarray | None,
        hidden: int = 0,
        believed: np.ndarray | None = None,
    ) -> None:
        """`depth_m` [H, W] is what the portrait's renderer gives for `camera`; without it hidden texels count too, but
        for those of the `hidden` innermost sheets. `believed` is a `Matching`'s."""
        surface = None if depth_m is None else Surface(depth_m, SEEN_MARGIN_M, SEEN_SOFTNESS_M)
        textures, stack = portrait.textures[hidden:], stack_of(portrait, camera)
        texels = seen_texels(textures, replace(stack, offsets_m=stack.offsets_m[hidden:]), surface, MOST_HALVINGS)
        texels = texels if believed is None else texels.believed(believed)
        self.texels = texels._replace(texel=texels.texel + hidden * portrait.texture_size**2)
        self.index = self.texels.texel  # [N], into the portrait's [S T T]

    def sample(self, picture: np.ndarray) -> np.ndarray:
        """[H, W, C] at the texels, bilinear, for texels wider than a pixel in a picture halved so often: [N, C]."""
        starts = np.arange(0, self.texels.corners.size + 1, 4, dtype=np.int32)
        entries = (self.texels.shares.ravel(), self.texels.corners.ravel(), starts)
        return sparse.csr_matrix(entries, (len(self.index), self.texels.pixels)) @ _levels(picture)

    def carry_back(
        self, portrait: Portrait, colours: np.ndarray, picture: np.ndarray, length: float
    ) -> tuple[Portrait, np.ndarray]:
        """The portrait whose texels' `colours` [N, 3], 0..1, took `length` of a picture [H, W, 3]; and the new ones."""
        textures, moved = carried_back(portrait.textures, self.texels, colours, _levels(picture), length)
        return portrait.recoloured(textures), moved


def stack_of(portrait: Portrait, camera: Camera) -> Stack:
    """The portrait's texels before a camera."""
    manifolds, size = portrait.manifolds, portrait.texture_size
    radius_m, spread = (resample_map(x, size) for x in (manifolds.total_radius_m(), manifolds.spread))
    offsets_m = manifolds.offsets_m.copy()  # torch, which may work on these, warns of what is read-only
    return Stack(radius_m, spread, offsets_m, manifolds.half_extent, camera)


@dataclass(frozen=True)
class Matching:
    """How colours are matched to a picture."""

    steps: int
    """At most: one that brings nothing nearer is taken back and halved, and fewer may do."""
    stage: str
    """As which progress is reported between them, where it can be cancelled."""
    samples: int = 1
    """Rays along a pixel's side, of which it is the mean."""
    noise: float = 0.0
    """Only what differs by more, of 0..1, is carried back."""
    hidden: int = 0
    """So many sheets, the innermost, take nothing."""
    believed: Any = None
    """Chart map [T, T], 0..1: how much of it the others take; all without one. An array, or a tensor on a GPU."""


def match_colours(
    portrait: Portrait, camera: Camera, wanted: np.ndarray, weight: np.ndarray, how: Matching
) -> Portrait:
    """The portrait with colours such that `camera` sees `wanted` [H, W, 3] (sRGB-encoded, 0..1).

    `weight` [H, W], 0..1, says how much each pixel counts.
    """
    if how.steps < 1:
        return portrait
    rgba, depth_m = portrait.render(camera, how.samples)
    weight = (weight * (rgba[..., 3] > LEAST_OPACITY)).astype(np.float32)[..., None]
    texels = TexelsSeen(portrait, camera, depth_m, how.hidden, how.believed)
    seen = portrait.textures.view(np.uint32).ravel()[texels.index]  # whole texels: three times as fast
    colours = seen.view(np.uint8).reshape(-1, 4)[:, :3] / np.float32(255.0)

    def tried(now: Match, length: float) -> Match:
        portrait, colours = texels.carry_back(now.portrait, now.colours, _beyond(now.residual, how.noise), length)
        return match(portrait, colours, portrait.render(camera, how.samples)[0])

    def match(portrait: Portrait, colours: np.ndarray, rgba: np.ndarray) -> Match:
        residual = (wanted - rgba[..., :3]) * weight
        return Match(portrait, colours, residual, float(np.vdot(residual, residual)))

    return nearest(match(portrait, colours, rgba), tried, how).portrait


class Match(NamedTuple):
    """A portrait, and how far its picture is from what is wanted; arrays, or tensors on a GPU."""

    portrait: Any
    colours: Any  # [N, 3], 0..1, of the texels that are seen
    residual: Any  # [H, W, 3]
    squared: float


def nearest(match: Match, tried: Callable[[Match, float], Match], how: Matching) -> Match:
    """What steps of descent reach, of a length that begins at one and is given to `tried`."""
    length = 1.0
    for step in range(how.steps):
        progress.report(step / how.steps, how.stage)
        with progress.part(step / how.steps, (step + 1) / how.steps):
            next_match = tried(match, length)
        gain = 1.0 - next_match.squared / max(match.squared, 1e-9)
        if gain > 0.0:
            match = next_match
        if gain < LEAST_GAIN:
            length *= 0.5
        if length < SHORTEST:
            break
    return match


def _beyond(residual: np.ndarray, noise: float) -> np.ndarray:
    """Differences [H, W, 3] shrunk by `noise` (soft thresholding, Donoho 1995)."""
    return np.sign(residual) * np.maximum(np.abs(residual) - noise, 0.0) if noise else residual


def _levels(picture: np.ndarray) -> np.ndarray:
    """A picture [H, W, C] and its halved ones, the pixels of all one after the other, float32."""
    levels = [_padded(picture.astype(np.float32))]
    for _ in range(MOST_HALVINGS):
        fine = levels[-1]
        levels.append(0.25 * (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]))
    return np.concatenate([level.reshape(-1, picture.shape[2]) for level in levels])


def _padded(picture: np.ndarray) -> np.ndarray:
    """[H, W, C] continued at its right and lower border until it can be halved MOST_HALVINGS times."""
    height, width = picture.shape[:2]
    most = 1 << MOST_HALVINGS
    return np.pad(picture, ((0, -height % most), (0, -width % most), (0, 0)), mode="edge")
