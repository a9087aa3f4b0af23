"""Times the renderer on the made portrait: against the plain reference, and against what memory alone would take.

Figures of one run compare with each other, not with those of another day or machine.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ...cuda_ops.close_sheets import close_sheets
from ...cuda_ops.close_sheets_reference import close_sheets_reference
from ...cuda_ops.native import View, pyramid_u8
from ...cuda_ops.paint_texels import paint_texels
from ...cuda_ops.paint_texels_reference import paint_texels_reference
from ...cuda_ops.render_manifolds import default_implementation, render_manifolds
from ...cuda_ops.seen_texels import carried_back, seen_texels
from ...cuda_ops.seen_texels_reference import carried_back_reference, seen_texels_reference
from ..camera import Camera
from ..made.made_portrait import made_portrait
from ..portrait import Portrait
from ..texture.backprojection import MOST_HALVINGS, stack_of
from .measures import (
    PIXEL_BYTES,
    drawing_mb,
    float_scene,
    float_textures,
    floor_ms,
    median_event_ms,
    median_ms,
    touched_bytes,
)
from .texels import on_gpu, random_colours, random_paint, soft_sheets, surface_of

SIZES = ((256, 256), (512, 512), (1024, 1024), (1920, 1080))
"""Widths and heights of the pictures that are drawn."""

REFERENCE_SIZES = ((256, 256), (512, 512))
"""Those that the slow reference draws, too."""


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
    """All that is measured on the processor; of the compiled renderer nothing where it cannot be built."""
    reference_ms: dict[tuple[int, int], float] = {}
    for size in REFERENCE_SIZES:
        reference_ms[size] = median_ms(2, _reference, portrait, portrait.camera(*size))
        yield Row("forward", size, "reference", reference_ms[size], 1.0)
    if default_implementation("cpu") != "native":
        return
    for size in SIZES:
        camera = portrait.camera(*size)
        ms = median_ms(15, portrait.render, camera)
        floor = floor_ms(portrait, camera)
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
    scene = float_scene(portrait)
    for size in ((256, 256), (512, 512)):
        view = View.of(portrait.camera(*size))
        gradient = np.random.default_rng(0).standard_normal((size[1], size[0], 5), dtype=np.float32)
        yield Row("forward, float", size, "native", median_ms(9, scene.accumulate, view))
        backward_ms = median_ms(9, scene.backward, view, gradient)
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
        reference_ms, ms = (median_ms(3, op, *arguments) for op in (reference, compiled))
        yield Row(name, (512, 512), "reference", reference_ms, 1.0)
        yield Row(name, (512, 512), "native", ms, reference_ms / ms)


def _variant_row(name: str, portrait: Portrait) -> Row:
    """A portrait of other sheets or textures, drawn at one size."""
    return Row(name, (512, 512), "native", median_ms(15, portrait.render, portrait.camera(512, 512)))


def _command_rows(portrait: Portrait) -> Iterator[Row]:
    """`render` from the shell to the written PNG."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "head.portrait"
        portrait.save(path)
        picture = str(Path(folder) / "head.png")
        command = [sys.executable, "-P", "-m", "portrait_manifolds.backend", "render", str(path), "-o", picture]
        ms = median_ms(3, subprocess.check_call, command)
        yield Row("render command", (512, 512), "process", ms, peak_mb=drawing_mb(path))


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
        moved = touched_bytes(portrait, camera) + PIXEL_BYTES * size[0] * size[1]
        source = torch.empty(moved // 2, dtype=torch.uint8, device="cuda")
        floor = median_event_ms(source.clone)
        ms = median_event_ms(scene.render, view)
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
        ms = median_event_ms(compiled, *arguments)
        reference_ms = median_event_ms(reference, *arguments) if reference else None
        if reference_ms is not None:
            yield Row(name, (512, 512), "reference", reference_ms, 1.0)
        yield Row(name, (512, 512), "cuda", ms, reference_ms / ms if reference_ms else None)


def _reference(portrait: Portrait, camera: Camera) -> None:
    """Draws a portrait by the plain reference."""
    manifolds = portrait.manifolds
    radius = torch.from_numpy(portrait.renderer.radius_m)
    spread, offsets = torch.tensor(manifolds.spread), torch.tensor(manifolds.offsets_m)
    with torch.inference_mode():
        render_manifolds(
            float_textures(portrait),
            radius,
            spread,
            offsets,
            camera,
            half_extent=manifolds.half_extent,
            implementation="reference",
        )
