"""Sizes of the networks."""

from dataclasses import dataclass, field
from typing import Literal

from ..conventions import DISPLACEMENT_SIZE, SHEETS

SizeName = Literal["small", "default", "large"]


@dataclass(frozen=True)
class StyleConfig:
    """E_w and the synthesis network (efficient GRAM)."""

    code: int = 256
    """Width of one style code; w+ has one a synthesis layer."""
    encoder: tuple[int, ...] = (32, 64, 128, 192, 256)
    """Channels of E_w at 1/4, 1/8, 1/16, 1/32 and 1/64 of the photo."""
    synthesis: tuple[int, ...] = (192, 192, 160, 128)
    """Channels of the synthesis network at chart sizes 8, 16, 32 and 64; two layers each."""


@dataclass(frozen=True)
class DetailConfig:
    """E_detail: the U-Net and its frustum voxel."""

    channels: tuple[int, ...] = (32, 64, 128, 192, 256)
    """Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the photo; the voxel is read at 1/4."""
    voxel_depth: int = 16
    """Slices of the voxel along the camera's axis."""
    voxel_half_depth_m: float = 0.16
    """The voxel reaches this far before and behind the head's centre."""
    flat: int = 32
    """Channels of a second, depthless output from which the displacement is corrected."""


@dataclass(frozen=True)
class InversionConfig:
    """Everything that the shapes of the weights depend on."""

    photo_px: int = 256
    """Side of the aligned crop that the networks see."""
    sheets: int = SHEETS
    features: int = 8
    """Channels of a feature manifold."""
    chart: int = DISPLACEMENT_SIZE
    """Side of the feature manifolds and of the displacement; opacity comes out four times, colour twice as fine."""
    super_resolution: tuple[int, int] = (128, 64)
    """Channels of the super-resolution network at `chart` and at twice that."""
    style: StyleConfig = field(default_factory=StyleConfig)
    detail: DetailConfig = field(default_factory=DetailConfig)


def inversion_config(size: SizeName) -> InversionConfig:
    """The named sizes: `default` ships, `small` is for tests, `large` for a GPU."""
    if size == "small":
        return InversionConfig(
            photo_px=64,
            features=2,
            chart=32,
            super_resolution=(24, 16),
            style=StyleConfig(32, (8, 8, 16, 16, 32), (16, 16, 16)),
            detail=DetailConfig((8, 8, 16, 16, 16), voxel_depth=4, flat=8),
        )
    if size == "large":
        return InversionConfig(
            photo_px=512,
            features=12,
            super_resolution=(256, 160),
            style=StyleConfig(512, (64, 128, 256, 384, 512), (384, 384, 320, 256)),
            detail=DetailConfig((64, 96, 192, 320, 448), voxel_depth=24, flat=64),
        )
    return InversionConfig()
