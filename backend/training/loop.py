"""The training loop: E_w, synthesis, E_detail, super-resolution and decoder together, on synthetic and real portraits.

Stages `prior` and `detail` of the paper are one here: the w+ path gets its own loss through the coarse displacement,
and everything else through the pictures. Resumable at any checkpoint; the same seed gives the same batches.
"""

import csv
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..atomic import make_folder
from ..camera import Camera
from ..conventions import Device
from ..errors import InputError
from ..networks.config import SizeName, inversion_config
from ..networks.inversion import Inversion
from ..networks.manifest import read_manifest
from ..networks.weights import load_weights
from ..reconstruct import choose_device
from .adversary import Adversary
from .batches import batches
from .checkpoint import MovingAverage, load_checkpoint, save_checkpoint
from .choices import check_above_zero, check_least
from .descent import descend
from .losses import LossWeights
from .preview import save_sheet
from .samples import sample_sheet
from .steps import shape_step, training_step
from .teacher import Teacher

log = logging.getLogger(__name__)

PRIOR_RATE = 10.0
"""Opacity's logits before any photograph are learned so much faster than weights: they are ten times as large."""

Part = Literal["encoder_w", "synthesis", "encoder_detail"]

CHECKPOINT, LOG = "checkpoint.safetensors", "log.csv"
"""A run's files in its folder."""

LOG_EVERY = 25
"""Steps that a line of the log is the mean of."""

WARM_UP_STEPS = 50
"""The learning rate rises linearly in the first."""

LEAST_RATE = 0.02
"""It falls to this share of itself by the end."""

AVERAGE_DECAY = 0.995
"""Of the weights' moving average, a step."""

MAX_NORM = 1.0
"""Longer gradients are cut to this."""

MAX_SEED = (1 << 31) - 1
"""A step's own seed, which torch takes as 64 bits, has this in its upper half."""


@dataclass(frozen=True)
class TrainConfig:
    """One run."""

    cache: Path
    """Folder of example shards."""
    out: Path
    """Folder for the checkpoint, the log and the sample pictures."""
    size: SizeName = "default"
    """Size of the networks."""
    start: Path | None = None
    """Folder of packed weights to begin with; without it training begins from nothing."""
    minutes: float = 60.0
    """Time to train, earlier runs included; the learning rate falls to nothing by then."""
    shape_only: bool = False
    """Learn radius and matte alone, which takes a third of the time: a first stage, for `start` of the next."""
    teacher: Path | None = None
    """Folder of packed weights that say what photographs look like from beside; without it what they hide drifts."""
    frozen: tuple[Part, ...] = ()
    """Parts that stay as they are; a step takes two thirds of the time where all of these do."""
    batch: int = 4
    """Photographs a step."""
    real: int = 1
    """How many of them are real."""
    pairs: int = 0
    """How many of those are lifted pairs: turned by a relief, with the photograph as what is seen from elsewhere."""
    part_px: int = 160
    """Side of the part of each view that is drawn and compared."""
    views: int = 2
    """Novel views of each synthetic subject."""
    learning_rate: float = 5e-4
    """At its highest."""
    fine_after: float = 0.65
    """Share of the time after which textures are drawn at their full size, which is slower."""
    device: Device = "auto"
    """Where to train."""
    workers: int = 1
    """Processes that read batches ahead; a GPU wants a dozen."""
    seed: int = 0
    """Of weights and batches."""
    save_every: int = 150
    """Steps between checkpoints and sample pictures."""
    weights: LossWeights = field(default_factory=LossWeights)
    """Weights of the loss's terms."""

    def check(self) -> None:
        """Raises InputError for numbers or weights that no run can be made with."""
        check_above_zero(minutes=self.minutes, learning_rate=self.learning_rate)
        check_least(1, batch=self.batch, part_px=self.part_px, save_every=self.save_every)
        check_least(0, real=self.real, pairs=self.pairs, views=self.views, workers=self.workers, seed=self.seed)
        check_least(0, **asdict(self.weights))
        if self.seed > MAX_SEED:
            raise InputError(f"A seed of {self.seed} cannot be used: give at most {MAX_SEED}.")
        if self.real > self.batch:
            raise InputError(f"{self.real} real photographs do not fit in: give a batch of as many.")
        if not 0.0 <= self.fine_after <= 1.0:
            raise InputError(f"fine-after is a share of the time, not {self.fine_after:g}: give 0 to 1.")
        for folder in (self.start, self.teacher):
            if folder is not None:
                read_manifest(folder)
        if self.start is not None and (size := read_manifest(self.start).size) != self.size:
            raise InputError(f"The networks in {self.start} are of size {size}, not {self.size}: give that size.")


