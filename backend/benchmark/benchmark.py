"""Times the renderer on the made portrait: against the plain reference, and against what memory alone would take.

Figures of one run compare with each other, not with those of another day or machine.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...cuda_ops.close_sheets import close_sheets
from ...cuda_ops.close_sheets_reference import close_sheets_reference
from ...cuda_ops.native import NativeScene, View, pyramid_u8, stream_memory
from ...cuda_ops.paint_texels import paint_texels
from ...cuda_ops.paint_texels_reference import paint_texels_reference
from ...cuda_ops.render_manifolds import build_pyramid, default_implementation, render_manifolds
from ...cuda_ops.seen_texels import carried_back, seen_texels
from ...cuda_ops.seen_texels_reference import carried_back_reference, seen_texels_reference
from ..camera import Camera
from ..made.made_portrait import made_portrait
from ..portrait import Portrait
from ..texture.backprojection import MOST_HALVINGS, stack_of
from .texels import on_gpu, random_colours, random_paint, soft_sheets, surface_of

SIZES = ((256, 256), (512, 512), (1024, 1024), (1920, 1080))
REFERENCE_SIZES = ((256, 256), (512, 512))

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


@dataclass(frozen=True)
class Row:
    """One measurement."""

    name: str
    size: tuple[int, int]
    """Width and height of the picture in pixels."""
    implementation: str
    """reference, native or cuda; process for a whole command."""
    ms: float
    """Median time in milliseconds."""
    ratio_to_reference: float | None = None
    """The reference's time over this one, where it was measured."""
    ratio_to_floor: float | None = None
    """This time over that of streaming the touched texels and the picture once."""
    peak_mb: float | None = None
    """Memory that drawing took at most, portrait included, where the system says it."""


def run_benchmark(device: str) -> Iterator[dict]:
    """Yields the rows as they are measured, as dicts."""
    portrait = made_portrait()
    rows = _cuda_rows(portrait) if device == "cuda" else _cpu_rows(portrait)
    for row in rows:
        yield asdict(row) | {"size": list(row.size)}


def _cpu_rows(portrait: Portrait) -> Iterator[Row]:
    reference_ms: dict[tuple[int, int], float] = {}
    for size in REFERENCE_SIZES:
        reference_ms[size] = _median_ms(2, _reference, portrait, portrait.camera(*size))
        yield Row("forward", size, "reference", reference_ms[size], 1.0)
    if default_implementation("cpu") != "native":
        return
    for size in SIZES:
        camera = portrait.camera(*size)
        ms = _median_ms(15, portrait.render, camera)
        floor = _floor_ms(portrait, camera)
        known = reference_ms.get(size)
        yield Row("forward", size, "native", ms, known / ms if known else None, ms / floor)
    yield from _gradient_rows(portrait)
    for sheets in (6, 12, 24, 48):
        yield _variant_row(f"forward, {sheets} sheets", made_portrait(sheets=sheets))
    for texture_size in (128, 256, 512, 1024):
        yield _variant_row(f"forward, {texture_size} texels", made_portrait(texture_size=texture_size))
    yield from _texel_rows(portrait)
    yield from _command_rows(portrait)


def _gradient_rows(portrait: Portrait) -> Iterator[Row]:
    """Float textures with gradients, as in training and refinement."""
    scene = _float_scene(portrait)
    for size in ((256, 256), (512, 512)):
        view = View.of(portrait.camera(*size))
        gradient = np.random.default_rng(0).standard_normal((size[1], size[0], 5), dtype=np.float32)
        yield Row("forward, float", size, "native", _median_ms(9, scene.accumulate, view))
        backward_ms = _median_ms(9, scene.backward, view, gradient)
        yield Row("backward, float", size, "native", backward_ms)


def _texel_rows(portrait: Portrait) -> Iterator[Row]:
    """The ops that make a portrait's textures, by their references and compiled."""
    camera = portrait.camera(512, 512)
    stack, surface, paint = stack_of(portrait, camera), surface_of(portrait, camera), random_paint(portrait, camera)
    seen = seen_texels(portrait.textures, stack, surface, MOST_HALVINGS)
    taking = (portrait.textures, seen, *random_colours(seen), 0.5)
    calls: dict[str, tuple[Callable[..., object], Callable[..., object], tuple]] = {
        "seen texels": (seen_texels_reference, seen_texels, (portrait.textures, stack, surface, MOST_HALVINGS)),
        "carry back": (carried_back_reference, carried_back, taking),
        "paint texels": (paint_texels_reference, paint_texels, (stack, paint)),
        "close sheets": (close_sheets_reference, close_sheets, (stack, *soft_sheets(portrait, camera))),
    }
    for name, (reference, compiled, arguments) in calls.items():
        reference_ms, ms = (_median_ms(3, op, *arguments) for op in (reference, compiled))
        yield Row(name, (512, 512), "reference", reference_ms, 1.0)
        yield Row(name, (512, 512), "native", ms, reference_ms / ms)


def _variant_row(name: str, portrait: Portrait) -> Row:
    return Row(name, (512, 512), "native", _median_ms(15, portrait.render, portrait.camera(512, 512)))


