"""The adversarial term: drawn pictures are to look like true ones at the same pose.

A projection discriminator (Miyato and Koyama, arXiv 1802.05637) under the condition of the camera, as the papers of
radiance manifolds condition theirs on the pose, with the non-saturating loss (Goodfellow et al., arXiv 1406.2661) and
lazy R1 (Mescheder et al., arXiv 1801.04406; Karras et al., arXiv 1912.04958).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops.reference import srgb_to_linear
from ..camera import Camera
from ..networks.cameras import CameraBatch
from ..networks.precision import autocast
from .batches import Batch
from .descent import descend
from .losses import composited

CHANNELS = (32, 64, 96, 128, 128)
"""Features after each halving of the picture."""

SLOPE = 0.2
"""Of leaky rectifiers below zero."""

LEARNING_RATE, BETAS = 2e-4, (0.0, 0.99)
"""Of its optimiser, Adam."""

MAX_NORM = 10.0
"""Longer gradients are cut to this: less would cut the penalty, which comes in few steps, down to nothing."""

R1_GAMMA = 0.3
"""Weight of the penalty."""

R1_EVERY = 8
"""Steps between those that pay it, as much at once."""

YAW_DEG, PITCH_DEG = (0.0, 8.0), (6.0, 5.0)
"""Mean and spread of photographs' own poses; so far apart, two of them differ by about 11 and 7 degrees."""

CONDITION_MEAN = (0.0, 0.1, 0.9, 0.0, 0.0, 1.7, 0.5)
CONDITION_SPREAD = (0.3, 0.2, 0.1, 0.15, 0.15, 0.15, 0.5)
"""Mean and spread of what `condition` holds, over the pictures of batches: all of it is to vary alike."""


@dataclass(frozen=True)
class Pictures:
    """What the discriminator is shown."""

    rgb: Tensor  # [N, 3, h, w], sRGB-encoded, over plain backgrounds
    condition: Tensor  # [N, 7], see `condition`


class Halving(nn.Module):
    """Two convolutions beside the identity, at half the size."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        first = nn.Conv2d(channels_in, channels_out, 4, 2, 1)
        second = nn.Conv2d(channels_out, channels_out, 3, 1, 1)
        for convolution in (first, second):
            nn.init.kaiming_normal_(convolution.weight, SLOPE)  # as nothing is normalised
        self.body = nn.Sequential(first, nn.LeakyReLU(SLOPE), second, nn.LeakyReLU(SLOPE))
        self.beside = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels_in, channels_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + self.beside(x)) * 0.5**0.5


class Discriminator(nn.Module):
    """Pictures of 32 to 256 pixels a side to scores [N], higher where they look true."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*(Halving(a, b) for a, b in pairwise((3, *CHANNELS))))
        self.score = nn.Linear(CHANNELS[-1], 1)
        self.embedding = nn.Sequential(
            nn.Linear(len(CONDITION_MEAN), CHANNELS[-1]), nn.LeakyReLU(SLOPE), nn.Linear(CHANNELS[-1], CHANNELS[-1])
        )

    def forward(self, pictures: Pictures, *, exact: bool = False) -> Tensor:
        """Scores [N]; `exact` in single precision, as the gradient's own gradient needs."""
        with torch.autocast(pictures.rgb.device.type, enabled=False) if exact else autocast(pictures.rgb):
            features = self.features(pictures.rgb * 2.0 - 1.0)
        features = features.float().mean((2, 3))
        varied = pictures.condition - pictures.condition.new_tensor(CONDITION_MEAN)
        embedded = self.embedding(varied / varied.new_tensor(CONDITION_SPREAD))
        return self.score(features)[:, 0] + (features * embedded).sum(1)


