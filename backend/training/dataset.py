"""Examples to train on: synthetic subjects, real portraits and lifted pairs, made on the fly or kept in shards.

Example `i` of a split depends on the seed and `i` alone: not on workers, on what was made before, or on whether it was
cached. Depths are kept in tenths of a millimetre, 0 where nothing is.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from ..alignment import Alignment, LandmarkTemplate
from ..camera import Camera
from ..conventions import DISPLACEMENT_SIZE
from ..errors import InputError
from ..landmarks import LandmarkDetector
from .library import VERSION, Library, open_library
from .lifted import lifted_pair
from .real import real_portrait
from .shards import Example, read_example, shard_about, write_shard
from .splits import Split, SplitName, make_splits
from .subject import Subject, sample_subject
from .surface import outermost_radius_m
from .template import landmark_template
from .views import SubjectViews, photograph
from .workers import worker_context

log = logging.getLogger(__name__)

Kind = Literal["subjects", "portraits", "pairs"]

DEPTH_UNIT_M = 1e-4
NAME_BYTES = 48


@dataclass(frozen=True)
class DataConfig:
    """Which examples."""

    kind: Kind = "subjects"
    split: SplitName = "train"
    seed: int = 0
    size_px: int = 256  # of the input view
    novel_size_px: int = 256
    novel_views: int = 2
    samples: int = 2  # a pixel's side, for antialiasing


class PortraitDataset:
    """Random access to examples (dicts of arrays), as torch's loaders want it; nothing of torch is needed.

    subjects   photo, input_rgba, input_depth, novel_rgba, novel_depth, cameras, estimate, radius, radius_opacity, names
    portraits  photo, inside, opacity, foreground, depth, measured, cameras, estimate, names
    pairs      as portraits, and lifted_photo, lifted_opacity, lifted_shown, target_visible; cameras: target, input

    `cameras` is [views, 4, 4] camera_to_world with the intrinsics in `intrinsics` [views, 4] (fx, fy, cx, cy pixels).
    """

    def __init__(self, library: Library, config: DataConfig, length: int | None = None) -> None:
        self.library, self.config = library, config
        studio = library.studio
        self.split: Split = make_splits(library.faces.names, studio.hair_names, list(studio.wardrobe.clothes))[
            config.split
        ]
        self.template: LandmarkTemplate = landmark_template(studio.head, studio.landmark_map)
        if config.kind != "subjects" and not self.split.photos:
            raise InputError(f"There is no photograph in the {config.split} part: give at least three with a face.")
        if config.kind == "subjects" and not (self.split.hair and self.split.clothes):
            raise InputError(f"There is no hair style or garment for the {config.split} part: use the whole wardrobe.")
        default = 10_000 if config.kind == "subjects" else len(self.split.photos)
        self.length = default if length is None else length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < self.length:
            raise IndexError(index)
        if self.config.kind == "subjects":
            return self._subject(index)
        return self._portrait(index)

    @cached_property
    def backgrounds(self) -> list[np.ndarray]:
        """The photographs' own backgrounds, of this split only."""
        return [self.library.studio.backgrounds[name] for name in self.split.photos]

    @cached_property
    def _detector(self) -> LandmarkDetector:
        return LandmarkDetector()

    def views(self, index: int) -> SubjectViews:
        """The pictures of subject `index`, as objects."""
        return self._drawn(index)[1]

    def _drawn(self, index: int) -> tuple[Subject, SubjectViews]:
        config = self.config
        subject = sample_subject(self.library.studio, self.split, index, config.seed)
        rng = np.random.default_rng([config.seed, self.split.code, index, 1])
        views = photograph(
            rng, subject, self.template, config.size_px, config.novel_views, self.backgrounds,
            novel_size_px=config.novel_size_px, samples=config.samples,
        )  # fmt: skip
        return subject, views

    def _subject(self, index: int) -> Example:
        config = self.config
        subject, views = self._drawn(index)
        radius, opacity = outermost_radius_m(subject.mesh, subject.textures, DISPLACEMENT_SIZE, threads=1)
        ids = subject.ids
        side = config.novel_size_px
        novel_rgba = np.array([view.rgba for view in views.novel], np.uint8).reshape(-1, side, side, 4)
        novel_depth = np.array([_packed_depth(view.depth_m) for view in views.novel], np.uint16)
        return {
            "photo": views.photo,
            "input_rgba": views.input.rgba,
            "input_depth": _packed_depth(views.input.depth_m),
            "novel_rgba": novel_rgba,
            "novel_depth": novel_depth.reshape(-1, side, side),
            **_cameras([views.input.camera, *(view.camera for view in views.novel)], views.estimate, config.size_px),
            "radius": radius,
            "radius_opacity": opacity.astype(np.float32),
            "names": _names(str(ids.identity), ids.photo, ids.second_photo, ids.hair, ids.clothes),
        }

    def _portrait(self, index: int) -> Example:
        config = self.config
        name = self.split.photos[index % len(self.split.photos)]
        number = self.library.faces.names.index(name)
        portrait = real_portrait(self.library, number, self.template, config.size_px, self._detector)
        example = {
            "photo": portrait.photo,
            "inside": (portrait.inside * 255).astype(np.uint8),
            "opacity": (portrait.opacity * 255 + 0.5).astype(np.uint8),
            "foreground": portrait.foreground,
            "depth": _packed_depth(portrait.depth_m),
            "measured": portrait.measured.astype(np.uint8) * 255,
            "names": _names(name),
        }
        cameras = [portrait.camera]
        if config.kind == "pairs":
            rng = np.random.default_rng([config.seed, self.split.code, index, 2])
            pair = lifted_pair(rng, portrait)
            cameras.append(pair.input_camera)
            example["lifted_photo"] = pair.photo
            example["lifted_opacity"] = (pair.opacity * 255 + 0.5).astype(np.uint8)
            example["lifted_shown"] = (pair.shown * 255 + 0.5).astype(np.uint8)
            example["target_visible"] = (pair.target_visible * 255).astype(np.uint8)
        return {**example, **_cameras(cameras, portrait.estimate, config.size_px)}