def train(config: TrainConfig, mean_radius_m: np.ndarray, samples: Sequence[tuple[Tensor, Camera]]) -> Inversion:
    """Trains, or goes on where the checkpoint in `out` stops; returns the averaged network.

    `mean_radius_m` [128, 128] is the mean head that displacements start from, unless `start` brings its own; `samples`
    are what the networks see, and its cameras, to look at; none, no pictures. Raises InputError where the checkpoint is
    of another network or the cache lacks pairs that are wanted.
    """
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    network = _begun(config, mean_radius_m, device)
    optimiser = make_optimiser(network)
    average = MovingAverage(network, AVERAGE_DECAY)
    adversary = Adversary(device) if config.weights.adversarial and not config.shape_only else None
    make_folder(config.out)
    step, trained = 0, 0.0
    if (config.out / CHECKPOINT).is_file():
        step, trained = load_checkpoint(config.out / CHECKPOINT, network, average, optimiser, adversary)
    source = batches(
        config.cache, size=config.batch, real=config.real, pairs=config.pairs, part_px=config.part_px,
        views=config.views, seed=config.seed, start=step, workers=config.workers,
    )  # fmt: skip
    teacher = Teacher(config.teacher, device) if config.teacher and config.real else None
    recent: list[dict[str, float]] = []
    began = time.monotonic() - trained

    def save() -> None:
        seconds = time.monotonic() - began
        save_checkpoint(config.out / CHECKPOINT, network, average, optimiser, step, seconds, adversary)

    while (progress := (time.monotonic() - began) / (60.0 * config.minutes)) < 1.0:
        rate = learning_rate(config, step, progress)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["times"]
        batch = next(source).to(device)
        torch.manual_seed((config.seed << 32) + step)  # so that a step draws the same however often resumed
        if config.shape_only:
            terms = shape_step(network, batch, config.weights)
        else:
            lesson = teacher.lesson(batch, np.random.default_rng([config.seed, step])) if teacher else None
            fine = progress > config.fine_after
            terms = training_step(network, batch, config.weights, lesson, adversary, fine=fine, step=step)
        norm = descend(terms["total"], network, optimiser, MAX_NORM)
        step += 1
        average.update(network, step)
        recent.append({name: float(value.detach()) for name, value in terms.items()} | {"norm": float(norm)})
        if step % LOG_EVERY == 0:
            _log(config.out / LOG, step, time.monotonic() - began, rate, recent)
            recent = []
        if step % config.save_every == 0:
            save()
            if samples:
                now = averaged(config, average).to(device)
                save_sheet(config.out / f"samples-{step:06d}.png", sample_sheet(now, samples))
    save()
    return averaged(config, average)


def _begun(config: TrainConfig, mean_radius_m: np.ndarray, device: str) -> Inversion:
    """The network before its first step."""
    network = Inversion(inversion_config(config.size))
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast in bf16
    network = network.to(device)
    if config.start is None:
        network.geometry.set_mean(mean_radius_m)
    else:  # its displacements are of its own mean head
        network.load_state_dict(load_weights(folder=config.start).network.state_dict())
    for part in config.frozen:
        getattr(network, part).requires_grad_(False)
    return network


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """Of a step: warmed up, then along half a cosine to LEAST_RATE, by the share of the time that is over, 0..1."""
    warmed_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return config.learning_rate * warmed_up * (LEAST_RATE + (1.0 - LEAST_RATE) * 0.5 * (1 + np.cos(np.pi * progress)))


def make_optimiser(network: Inversion) -> torch.optim.Optimizer:
    """AdamW; each group's `times` is what its learning rate is multiplied by."""
    prior = network.decoder.opacity_prior
    others = [parameter for parameter in network.parameters() if parameter is not prior]
    groups = [{"params": others, "times": 1.0}, {"params": [prior], "times": PRIOR_RATE}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=1e-3)


def resumed(config: TrainConfig) -> Inversion:
    """The averaged network of a run's checkpoint; raises InputError if there is none."""
    if not (config.out / CHECKPOINT).is_file():
        raise InputError(f"There is no checkpoint in {config.out}: name the folder of a run of train networks.")
    network = Inversion(inversion_config(config.size))
    average = MovingAverage(network, 0.0)
    load_checkpoint(config.out / CHECKPOINT, network, average, make_optimiser(network))
    return averaged(config, average)


def averaged(config: TrainConfig, average: MovingAverage) -> Inversion:
    """A network with the averaged weights."""
    network = Inversion(inversion_config(config.size))
    network.load_state_dict(average.values)
    return network.eval()


def _log(path: Path, step: int, seconds: float, rate: float, recent: list[dict[str, float]]) -> None:
    """Adds a line of means over the recent steps' terms; where these are others than the log's, a new log begins."""
    means = {name: float(np.mean([terms[name] for terms in recent])) for name in recent[0]}
    row = {"step": step, "seconds": round(seconds, 1), "rate": f"{rate:.2e}"}
    row |= {name: f"{value:.5f}" for name, value in means.items()}
    if path.is_file() and path.read_text(encoding="utf-8").partition("\n")[0].split(",") != list(row):
        path.replace(path.with_stem(f"{path.stem}-{step:06d}"))  # other terms are learned now
    is_new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row.keys())
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    log.info("%s", " ".join(f"{name} {value}" for name, value in row.items()))
