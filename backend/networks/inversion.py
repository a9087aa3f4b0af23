"""The whole network: a photograph in its aligned crop to a painted stack of sheets, in one forward pass."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...cuda_ops.recorded import recorded
from ..camera import Camera
from .cameras import CameraBatch
from .chart_maps import texel_directions
from .config import InversionConfig
from .decoder import HULL_LOG_RADII, Decoder, DisplacementHead
from .detail import EncoderDetail, sample_flat, sample_voxel
from .encoder_w import EncoderW
from .kept import constant
from .layers import enlarged
from .mean_sheets import MeanSheets
from .painted_sheets import PaintedSheets
from .precision import autocast
from .resampling import calmed, resampled
from .sheet_geometry import SheetGeometry
from .super_resolution import SuperResolution
from .synthesis import Synthesis
from .visibility import Shown, clean_foreground, hull, shown, surface_turned_to, surroundings, visibility

VISIBILITY_PX = 128
"""Side of the picture that tells which texels a photograph shows."""


def as_input(photo: np.ndarray, person: np.ndarray) -> Tensor:
    """A crop [H, W, 3] uint8 and where a segmentation sees the person [H, W] in 0..1, as the networks take them."""
    picture = np.concatenate([photo.astype(np.float32) / 255.0, person[..., None].astype(np.float32)], -1)
    batch = torch.from_numpy(picture).permute(2, 0, 1)[None]
    return batch.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Shape:
    """The part of a painting that has no colour; see there."""

    displacement_m: Tensor
    coarse_displacement_m: Tensor
    matte: Tensor
    geometry: SheetGeometry


@dataclass(frozen=True)
class Painting:
    """What one forward pass says of a batch of photographs; T texels a side, of opacity twice as many at the most."""

    opacity: Tensor  # [B, S, T, T] or [B, S, 2 T, 2 T], 0..1
    confidence: Tensor  # [B, S, T, T], 0..1: share of the photo's own colour where the photo shows the texel
    visible: Tensor  # [B, S, T, T], 0..1: how much the photo shows of it
    painted: Tensor  # [B, S, 3, T, T], the network's own colour, sRGB-encoded
    photographed: Tensor  # [B, S, 3, T, T], the photo's colour at the texel's projection
    displacement_m: Tensor  # [B, D, D]
    coarse_displacement_m: Tensor  # [B, D, D], from the w+ path alone
    radius_m: Tensor  # [B, G, G], r + delta
    matte: Tensor  # [B, 1, H, W], 0..1: where the photo shows the person
    geometry: SheetGeometry  # of the sheets that it lies on

    def textures(self) -> Tensor:
        """Sheets [B, S, T, T, 4], sRGB-encoded colour and straight opacity, as render_manifolds takes them.

        All maps must be of one size.
        """
        share = self.confidence * self.visible
        colour = torch.lerp(self.painted, self.photographed, share[:, :, None])
        return torch.cat([colour, self.opacity[:, :, None]], 2).permute(0, 1, 3, 4, 2).contiguous()

    def first(self) -> PaintedSheets:
        """The first photograph's, without what is of its own view."""
        return PaintedSheets(
            self.opacity[0],
            self.confidence[0],
            self.painted[0],
            self.displacement_m[0],
            self.radius_m[0],
            self.matte[0, 0],
            self.geometry,
        )


@dataclass(frozen=True)
class Decoded:
    """What the networks say before it is known what of it the photographs show; as of a painting."""

    opacity: Tensor
    coarse_opacity: Tensor  # [B, S, T, T]
    confidence: Tensor
    painted: Tensor  # [B, S, 3, T, T], logits
    displacement_m: Tensor
    coarse_displacement_m: Tensor
    radius_m: Tensor
    matte: Tensor