class Adversary:
    """The discriminator and its optimiser; its weights want no gradient but in its own steps."""

    def __init__(self, device: str) -> None:
        discriminator = Discriminator().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator: Discriminator = discriminator.to(device).requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.discriminator.parameters(), LEARNING_RATE, betas=BETAS)

    def learn(self, true: Pictures, drawn: Pictures, *, penalised: bool) -> dict[str, Tensor]:
        """One step of telling them apart, with R1 if `penalised`; returns its loss, `discriminator`, and `r1`, which
        is 0 in other steps.

        What is drawn gets no gradient of it.
        """
        self.discriminator.requires_grad_(True)
        still = Pictures(drawn.rgb.detach(), drawn.condition)
        loss = F.softplus(-self.discriminator(true)).mean() + F.softplus(self.discriminator(still)).mean()
        r1 = torch.zeros_like(loss)
        if penalised:
            r1 = 0.5 * R1_GAMMA * R1_EVERY * squared_gradient(self.discriminator, true)
        descend(loss + r1, self.discriminator, self.optimiser, MAX_NORM)
        self.discriminator.requires_grad_(False)
        return {"discriminator": loss, "r1": r1}

    def loss(self, drawn: Pictures) -> Tensor:
        """What it costs that they do not look true."""
        return F.softplus(-self.discriminator(drawn)).mean()


def squared_gradient(discriminator: Discriminator, pictures: Pictures) -> Tensor:
    """Squared length of the scores' gradient by their pictures' pixels, mean over them: R1 without its weight."""
    rgb = pictures.rgb.detach().requires_grad_(True)
    scores = discriminator(Pictures(rgb, pictures.condition), exact=True)
    (gradient,) = torch.autograd.grad(scores.sum(), rgb, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def turned_cameras(batch: Batch) -> list[Camera]:
    """For each photograph of a batch a novel view at a photograph's pose, of the same part of the picture as its own.

    Drawn as torch's seed says.
    """
    turned = []
    for cameras in batch.targets.cameras[: batch.photographs]:
        x, y, z = cameras[-1].position_m
        now_deg = np.degrees([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))])
        (yaw, yaw_spread), (pitch, pitch_spread) = YAW_DEG, PITCH_DEG
        wanted_deg = np.array([yaw, pitch]) + torch.randn(2).numpy() * [yaw_spread, pitch_spread]
        turned.append(cameras[-1].orbited(*(wanted_deg - now_deg).tolist()))
    return turned


def contest(batch: Batch, drawn: Tensor, turned: list[Camera], novel: list[Tensor]) -> tuple[Pictures, Pictures]:
    """True pictures of a batch, and drawn ones: its targets' views [N, h, w, 5], each photograph's own alone, and
    those that `turned` cameras saw of the photographs, [1, h, w, 5] each.

    What is unknown of a view is background in both. Novel views lack it at the same pixels as their photographs, so
    that a border says nothing.
    """
    targets, photographs = batch.targets, batch.photographs
    ends = np.cumsum([len(cameras) for cameras in targets.cameras])
    own = (ends[:photographs] - 1).tolist()
    chosen = [*own, *range(ends[photographs - 1] if photographs else 0, ends[-1])]
    cameras = [camera for cameras in targets.cameras for camera in cameras]
    cameras = [cameras[view] for view in chosen]
    known, opacity = targets.known[chosen], targets.opacity[chosen]
    background = torch.rand(len(chosen), 3, 1, 1).to(known)
    colour = srgb_to_linear(targets.rgb[chosen]) * opacity
    true = composited(colour * known, opacity * known, background)
    known = torch.cat([known, known[:photographs]])
    background = torch.cat([background, torch.rand(photographs, 3, 1, 1).to(known)])
    views = torch.cat([drawn[chosen], *novel]).permute(0, 3, 1, 2)
    false = composited(views[:, :3] * known, views[:, 3:4] * known, background)
    seen = condition(cameras + turned, [*range(photographs), *range(len(chosen), len(false))]).to(known)
    return Pictures(true, seen[: len(chosen)]), Pictures(false, seen)


def condition(cameras: list[Camera], photographs: list[int]) -> Tensor:
    """[N, 7]: the direction in which a camera stands, how far the principal point lies from the picture's middle and
    the logarithm of the focal length, both in picture sides, and 1 for those that see a photograph, else 0."""
    views = CameraBatch.of(cameras)
    is_photograph = torch.zeros(len(cameras), 1)
    is_photograph[photographs] = 1.0
    return torch.cat(
        [F.normalize(views.position(), dim=-1), views.centre - 0.5, views.focal[:, :1].log(), is_photograph], 1
    )
