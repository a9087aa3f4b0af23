"""Fixtures that several test files share."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.made.made_portrait import made_portrait
from portrait_manifolds.backend.manifolds import Manifolds, map_grid
from portrait_manifolds.backend.networks.manifest import FOLDER, MANIFEST
from portrait_manifolds.backend.portrait import Crop, Portrait

settings.register_profile("untimed", deadline=None)  # how fast a machine is, or how busy, is no error
settings.load_profile("untimed")

needs_weights = pytest.mark.skipif(not (FOLDER / MANIFEST).is_file(), reason="the weights are not in this checkout")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="session")
def head() -> Portrait:
    """The made portrait at the default texture size."""
    return made_portrait()


@pytest.fixture(scope="session")
def small_head() -> Portrait:
    """The made portrait with textures of 128 texels, for tests that only need a portrait."""
    return made_portrait(texture_size=128)


def bumpy_manifolds(sheets: int = 3, size: int = 12) -> Manifolds:
    """A small smooth head-sized star shape."""
    u, v = np.moveaxis(map_grid(size), -1, 0)
    radius = 0.1 + 0.008 * np.sin(2.0 * u + 0.3) * np.cos(1.5 * v) - 0.01 * v
    offsets = np.linspace(-0.01, 0.02, sheets) if sheets > 1 else np.zeros(1)
    return Manifolds(radius, 1.0 + 0.1 * (1.0 - v), np.full((4, 4), 0.002), offsets, CHART_HALF_EXTENT)


def random_portrait(sheets: int = 3, texture_size: int = 16, seed: int = 0) -> Portrait:
    """Random textures on `bumpy_manifolds`, for what does not depend on looks."""
    rng = np.random.default_rng(seed)
    camera = small_camera(32, 24)
    textures = rng.integers(0, 256, (sheets, texture_size, texture_size, 4), dtype=np.uint8)
    return Portrait(bumpy_manifolds(sheets), textures, camera, Crop(np.array([[12.0, 0, 16], [0, 12.0, 12]])))


def small_camera(width_px: int, height_px: int) -> Camera:
    """Sees the whole of `bumpy_manifolds` from the front, a little from the side."""
    return look_at((0.1, 0.05, 0.9), fov_deg=15.0, width_px=width_px, height_px=height_px)


def tensors(portrait: Portrait, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    """Textures in 0..1, total radius, spread and offsets, as render_manifolds takes them."""
    manifolds = portrait.manifolds
    maps = (manifolds.total_radius_m(), manifolds.spread, manifolds.offsets_m)
    return torch.tensor(portrait.textures).to(dtype) / 255.0, *(torch.tensor(x, dtype=dtype) for x in maps)


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