def _command_rows(portrait: Portrait) -> Iterator[Row]:
    """`render` from the shell to the written PNG."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.portrait"
        portrait.save(path)
        picture = str(Path(folder) / "head.png")
        command = [sys.executable, "-m", "portrait_manifolds.backend", "render", str(path), "-o", picture]
        ms = _median_ms(3, subprocess.check_call, command)
        yield Row("render command", (512, 512), "process", ms, peak_mb=_drawing_mb(path))


def _drawing_mb(path: Path) -> float | None:
    """Memory that drawing a portrait's file takes at most in a fresh process; None where the system does not say it."""
    if not PROCESS_FACTS.is_file():
        return None
    used = subprocess.run([sys.executable, "-c", _MEMORY_PROBE, path], check=True, capture_output=True, text=True)
    return int(used.stdout) * 1024 / 1e6


def _cuda_rows(portrait: Portrait) -> Iterator[Row]:
    """Forward of 8-bit textures on the GPU, timed with events; the floor is a device-to-device copy."""
    from ...cuda_ops.native_cuda import CudaScene

    manifolds = portrait.manifolds
    levels = [torch.tensor(level).cuda() for level in pyramid_u8(portrait.textures)]
    maps = [torch.tensor(x).cuda() for x in (portrait.renderer.radius_m, manifolds.spread, manifolds.offsets_m)]
    scene = CudaScene(levels, *maps, half_extent=manifolds.half_extent)
    for size in SIZES:
        camera = portrait.camera(*size)
        view = View.of(camera)
        moved = _touched_bytes(portrait, camera) + 20 * size[0] * size[1]
        source = torch.empty(moved // 2, dtype=torch.uint8, device="cuda")
        floor = _median_event_ms(source.clone)
        ms = _median_event_ms(scene.render, view)
        yield Row("forward", size, "cuda", ms, None, ms / floor)
    yield from _cuda_texel_rows(portrait)


def _cuda_texel_rows(portrait: Portrait) -> Iterator[Row]:
    """As `_texel_rows`, of tensors on the GPU; two ops have a reference in numpy alone, which is no match."""
    camera = portrait.camera(512, 512)
    stack, surface, paint = (
        on_gpu(x) for x in (stack_of(portrait, camera), surface_of(portrait, camera), random_paint(portrait, camera))
    )
    opacity, gaps = soft_sheets(portrait, camera)
    sheets, textures = (opacity.cuda(), on_gpu(gaps)), torch.tensor(portrait.textures).cuda()
    seen = seen_texels(textures, stack, surface, MOST_HALVINGS)
    colours = (torch.rand(count, 3, device="cuda") for count in (len(seen.texel), seen.pixels))
    calls: dict[str, tuple[Callable[..., object] | None, Callable[..., object], tuple]] = {
        "seen texels": (None, seen_texels, (textures, stack, surface, MOST_HALVINGS)),
        "carry back": (None, carried_back, (textures, seen, *colours, 0.5)),
        "paint texels": (paint_texels_reference, paint_texels, (stack, paint)),
        "close sheets": (close_sheets_reference, close_sheets, (stack, *sheets)),
    }
    for name, (reference, compiled, arguments) in calls.items():
        ms = _median_event_ms(compiled, *arguments)
        reference_ms = _median_event_ms(reference, *arguments) if reference else None
        if reference_ms is not None:
            yield Row(name, (512, 512), "reference", reference_ms, 1.0)
        yield Row(name, (512, 512), "cuda", ms, reference_ms / ms if reference_ms else None)


def _reference(portrait: Portrait, camera: Camera) -> None:
    manifolds = portrait.manifolds
    radius = torch.from_numpy(portrait.renderer.radius_m)
    spread, offsets = torch.tensor(manifolds.spread), torch.tensor(manifolds.offsets_m)
    with torch.inference_mode():
        render_manifolds(
            _textures(portrait),
            radius,
            spread,
            offsets,
            camera,
            half_extent=manifolds.half_extent,
            implementation="reference",
        )


def _textures(portrait: Portrait) -> torch.Tensor:
    return torch.tensor(portrait.textures).float() / 255.0


def _float_scene(portrait: Portrait) -> NativeScene:
    manifolds = portrait.manifolds
    levels = [level.numpy() for level in build_pyramid(_textures(portrait))]
    maps = (portrait.renderer.radius_m, manifolds.spread, manifolds.offsets_m)
    return NativeScene(levels, *maps, half_extent=manifolds.half_extent)


def _touched_bytes(portrait: Portrait, camera: Camera) -> int:
    """Bytes of the 8-bit texels that drawing looks up, each once: those that a gradient reaches."""
    ones = np.ones((camera.height_px, camera.width_px, 5), np.float32)
    gradients, _ = _float_scene(portrait).backward(View.of(camera), ones)
    return 4 * sum(int(gradient.any(-1).sum()) for gradient in gradients)


def _floor_ms(portrait: Portrait, camera: Camera) -> float:
    source = np.ones(_touched_bytes(portrait, camera) // 8, np.uint64)
    out = np.ones(camera.height_px * camera.width_px * 20 // 8, np.uint64)
    cold = np.ones(1 << 23, np.uint64)  # larger than the caches: what is timed comes from memory

    def evict() -> None:
        cold[:] += 1

    return _median_ms(9, stream_memory, source, out, before=evict)


def _median_ms(
    repeats: int, work: Callable[..., object], *arguments: Any, before: Callable[[], None] | None = None
) -> float:
    times = []
    for repeat in range(repeats + 1):
        if before:
            before()
        start = time.perf_counter()
        work(*arguments)
        if repeat:  # the first warms up
            times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def _median_event_ms(work: Callable[..., object], *arguments: Any) -> float:
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
