"""The same work as tasks of a Ray cluster (https://docs.ray.io): a photograph a task, and long films in parts.

Ray places the tasks, starts and replaces processes, and repeats what died with a worker or a node; a process serves one
task after another, so its networks are loaded once. Photographs travel with their tasks. Where a node sees the output
folder its tasks move their files there, elsewhere the files come back as bytes.
"""

import os
import secrets
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..camera import Camera
from ..errors import InputError, ProcessingError
from ..frames.animation import draw_frames
from ..portrait import Portrait
from .cores import WORKER_BYTES, default_workers
from .outcome import Outcome, publish, unfinished_folder
from .photos import Task
from .settings import Settings
from .work import attempt, failure, read_photo

RETRIES = 2
"""Times that a task is repeated whose worker or node died."""

GPU_SHARE = 0.5
"""Of a GPU for a photograph: while one draws and compresses, the other one's networks run."""

PART_BYTES, MAX_PART_FRAMES = 32 << 20, 48
"""Films longer than a part of this size are drawn as several tasks."""

CONNECT_TIMEOUT_S = 10.0

OBJECT_STORE_BYTES = 1 << 30
"""Memory for what tasks pass to each other in a cluster of our own; more goes to disk."""

TOKEN_FILE = "shared"
"""In the folder of unfinished files: who reads the driver's token there sees the driver's output folder."""


@dataclass(frozen=True)
class Place:
    """Where results go, and how a node knows whether it can reach it."""

    output: Path
    token: str
    fingerprint: str

    def is_shared(self) -> bool:
        """Whether this process sees the driver's output folder."""
        try:
            return (unfinished_folder(self.output) / TOKEN_FILE).read_text(encoding="utf-8") == self.token
        except OSError:
            return False


def run_ray(
    tasks: Sequence[Task], settings: Settings, output: Path, workers: int | None, address: str | None
) -> Iterator[Outcome]:
    """Outcomes as they come, of at most `workers` photographs at a time (by default, as many as there are cores).

    Raises InputError where Ray is not installed, or no cluster with what is asked for answers at `address`.
    """
    ray = _import_ray()
    own_folder = None if address else tempfile.mkdtemp(prefix="ray-")
    try:
        _connect(ray, address, own_folder, workers or default_workers(len(tasks), on_gpu=settings.device != "cpu"))
        place = Place(output.resolve(), secrets.token_hex(), settings.fingerprint())
        (unfinished_folder(output) / TOKEN_FILE).write_text(place.token, encoding="utf-8")
        remote = ray.remote(
            num_cpus=1,
            num_gpus=_gpu_share(ray, settings),
            memory=_memory_bytes(ray),
            max_retries=RETRIES,
            max_calls=0,  # else a process that used a GPU ends with its task, and its networks with it
        )(make)
        waiting, running = deque(tasks), dict[Any, Task]()
        while waiting or running:
            # Nodes may come and go; only what can run now is sent, so that photographs do not pile up in memory.
            most = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
            while waiting and len(running) < most:
                task = waiting.popleft()
                try:
                    running[remote.remote(task, read_photo(task), settings, place)] = task
                except InputError as error:
                    yield failure(task, str(error))
            for done in ray.wait(list(running), num_returns=1)[0] if running else ():
                yield _outcome(ray, done, running.pop(done), output)
    finally:
        ray.shutdown()
        if own_folder:
            shutil.rmtree(own_folder, ignore_errors=True)


def make(task: Task, data: bytes, settings: Settings, place: Place) -> tuple[Outcome, dict[str, bytes]]:
    """A photograph on a node: its outcome, and its files unless they are in the output folder already."""
    if settings.fingerprint() != place.fingerprint:
        return failure(task, "A node has another version or other weights: install the same on all nodes."), {}
    if place.is_shared():
        return attempt(task, data, settings, place.output, draw=_draw_in_parts), {}
    with tempfile.TemporaryDirectory(prefix="portrait-manifolds-") as folder:
        outcome = attempt(task, data, settings, Path(folder), draw=_draw_in_parts)
        return outcome, {name: (Path(folder) / name).read_bytes() for name, _ in outcome.files}