class Inversion(nn.Module):
    """All parts, put together."""

    def __init__(self, config: InversionConfig) -> None:
        super().__init__()
        self.config = config
        self.geometry = MeanSheets(config.sheets)
        self.encoder_w = EncoderW(config.style, Synthesis.layer_count(config))
        self.synthesis = Synthesis(config)
        self.encoder_detail = EncoderDetail(config)
        self.displacement = DisplacementHead(config.style.synthesis[-1], config.detail.flat)
        self.super_resolution = SuperResolution(config)
        self.decoder = Decoder(config, self.geometry.offsets_m)

    def forward(
        self, picture: Tensor, cameras: list[Camera], *, fine: bool = True, fine_colours: bool = True
    ) -> Painting:
        """Pictures [B, 4, H, W] (`as_input`) and their cameras, to what is painted on the sheets.

        `fine` gives textures of four times the chart's size (256), else of twice, which is quicker to learn from;
        without `fine_colours` opacity alone is so fine, as where colours are taken from the photograph anew.

          picture ─┬─ E_w ── w+ ── synthesis ─┬── coarse manifolds ────────────────┐
                   │                          └── coarse displacement ───┐         │
                   └─ E_detail ─┬─ matte ── visual hull ─────────────────┤         │
                                ├─ flat ── sampled on the coarse surface ┴─ delta  │
                                └─ voxel ── sampled on the displaced sheets ────── ⊕
                                                                                   │
            opacity, colour, confidence ◁── decoder ◁── super-resolution ◁─────────┘
                │
                └── drawn from the photo's camera ── visibility ── confidence x visibility
                                                                   └── surroundings ── + colour
        """
        views = CameraBatch.of(cameras, picture.device)
        sheets = self._decoded(picture, views, fine)
        with torch.no_grad():
            seen = self.shown(sheets.coarse_opacity, sheets.radius_m, cameras)
        return self._coloured(picture, views, sheets, seen, fine and fine_colours)

    @recorded
    def _decoded(self, picture: Tensor, views: CameraBatch, fine: bool) -> Decoded:
        """Down to the decoder, in `forward`'s picture."""
        photo = picture[:, :3]
        manifolds, voxel, matte, coarse_g, g = self._read(picture, views)
        geometry = self.geometry.sheets()
        mean = geometry.mean_radius(self.config.chart)
        displacement = mean * torch.expm1(g)
        with torch.no_grad():
            points = geometry.points(displacement, self.config.chart)
            projected, depth = views.project(points)
            behind = depth - views.depth_of_origin()[:, None, None, None]
        detail = sample_voxel(voxel.float(), projected, behind, self.config.detail.voxel_half_depth_m)
        with autocast(photo):
            features = self.super_resolution(manifolds + detail)
            opacity, confidence, painted = self.decoder(features)
        opacity, confidence = torch.sigmoid(opacity.float()), torch.sigmoid(confidence.float())
        radius = geometry.total_radius(displacement)
        if not fine:
            opacity = F.avg_pool2d(opacity, 2)
        with torch.no_grad():
            projected, depth = views.project(geometry.points(displacement, opacity.shape[-1]))
        opacity = opacity * hull(matte, projected)
        # What is continued smoothly over hidden places needs no texels finer than the decoder's own.
        coarse = F.avg_pool2d(opacity, 2) if fine else opacity
        coarse_displacement = mean * torch.expm1(coarse_g)
        return Decoded(opacity, coarse, confidence, painted.float(), displacement, coarse_displacement, radius, matte)

    @recorded
    def _coloured(
        self, picture: Tensor, views: CameraBatch, sheets: Decoded, seen: Shown, fine_colours: bool
    ) -> Painting:
        """From what is `seen` of the decoded sheets in the photographs' own views."""
        photo, coarse, confidence = picture[:, :3], sheets.coarse_opacity, sheets.confidence
        displacement = sheets.displacement_m
        with torch.no_grad():
            visible, photographed = self._photographed(photo, seen, views, displacement, coarse.shape[-1])
            around = surroundings(photographed, coarse * confidence * visible)
        painted = torch.sigmoid(sheets.painted + torch.logit(around, 0.02))
        if fine_colours:
            confidence = enlarged(confidence)
            painted = enlarged(painted.flatten(1, 2)).unflatten(1, (self.config.sheets, 3))
            visible, photographed = self._photographed(photo, seen, views, displacement, sheets.opacity.shape[-1])
        return Painting(
            sheets.opacity,
            confidence,
            visible,
            painted,
            photographed,
            displacement,
            sheets.coarse_displacement_m,
            sheets.radius_m,
            sheets.matte,
            self.geometry.sheets(),
        )

    @torch.no_grad()
    def _photographed(
        self, photo: Tensor, seen: Shown, views: CameraBatch, displacement_m: Tensor, size: int
    ) -> tuple[Tensor, Tensor]:
        """How much photos [B, 3, H, W] show of texels, [B, S, size, size], and their colours there, [B, S, 3, ...]."""
        geometry = self.geometry.sheets()
        projected, depth = views.project(geometry.points(displacement_m, size))
        turned = surface_turned_to(geometry, displacement_m, views, size)[:, None]
        visible = visibility(seen, projected, depth, resampled(geometry.spread, size)) * turned
        grid = projected.flatten(1, 2)  # [B, S V, U, 2]
        photographed = F.grid_sample(clean_foreground(photo, seen.sure), grid, "bilinear", "border", False)
        return visible, photographed.unflatten(2, projected.shape[1:3]).transpose(1, 2)

    def shape(self, picture: Tensor, cameras: list[Camera]) -> Shape:
        """What `forward` says of the shape alone, for a fraction of its time."""
        _, _, matte, coarse_g, g = self._read(picture, CameraBatch.of(cameras, picture.device))
        geometry = self.geometry.sheets()
        mean = geometry.mean_radius(self.config.chart)
        return Shape(mean * torch.expm1(g), mean * torch.expm1(coarse_g), matte, geometry)

    def shown(self, opacity: Tensor, radius_m: Tensor, cameras: list[Camera], size_px: int = VISIBILITY_PX) -> Shown:
        """The surface that the photographs show, from opacities [B, S, T, T] and radii [B, G, G]."""
        geometry, pictures = self.geometry.sheets(), []
        for i, camera in enumerate(cameras):
            colourless = torch.zeros(*opacity.shape[1:], 3, device=opacity.device)
            textures = torch.cat([colourless, opacity[i, ..., None].detach()], -1)
            small = camera.resized(size_px, size_px)
            pictures.append(geometry.render(textures, radius_m[i].detach(), small, mip_levels=1))
        drawn = torch.stack(pictures).permute(0, 3, 1, 2)  # [B, 5, H, W]
        alpha = drawn[:, 3:4]
        return shown(alpha, drawn[:, 4:5] / alpha.clamp_min(1e-4))

    def _read(self, picture: Tensor, views: CameraBatch) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Coarse manifolds, voxel, matte, and log((r + delta) / r) of the w+ path and corrected."""
        with autocast(picture):
            normalised = picture * 2.0 - 1.0
            manifolds, synthesised = self.synthesis(self.encoder_w(normalised))
            voxel, flat, matte = self.encoder_detail(normalised)
        matte = torch.sigmoid(matte.float())
        return manifolds, voxel, matte, *self._displacement(synthesised, flat, matte, views)

    def _displacement(
        self, synthesised: Tensor, flat: Tensor, matte: Tensor, views: CameraBatch
    ) -> tuple[Tensor, Tensor]:
        """log((r + delta) / r) of the w+ path and corrected, each [B, D, D]."""
        geometry, size = self.geometry.sheets(), self.config.chart
        with torch.autocast(synthesised.device.type, torch.bfloat16, enabled=synthesised.dtype == torch.bfloat16):
            coarse = self.displacement.coarse(synthesised)
            with torch.no_grad():
                tried = constant(HULL_LOG_RADII, coarse.device)[None, :, None, None]
                radii = torch.cat([coarse[:, None], tried.expand(len(coarse), -1, size, size)], 1)  # [B, 1 + R, D, D]
                radii = geometry.mean_radius(size) * torch.exp(radii)
                directions = geometry.kept(texel_directions, size, radii)
                projected, _ = views.project(radii[..., None] * directions)
                inside = hull(matte, projected[:, 1:])
                towards = F.normalize(views.position(), dim=-1)
                facing = torch.einsum("vuc,bc->bvu", directions, towards)
            sampled = sample_flat(flat.float(), projected[:, 0])
            corrected = self.displacement(synthesised, sampled.to(synthesised.dtype), inside, facing, coarse)
        mean, least = (torch.log(maps(size)) for maps in (geometry.mean_radius, geometry.smallest_radius))
        coarse, corrected = (torch.maximum(calmed(mean + g), least) - mean for g in (coarse, corrected))
        return coarse, corrected
