"""How long work takes, how long memory alone would take for it, and how much of that a process holds."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...cuda_ops.native import NativeScene, View, stream_memory
from ...cuda_ops.render_manifolds import build_pyramid
from ..camera import Camera
from ..portrait import Portrait

PIXEL_BYTES = 20
"""Of a picture's colour, opacity and depth."""

PROCESS_FACTS = Path("/proc/self/status")
"""Where a process' peak of memory is read: Linux alone has it."""

_MEMORY_PROBE = f"""
import re, sys
import portrait_manifolds.backend.portrait_file, portrait_manifolds.backend.render
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.cuda_ops.native import library
library()
peak_kb = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("{PROCESS_FACTS}").read())[1])
before = peak_kb()
portrait = Portrait.load(sys.argv[1])
portrait.render(portrait.camera(512, 512))
print(peak_kb() - before)
"""
"""A program that draws a portrait's file and prints how much its peak of memory rose by that, in KiB."""


def float_textures(portrait: Portrait) -> torch.Tensor:
    """A portrait's textures [S, T, T, 4] in 0..1, as the reference and training have them."""
    return torch.tensor(portrait.textures).float() / 255.0


def float_scene(portrait: Portrait) -> NativeScene:
    """A portrait of such textures, as the compiled renderer has it."""
    manifolds = portrait.manifolds
    levels = [level.numpy() for level in build_pyramid(float_textures(portrait))]
    maps = (portrait.renderer.radius_m, manifolds.spread, manifolds.offsets_m)
    return NativeScene(levels, *maps, half_extent=manifolds.half_extent)


def touched_bytes(portrait: Portrait, camera: Camera) -> int:
    """Bytes of the 8-bit texels that drawing looks up, each once: those that a gradient reaches."""
    ones = np.ones((camera.height_px, camera.width_px, 5), np.float32)
    gradients, _ = float_scene(portrait).backward(View.of(camera), ones)
    return 4 * sum(int(gradient.any(-1).sum()) for gradient in gradients)


def floor_ms(portrait: Portrait, camera: Camera) -> float:
    """Time of streaming the touched texels and the picture once, with all cores and from memory."""
    source = np.ones(touched_bytes(portrait, camera) // 8, np.uint64)
    out = np.ones(camera.height_px * camera.width_px * PIXEL_BYTES // 8, np.uint64)
    cold = np.ones(1 << 23, np.uint64)  # larger than the caches: what is timed comes from memory

    def evict() -> None:
        cold[:] += 1

    return median_ms(9, stream_memory, source, out, before=evict)


def median_ms(
    repeats: int, work: Callable[..., object], *arguments: Any, before: Callable[[], None] | None = None
) -> float:
    """Median time of work on the processor, after once that warms up; `before` it each time, untimed."""
    times = []
    for repeat in range(repeats + 1):
        if before:
            before()
        start = time.perf_counter()
        work(*arguments)
        if repeat:
            times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def median_event_ms(work: Callable[..., object], *arguments: Any) -> float:
    """Median time of work on a GPU, of 50 times after 5 that warm up."""
    times = []
    for repeat in range(55):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work(*arguments)
        end.record()
        end.synchronize()
        if repeat >= 5:
            times.append(start.elapsed_time(end))
    return float(np.median(times))


def drawing_mb(path: Path) -> float | None:
    """Memory that drawing a portrait's file takes at most in a fresh process; None where the system does not say it."""
    if not PROCESS_FACTS.is_file():
        return None
    used = subprocess.run([sys.executable, "-P", "-c", _MEMORY_PROBE, path], check=True, capture_output=True, text=True)
    return int(used.stdout) * 1024 / 1e6
