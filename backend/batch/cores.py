"""How the machine's cores are shared out, so that workers do not get into each other's way."""

import os
from collections.abc import Sequence
from pathlib import Path

WORKER_BYTES = 2_000_000_000
"""Memory a worker may need: 1.5 GB were measured at 512 texels (docs/scale.md)."""

GPU_WORKERS = 2
"""Workers where there is a GPU: while one draws and compresses, the other one's networks run."""


def available_cores() -> list[int]:
    """Numbers of the cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_workers(photos: int, on_gpu: bool) -> int:
    """One a core and at most one a photograph; fewer where memory is short, or a GPU is what does the work."""
    workers = min(len(available_cores()), photos)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        workers = min(workers, int(0.75 * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / WORKER_BYTES))
    if on_gpu and Path("/proc/driver/nvidia/gpus").is_dir():
        workers = min(workers, GPU_WORKERS)
    return max(1, workers)


def share_of(worker: int, workers: int, cores: Sequence[int]) -> list[int]:
    """The cores of the worker-th (from 0) of `workers`: all are given out; with more workers than cores, one each."""
    return list(cores[worker % len(cores) :: workers]) or [cores[worker % len(cores)]]


def keep_to(cores: Sequence[int]) -> None:
    """Keeps this process and its threads to `cores`; to be called before torch or MediaPipe are loaded.

    Where the system cannot (macOS, Windows), at least torch starts no more threads than that.
    """
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