class CachedDataset:
    """The shards that `build_cache` wrote."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.glob("shard-*.safetensors"))
        if not self.paths:
            raise InputError(f"{folder} holds no shards: make them with train data --cache.")
        self.counts = [int((shard_about(path) or {}).get("count", 0)) for path in self.paths]
        self.ends = np.cumsum(self.counts)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = int(np.searchsorted(self.ends, index, side="right"))
        return read_example(self.paths[shard], index - (int(self.ends[shard - 1]) if shard else 0))


@dataclass(frozen=True)
class CachePlan:
    """What a cache holds and where."""

    data: Path | None
    photos: Path | None
    library_cache: Path
    config: DataConfig
    folder: Path
    count: int
    shard_size: int = 32

    def about(self) -> dict[str, str]:
        """Stored in each shard: another plan's shards are made again."""
        text = json.dumps([VERSION, asdict(self.config), self.shard_size], sort_keys=True)
        return {"plan": hashlib.sha256(text.encode()).hexdigest()}

    def shards(self) -> list[tuple[Path, range]]:
        """File and examples of every shard."""
        starts = range(0, self.count, self.shard_size)
        return [
            (self.folder / f"shard-{k:05d}.safetensors", range(s, min(s + self.shard_size, self.count)))
            for k, s in enumerate(starts)
        ]


def build_cache(plan: CachePlan, workers: int) -> Iterator[float]:
    """Makes the shards that are missing, on `workers` processes; yields the fraction done after each.

    Stopped at any point it leaves whole shards only, and another call makes the rest.
    """
    open_library(plan.data, plan.photos, plan.library_cache, workers)  # once, before the workers need it
    wanted = plan.shards()
    about = plan.about()
    missing = [
        index
        for index, (path, part) in enumerate(wanted)
        if (found := shard_about(path)) is None
        or found.get("plan") != about["plan"]
        or found["count"] != str(len(part))
    ]
    leftovers = set(plan.folder.glob("shard-*.safetensors")) - {path for path, _ in wanted}
    for stale in leftovers | set(plan.folder.glob(".shard-*")):  # the latter are what a killed run had begun
        stale.unlink()
    yield 1.0 - len(missing) / max(len(wanted), 1)
    with ProcessPoolExecutor(workers, mp_context=worker_context(), initializer=_start_worker, initargs=(plan,)) as pool:
        for done, _ in enumerate(pool.map(_make_shard, missing)):
            yield 1.0 - (len(missing) - done - 1) / len(wanted)


_worker: tuple[CachePlan, PortraitDataset] | None = None


def _start_worker(plan: CachePlan) -> None:
    global _worker
    library = open_library(plan.data, plan.photos, plan.library_cache)
    _worker = plan, PortraitDataset(library, plan.config, plan.count)


def _make_shard(index: int) -> int:
    assert _worker is not None
    plan, dataset = _worker
    path, part = plan.shards()[index]
    write_shard(path, [dataset[i] for i in part], plan.about())
    return index


def _packed_depth(depth_m: np.ndarray) -> np.ndarray:
    """Metres to tenths of a millimetre, uint16, 0 where infinite."""
    return np.where(np.isfinite(depth_m), np.clip(depth_m / DEPTH_UNIT_M + 0.5, 1, 65535), 0).astype(np.uint16)


def _cameras(cameras: list[Camera], estimate: Alignment, size_px: int) -> Example:
    """The exact cameras, and the one that the alignment would have estimated for the input."""
    guessed = estimate.crop_camera(size_px)

    def intrinsics(camera: Camera) -> list[float]:
        return [camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px]

    return {
        "cameras": np.stack([camera.camera_to_world for camera in cameras]).astype(np.float32),
        "intrinsics": np.array([intrinsics(camera) for camera in cameras], np.float32),
        "estimate": guessed.camera_to_world.astype(np.float32),
        "estimate_intrinsics": np.array(intrinsics(guessed), np.float32),
    }


def _names(*names: str) -> np.ndarray:
    """Names as fixed-width bytes, [len(names), 48] uint8."""
    encoded = [name.encode()[:NAME_BYTES].ljust(NAME_BYTES, b"\0") for name in names]
    return np.frombuffer(b"".join(encoded), np.uint8).reshape(-1, NAME_BYTES).copy()


def decoded_names(names: np.ndarray) -> list[str]:
    """The inverse of how `names` are stored."""
    return [bytes(row).rstrip(b"\0").decode(errors="replace") for row in names]
