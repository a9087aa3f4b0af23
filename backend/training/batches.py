"""Examples to tensors: random choice, mirror images, changes of colour, read ahead by other processes."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..camera import Camera
from ..conventions import CHART_HALF_EXTENT
from ..errors import InputError
from ..networks.chart_maps import chart_angles_deg
from ..photo.masks import least_around
from .examples import DEPTH_UNIT_M, UNKNOWN_DEPTH, Example, Shards

BORDER_SHARE = 0.5
"""How many synthetic photographs end inside the crop."""

MAX_BORDER = 0.2
"""By how much of its side at the most."""

Values = TypeVar("Values", "Targets", "Batch")

MAX_OUTLINE = 400
"""Pixels of an outline that are compared."""

EARS_AZIMUTH_DEG, EARS_ELEVATION_DEG = 98.0, -2.0
"""Where the mean head's ears are."""


@dataclass(frozen=True)
class Targets:
    """Parts of N views, at the views' own resolution."""

    cameras: list[list[Camera]]  # of each photograph of the batch, in turn
    rgb: Tensor  # [N, 3, h, w], sRGB-encoded, straight
    opacity: Tensor  # [N, 1, h, w]
    depth_m: Tensor  # [N, 1, h, w], 0 where there is none
    known: Tensor  # [N, 1, h, w], 1 where the above is to be learned