def _outcome(ray: Any, done: Any, task: Task, output: Path) -> Outcome:
    """What a finished task brings, or that it died."""
    try:
        outcome, files = ray.get(done)
        return bring(outcome, files, task, output)
    except ray.exceptions.RayTaskError as error:
        cause = error.cause
        told = isinstance(cause, InputError | ProcessingError)
        return failure(
            task, str(cause) if told else f"A node failed ({type(cause).__name__}: {cause}): see Ray's logs."
        )
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return failure(task, f"Its worker or node died {RETRIES + 1} times: see Ray's logs ({lines[0]}).")


def bring(outcome: Outcome, files: dict[str, bytes], task: Task, output: Path) -> Outcome:
    """Puts files that came as bytes into the output folder."""
    if not files:
        return outcome
    try:
        folder = Path(tempfile.mkdtemp(dir=unfinished_folder(output)))
        for name, data in files.items():
            (folder / name).write_bytes(data)
        publish(folder, output, outcome)
        return outcome
    except OSError as error:
        return failure(task, f"Writing to {output} failed ({error.strerror or error}): free some space and retry.")


def _draw_in_parts(
    portrait: Portrait, cameras: Sequence[Camera], samples: int, background: tuple[float, float, float]
) -> Iterator[np.ndarray]:
    """A film's frames in order; of a long film, parts are drawn ahead by other tasks, a few at a time."""
    frame_bytes = 3 * cameras[0].width_px * cameras[0].height_px
    length = min(MAX_PART_FRAMES, max(1, PART_BYTES // frame_bytes))
    if len(cameras) <= length:
        yield from draw_frames(portrait, cameras, samples, background)
        return
    ray = _import_ray()
    draw = ray.remote(num_cpus=1, max_retries=RETRIES)(_draw_part)
    # Without the renderer that it has prepared here, which cannot travel.
    parts = partial(draw.remote, ray.put(replace(portrait)))
    starts, drawing = deque(range(0, len(cameras), length)), deque[Any]()
    ahead = max(2, int(ray.cluster_resources().get("CPU", 1)))
    while starts or drawing:
        while starts and len(drawing) < ahead:
            start = starts.popleft()
            drawing.append(parts(cameras[start : start + length], samples, background))
        yield from ray.get(drawing.popleft())


def _draw_part(
    portrait: Portrait, cameras: Sequence[Camera], samples: int, background: tuple[float, float, float]
) -> np.ndarray:
    return np.stack(list(draw_frames(portrait, cameras, samples, background)))


def _import_ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import; Ray sends usage statistics by default
    try:
        import ray
    except ImportError as error:
        raise InputError(f"Ray is missing ({error}): pip install 'portrait-manifolds[cluster]'.") from error
    return ray


def _connect(ray: Any, address: str | None, own_folder: str | None, workers: int) -> None:
    """Joins the cluster at `address`, or starts one of `workers` cores on this machine, without a dashboard."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            _knock(address)
            ray.init(address=address, **quiet)
        else:
            os.environ.setdefault("RAY_worker_niceness", "0")  # the local workers'; Ray's own, 15, yields to everything
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _temp_dir=own_folder,
                **quiet,
            )
    except (OSError, RuntimeError, ValueError) as error:
        where = f"No Ray cluster answers at {address}" if address else "Ray cannot be started here"
        reason = " ".join(str(error).split())
        raise InputError(f"{where} ({reason[:200]}): start one with `ray start --head`.") from error


def _knock(address: str) -> None:
    """Raises OSError where nothing listens at HOST:PORT; Ray itself goes on trying for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()


def _memory_bytes(ray: Any) -> int:
    """The memory a photograph's task asks for, so that no node takes too many: no more than a node has."""
    return int(min(WORKER_BYTES, max(node["Resources"].get("memory", 0) for node in ray.nodes())))


def _gpu_share(ray: Any, settings: Settings) -> float:
    """The share of a GPU that a photograph's task asks for: none where the cluster has none."""
    has_gpu = settings.device != "cpu" and ray.cluster_resources().get("GPU", 0) > 0
    if settings.device.startswith("cuda") and not has_gpu:
        raise InputError("The cluster has no GPU: use --device cpu.")
    return GPU_SHARE if has_gpu else 0.0
