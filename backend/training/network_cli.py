"""`portrait-manifolds train examples`, `carry`, `networks`, `validate` and `pack`: what the commands take and do."""

import logging
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..atomic import make_folder
from ..errors import InputError
from ..networks.weights import FOLDER, load_weights, mix_in, save_weights
from ..photo.alignment import LandmarkTemplate
from ..photo.landmarks import LandmarkDetector
from .carrying import carry, unpack
from .choices import LEAST_PX, check_least
from .cli import SourceConfig
from .example_maker import ExampleMaker
from .examples import Shards, save_shard
from .loop import TrainConfig, resumed, train
from .mean_shape import mean_shape_m
from .splits import SPLITS, SplitName
from .template import write_template
from .validation import validate
from .workers import worker_context

log = logging.getLogger(__name__)

TEMPLATE = "template.safetensors"

SHARD = 32
"""Synthetic subjects in a file."""

Kind = Literal["subjects", "real", "pairs"]

MAX_FOR_MEAN = 600
"""Subjects that the mean head is the median of, at most."""


@dataclass(frozen=True)
class TrainExamples:
    """Draw synthetic subjects and cut out the photographs, as inference will see them; goes on where it stopped."""

    cache: Path
    """Folder for the shards, about 2 MB a subject."""
    source: SourceConfig = field(default_factory=SourceConfig)
    subjects: int = 3000
    """Synthetic subjects for training; a fiftieth as many for test."""
    novel_views: int = 3
    """Views of each subject besides the photograph's."""
    pairs: int = 0
    """Lifted pairs of each training photograph: itself as the target of itself, turned by the relief of its fit."""
    size_px: int = 256
    """Side of all pictures."""
    seed: int = 0
    """Of subjects and pairs."""

    def run(self) -> None:
        """Writes template, photographs and subjects; raises InputError for missing source material."""
        check_least(0, subjects=self.subjects, novel_views=self.novel_views, pairs=self.pairs, seed=self.seed)
        check_least(LEAST_PX, size_px=self.size_px)
        make_folder(self.cache)
        studio = self.source.open().studio
        write_template(self.cache / TEMPLATE, studio.head, studio.wardrobe, studio.landmark_map)
        tasks: list[tuple[SplitName, Kind, int]] = [(split, "real", 0) for split in SPLITS]
        tasks += [("train", "pairs", number) for number in range(self.pairs)]
        tasks += [("test", "subjects", shard) for shard in range(-(-self.subjects // 50 // SHARD))]
        tasks += [("train", "subjects", shard) for shard in range(-(-self.subjects // SHARD))]
        workers = self.source.workers
        with ProcessPoolExecutor(workers, mp_context=worker_context()) as pool:
            list(pool.map(_draw, [(self, tasks[i::workers]) for i in range(workers)]))


@dataclass(frozen=True)
class TrainCarry:
    """Make a cache small enough to carry to another machine, or a cache of what was carried."""

    cache: Path
    """Folder of example shards."""
    folder: Path
    """Folder of carried files, a fourteenth of the size."""
    unpack: bool = False
    """Make the cache from the carried files."""
    workers: int = 2
    """Processes."""

    def run(self) -> None:
        """Writes what is not there yet; raises InputError without files to begin with."""
        check_least(1, workers=self.workers)
        if self.unpack:
            unpack(self.folder, self.cache, self.workers)
        else:
            carry(self.cache, self.folder, self.workers)


@dataclass(frozen=True)
class TrainNetworks:
    """Train all networks together on a cache of examples, or go on from the checkpoint in `config.out`."""

    config: TrainConfig

    def run(self) -> None:
        """Trains; raises InputError for numbers that cannot be and where the cache has no examples."""
        self.config.check()
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        cache = self.config.cache
        subjects, photographs = Shards(cache, "train"), Shards(cache, "real-test")
        if not len(subjects):
            raise InputError(f"{cache} holds no examples: make them with `portrait-manifolds train examples`.")
        mean_radius_m, face_radius_m = _from_template(cache, "mean_radius_m", "face_radius_m")
        chosen = range(0, len(subjects), max(1, len(subjects) // MAX_FOR_MEAN))
        mean_m = mean_shape_m((subjects[i].radius_m for i in chosen), mean_radius_m, face_radius_m)
        samples = [photographs[i] for i in range(0, len(photographs), max(1, len(photographs) // 8))]
        train(self.config, mean_m, [(example.picture(), example.camera(0)) for example in samples[:8]])


@dataclass(frozen=True)
class TrainValidate:
    """Measure a checkpoint against the true novel views of synthetic subjects that training never saw."""

    config: TrainConfig
    count: int = 64
    """How many subjects."""
    split: SplitName = "test"
    """Which: `test` has hair styles, clothes and skins that training never saw; `train`, of a cache with another seed
    than training's, has new people in those that it knew."""

    def run(self) -> None:
        """Prints medians; raises InputError where there is no checkpoint or no subject."""
        check_least(1, count=self.count)
        figures = validate(resumed(self.config), self.config.cache, self.split, self.count)
        print("  ".join(f"{name} {value}" for name, value in figures.items()))


@dataclass(frozen=True)
class TrainPack:
    """Write the averaged weights of a checkpoint as the package's own, in half precision."""

    config: TrainConfig
    name: str = "portrait"
    """Name of the weights; with their hash it is kept in every portrait."""
    folder: Path = FOLDER
    """Where to write."""
    solid: float = 0.25
    """Share of opacity's start, solid up to the displaced surface, that is mixed back in: pictures alone let it creep
    outward where they show the person anyway, which flattens the head."""
    start: float = 0.0
    """Share of the weights in `config.start` that is mixed back in: what a long run learned of synthetic people stays,
    and real photographs, which say nothing of hidden places, drift less (Wortsman et al., arXiv 2109.01903)."""

    def run(self) -> None:
        """Writes weights and manifest; raises InputError where there is no checkpoint or a share is none."""
        for share in (self.solid, self.start):
            if not 0.0 <= share <= 1.0:
                raise InputError(f"A share of {share} cannot be mixed: give 0 to 1.")
        if self.start and self.config.start is None:
            raise InputError("There are no weights to mix in: name their folder with --config.start.")
        if self.start:
            self.config.check()
        template = LandmarkTemplate(*_from_template(self.config.cache, "landmarks_m", "landmark_weights"))
        network = resumed(self.config)
        if self.start:
            mix_in(network, load_weights(folder=self.config.start).network, self.start)
        network.decoder.solidify(network.geometry.offsets_m, self.solid)
        save_weights(self.folder, self.name, self.config.size, network, template)


def _draw(task: tuple[TrainExamples, list[tuple[SplitName, Kind, int]]]) -> None:
    """One worker's shards."""
    plan, shards = task
    library = plan.source.open()
    with LandmarkDetector() as detector:
        maker = ExampleMaker(library, detector, plan.size_px, plan.novel_views, plan.seed)
        for part, kind, number in shards:
            prefix = f"{part}-{plan.seed:02d}" if kind == "subjects" else f"{kind}-{part}"
            path = plan.cache / f"{prefix}-{number:05d}.safetensors"
            if path.is_file():
                continue
            photos = maker.splits[part].photos
            if kind == "subjects":
                examples = [maker.subject(part, index) for index in range(number * SHARD, (number + 1) * SHARD)]
            elif kind == "real":
                examples = [maker.photograph(name) for name in photos]
            else:
                examples = [maker.pair(part, name, number) for name in photos]
            if examples:  # where there are hardly any photographs, all are for training
                save_shard(path, examples)


def _from_template(cache: Path, *names: str) -> list[np.ndarray]:
    """The arrays of these names; raises InputError where the file is missing or damaged."""
    path = cache / TEMPLATE
    try:
        values = load_file(path)
        return [values[name] for name in names]
    except FileNotFoundError as error:
        raise InputError(f"{cache} holds no {TEMPLATE}: make it with `portrait-manifolds train examples`.") from error
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}): make it again with `train template`.") from error