@dataclass(frozen=True)
class Batch:
    """Photographs and what is to be seen of them."""

    picture: Tensor  # [B, 4, H, W], what the networks see
    cameras: list[Camera]
    targets: Targets
    opacity: Tensor  # [B, 1, H, W], of the photographs' foregrounds
    known: Tensor  # [B, 1, H, W], 1 where that is to be learned
    outside: Tensor  # [B, 1, H, W], distance from the foreground in half pictures
    radius_m: Tensor  # [B, R, R], 0 where unknown
    photographs: int  # the first so many are real ones, whose own view is their last target and their only true one

    def to(self, device: str) -> "Batch":
        """The same on a device."""
        return replace(_moved(self, device), targets=_moved(self.targets, device))

    def outlines(self) -> list[Tensor]:
        """Of each photograph, up to MAX_OUTLINE pixels [N, 2] of its foreground's outline, -1..1 (right, down)."""
        foreground = self.opacity * self.known
        inner, sure = (least_around(x, 1) for x in (foreground, self.known))  # zero beside what is unknown, too
        edges = ((foreground > 0.5) & (inner <= 0.5) & (sure > 0.5))[:, 0]
        size = edges.shape[-1]
        found = [(edge.nonzero().flip(-1) + 0.5) * (2.0 / size) - 1.0 for edge in edges]
        return [places[:: 1 + len(places) // MAX_OUTLINE] for places in found]


def batches(
    folder: Path,
    *,
    size: int,
    real: int,
    part_px: int,
    views: int,
    seed: int,
    pairs: int = 0,
    start: int = 0,
    workers: int = 1,
) -> Iterator[Batch]:
    """Batches without end, `real` of their `size` examples photographs, `pairs` of these lifted pairs; step n is the
    same however often resumed, as long as the folder's shards are. New shards are noticed every hundred steps.

    Raises InputError if there are no pairs, or more are wanted than photographs, or no views to see them from.
    """
    if pairs > (real if views else 0):
        raise InputError(f"{pairs} lifted pairs do not fit in: give as many --config.real, and --config.views above 0.")
    if pairs and not len(Shards(folder, "pairs-train")):
        raise InputError(
            f"{folder} holds no lifted pairs: make them with `portrait-manifolds train examples --pairs 1`."
        )
    steps = _Steps(folder, size, real, pairs, part_px, views, seed)
    return iter(DataLoader(steps, batch_size=None, sampler=range(start, sys.maxsize), num_workers=workers))


class _Steps(Dataset[Batch]):
    """The batch of every step."""

    def __init__(self, folder: Path, size: int, real: int, pairs: int, part_px: int, views: int, seed: int) -> None:
        self.folder, self.size, self.real, self.pairs = folder, size, real, pairs
        self.part_px, self.views, self.seed = part_px, views, seed
        self.opened = -1

    def __getitem__(self, step: int) -> Batch:
        if self.opened != step // 100:
            self.opened = step // 100
            self.synthetic, self.photographs = Shards(self.folder, "train"), Shards(self.folder, "real-train")
            self.turned = Shards(self.folder, "pairs-train")
        rng = np.random.default_rng([self.seed, step])
        sources = [self.turned] * self.pairs + [self.photographs] * (self.real - self.pairs)
        sources += [self.synthetic] * (self.size - self.real)
        chosen = [source[int(rng.integers(len(source)))] for source in sources]
        chosen = [augmented(rng, example) for example in chosen]
        chosen[: self.real] = [without_depth(example) for example in chosen[: self.real]]
        chosen[self.real :] = [bordered(rng, example) for example in chosen[self.real :]]
        return make_batch(rng, chosen, self.real, self.part_px, self.views)


def make_batch(rng: np.random.Generator, examples: list[Example], real: int, part_px: int, views: int) -> Batch:
    """The photographs whole, the first `real` of them real; of view 0 and `views` others, a random part of `part_px`
    a side."""
    others = [rng.permutation(np.arange(1, len(example.rgba)))[:views].tolist() for example in examples]
    targets = _targets(rng, examples, [[0, *chosen] for chosen in others], part_px)
    picture = torch.cat([example.picture() for example in examples])
    radius = torch.from_numpy(held_ears(np.stack([example.radius_m for example in examples])))
    opacity = torch.from_numpy(np.stack([example.rgba[:1, ..., 3] for example in examples])).float() / 255.0
    known = torch.from_numpy(np.stack([example.depth[:1] != UNKNOWN_DEPTH for example in examples])).float()
    cameras = [example.camera(0) for example in examples]
    return Batch(picture, cameras, targets, opacity, known, distance_outside(opacity, known), radius, real)


def distance_outside(opacity: Tensor, known: Tensor) -> Tensor:
    """Distance from the foreground in half pictures, [B, 1, H, W]; 0 in it and where it is unknown."""
    outside = ((opacity < 0.5) & (known > 0.5))[:, 0].numpy()
    distance_px = np.stack([ndimage.distance_transform_edt(one) for one in outside])
    return torch.from_numpy(distance_px * (2.0 / opacity.shape[-1])).float()[:, None]


def held_ears(radius_m: np.ndarray) -> np.ndarray:
    """Radius maps [B, R, R] with ears that a displacement of their resolution can hold.

    From the head's centre an ear is a plate seen edge-on, no wider than a texel, and comes and goes between them. It is
    closed along its edge, and made a texel thicker at its back, which the photograph's side never shows.
    """
    azimuth_deg, elevation_deg = chart_angles_deg(radius_m.shape[-1], CHART_HALF_EXTENT)
    near_ears = (np.abs(azimuth_deg - EARS_AZIMUTH_DEG) < 25.0) & (np.abs(elevation_deg - EARS_ELEVATION_DEG) < 30.0)
    held = ndimage.maximum_filter1d(radius_m, 3, axis=1)
    half = radius_m.shape[-1] // 2
    held[:, :, half + 1 :] = np.maximum(held[:, :, half + 1 :], held[:, :, half:-1])
    held[:, :, : half - 1] = np.maximum(held[:, :, : half - 1], held[:, :, 1:half])
    return np.where(near_ears, held, radius_m)


def augmented(rng: np.random.Generator, example: Example) -> Example:
    """Perhaps mirrored; exposure, contrast and white balance changed alike in all pictures."""
    if rng.random() < 0.5:
        example = mirrored(example)
    gamma, gain = np.exp(rng.normal() * 0.12), np.exp(rng.normal() * 0.08 + rng.normal(size=3) * 0.03)
    curve = np.linspace(0.0, 1.0, 256)[:, None] ** gamma * gain  # [256, 3]
    table = (np.clip(curve, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    rgba = example.rgba.copy()
    photo = example.photo.copy()
    for channel in range(3):
        photo[..., channel] = table[photo[..., channel], channel]
        rgba[..., channel] = table[rgba[..., channel], channel]
    return replace(example, photo=photo, rgba=rgba)


def without_depth(example: Example) -> Example:
    """A photograph without its fitted head's depth, which makes faces flat; what is unknown stays so."""
    return replace(example, depth=np.where(example.depth == UNKNOWN_DEPTH, UNKNOWN_DEPTH, 0).astype(np.uint16))


def bordered(rng: np.random.Generator, example: Example) -> Example:
    """Perhaps as if the crop reached over the photograph's border: what lies outside repeats its last pixels.

    The views stay whole, so that the networks learn what goes on there.
    """
    if rng.random() > BORDER_SHARE:
        return example
    height, width = example.photo.shape[:2]
    left, right = (round(width * x) for x in rng.uniform(0.0, MAX_BORDER, 2) * (rng.random(2) < 0.6))
    bottom = round(height * rng.uniform(0.0, MAX_BORDER))
    part, margin = (slice(height - bottom), slice(left, width - right)), ((0, bottom), (left, right))
    photo = np.pad(example.photo[part], (*margin, (0, 0)), mode="edge")
    return replace(example, photo=photo, person=np.pad(example.person[part], margin, mode="edge"))


def mirrored(example: Example) -> Example:
    """The mirror image in portrait space's plane x = 0."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    width = example.rgba.shape[2]
    intrinsics = example.intrinsics.copy()
    intrinsics[:, 2] = width - intrinsics[:, 2]
    return Example(
        example.photo[:, ::-1],
        example.person[:, ::-1],
        example.rgba[:, :, ::-1],
        example.depth[:, :, ::-1],
        flip @ example.poses @ flip,
        intrinsics,
        np.ascontiguousarray(example.radius_m[:, ::-1]),
    )


def _targets(rng: np.random.Generator, examples: list[Example], views: list[list[int]], part_px: int) -> Targets:
    """A random part of each of these views of each example."""
    cameras: list[list[Camera]] = []
    rgba, depth = [], []
    for example, chosen in zip(examples, views, strict=True):
        height, width = example.rgba.shape[1:3]
        part = min(part_px, height, width)
        cameras.append([])
        for view in chosen:
            # Parts near the middle are more common: the face is there.
            x, y = (round((extent - part) * rng.beta(1.6, 1.6)) for extent in (width, height))
            window = (slice(y, y + part), slice(x, x + part))
            cameras[-1].append(example.camera(view).part(x, y, part, part))
            rgba.append(example.rgba[view][window])
            depth.append(example.depth[view][window])
    picture = torch.from_numpy(np.stack(rgba).astype(np.float32) / 255.0).permute(0, 3, 1, 2)
    stored = np.stack(depth)[:, None]
    known = torch.from_numpy((stored != UNKNOWN_DEPTH).astype(np.float32))
    depth_m = torch.from_numpy(np.where(stored == UNKNOWN_DEPTH, 0, stored).astype(np.float32) * DEPTH_UNIT_M)
    return Targets(cameras, picture[:, :3].contiguous(), picture[:, 3:].contiguous(), depth_m, known)


def _moved(values: Values, device: str) -> Values:
    """A dataclass with its tensors on a device."""
    fields: dict[str, Any] = {
        name: value.to(device) for name, value in vars(values).items() if isinstance(value, Tensor)
    }
    return replace(values, **fields)
