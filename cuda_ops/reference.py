"""The renderer in plain torch: slow, short, differentiable, any device. The compiled kernels are tested against it.

It imports nothing of them. Geometry and bounds: backend/manifolds.py; lookup and compositing: csrc/composite.h.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .pinhole_camera import PinholeCamera

TINY_OPACITY = 1e-5
"""Colours count by their opacity and this: those of clear texels so have a mean."""

SHARPNESS = 1.4
"""How many times finer a mip level is taken than one of a texel a pixel."""

LEAST_FALL = 0.02
"""Where the field, times the spread, falls by less for each metre along a ray, a depth's derivative grows no more."""

MARCH_STEPS = 48
"""Along a ray, and as many again around its lowest point."""

REFINEMENTS = 6
"""Of each entry."""

ENTRIES = 3
"""So many of a ray's entries into a sheet count, the kernels' all: an ear, a shoulder and what lies behind."""

TINY_M = 1e-8
"""What lies closer to the antipode's axis is moved to this."""

FAR_AWAY_M = 20.0
"""A camera farther away has rays that begin near the head."""

RAYS_AT_ONCE = 1 << 14
"""Drawn at once, for memory."""


def render_manifolds_reference(
    levels: list[Tensor],  # [S, T >> l, T >> l, 4], sRGB-encoded colour and straight opacity, 0..1
    radius: Tensor,  # [G, G], metres: r + delta
    spread: Tensor,  # [G, G]
    offsets: Tensor,  # [S], metres, ascending
    camera: PinholeCamera,
    *,
    half_extent: float,
) -> Tensor:
    """Premultiplied linear RGB, opacity and opacity-weighted depth, [H, W, 5]; see render_manifolds."""
    position, rays = camera.rays()  # [3], [H, W, 3]
    # A ray of single precision begins near the head, not at a camera far away.
    start = float(position @ camera.camera_to_world[:3, 2])
    start = start if start > FAR_AWAY_M else 0.0
    origins, directions = (torch.tensor(x).to(radius) for x in (position + start * rays, rays))
    pixel_m = (camera.fx_px * camera.fy_px) ** -0.5  # a pixel's size at a depth of one metre
    premultiplied = [
        torch.cat([level[..., :3] * (level[..., 3:] + TINY_OPACITY), level[..., 3:]], -1).permute(0, 3, 1, 2)
        for level in levels
    ]
    pixels = [
        _render_rays(premultiplied, radius, spread, offsets, begin, along, start, half_extent, pixel_m)
        for begin, along in zip(*(x.reshape(-1, 3).split(RAYS_AT_ONCE) for x in (origins, directions)), strict=True)
    ]
    return torch.cat(pixels).reshape(camera.height_px, camera.width_px, 5)


def finish_picture(accumulated: Tensor) -> tuple[Tensor, Tensor]:
    """Accumulated [..., 5] to straight sRGB RGBA [..., 4] in 0..1 and expected depth [...] (+inf below 1/255)."""
    opacity = accumulated[..., 3]
    safe = opacity.clamp_min(1e-6)
    colour = linear_to_srgb((accumulated[..., :3] / safe[..., None]).clamp(0.0, 1.0))
    depth = torch.where(opacity >= 1.0 / 255.0, accumulated[..., 4] / safe, torch.inf)
    return torch.cat([colour, opacity[..., None].clamp(0.0, 1.0)], -1), depth


def srgb_to_linear(x: Tensor) -> Tensor:
    """IEC 61966-2-1, any shape, 0..1."""
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(y: Tensor) -> Tensor:
    """IEC 61966-2-1, any shape, 0..1."""
    return torch.where(y <= 0.0031308, y * 12.92, 1.055 * y.clamp_min(0.0031308) ** (1.0 / 2.4) - 0.055)


def _render_rays(
    premultiplied: list[Tensor],
    radius: Tensor,
    spread: Tensor,
    offsets: Tensor,
    origins: Tensor,  # [N, 3]
    directions: Tensor,  # [N, 3]
    start: float,  # the origins' depth
    half_extent: float,
    pixel_m: float,
) -> Tensor:
    """Of N rays, [N, 5]; see `render_manifolds_reference`."""
    t, entered = _entry_depths(radius, spread, offsets, origins, directions, start, half_extent)  # [N, S * ENTRIES]
    uv, distance = _chart(_points(origins, directions, t), half_extent)
    depth = t + start
    entered = entered & (uv.detach().abs() < 1.0).all(-1)
    size = premultiplied[0].shape[-1]
    texels = depth.detach() * (pixel_m * size / (2.0 * half_extent * SHARPNESS)) / distance.detach()
    texels = texels.clamp(1.0, 2.0 ** (len(premultiplied) - 1))
    mixed = torch.zeros(*depth.shape, 4).to(depth)  # [N, S * ENTRIES, 4]
    places = uv.unflatten(1, (-1, ENTRIES)).transpose(0, 1)  # [S, N, ENTRIES, 2]
    for level, picture in enumerate(premultiplied):
        looked_up = F.grid_sample(picture, places, "bilinear", "border", False)  # [S, 4, N, ENTRIES]
        mixed = mixed + _level_weight(texels, level)[..., None] * looked_up.permute(2, 0, 3, 1).flatten(1, 2)
    opacity = torch.where(entered, mixed[..., 3], 0.0)
    colour = srgb_to_linear(mixed[..., :3] / (mixed[..., 3:] + TINY_OPACITY))
    order = depth.detach().argsort(1)
    colour = colour.gather(1, order[..., None].expand_as(colour))
    return _composite(colour, opacity.gather(1, order), depth.gather(1, order))


def _composite(colour: Tensor, opacity: Tensor, depth: Tensor) -> Tensor:
    """Front to back over dim 1: [N, S, 3], [N, S], [N, S] to [N, 5]."""
    behind = torch.cumprod(1.0 - opacity, 1)
    transmittance = torch.cat([torch.ones_like(behind[:, :1]), behind[:, :-1]], 1)
    weight = (transmittance * opacity)[..., None]
    return (weight * torch.cat([colour, torch.ones_like(weight), depth[..., None]], -1)).sum(1)


def _entry_depths(
    radius: Tensor,
    spread: Tensor,
    offsets: Tensor,
    origins: Tensor,
    directions: Tensor,
    start: float,
    half_extent: float,
) -> tuple[Tensor, Tensor]:
    """Depth [N, S * ENTRIES] beyond `start` of each ray's entries into each sheet, and whether there are so many;
    differentiable in `radius`."""
    with torch.no_grad():
        outermost = (radius + offsets[-1].clamp_min(0.0) * spread).max() * 1.001
        squared, along = directions.square().sum(-1), (directions * origins).sum(-1)
        chord = (along**2 - squared * (origins.square().sum(-1) - outermost**2)).clamp_min(0.0).sqrt() / squared
        closest = -along / squared
        near, far = (closest - chord).clamp_min(1e-3 - start), (closest + chord).clamp_min(2e-3 - start)
        steps = torch.linspace(0.0, 1.0, MARCH_STEPS, dtype=near.dtype, device=near.device)
        t = near[:, None] + (far - near)[:, None] * steps  # [N, M]
        value = _field(radius, spread, origins, directions, t, half_extent)
        # Half of the steps go around the lowest point, where a sheet may be grazed between two coarse ones.
        lowest = t.gather(1, value.argmin(1, keepdim=True))
        around = lowest + (far - near)[:, None] / MARCH_STEPS * (2.0 * steps - 1.0)
        t = torch.cat([t, around.clamp(near[:, None], far[:, None])], 1).sort(1).values
        value = _field(radius, spread, origins, directions, t, half_extent)
        inside = value[:, None] <= offsets[:, None]  # [N, S, M]
        enters = inside[..., 1:] & ~inside[..., :-1] & (chord > 0)[:, None, None]
        which = enters.cumsum(-1, dtype=torch.uint8)
        nth = torch.stack([enters & (which == k + 1) for k in range(ENTRIES)], 2).flatten(1, 2)
        entered, after = nth.any(-1), nth.to(torch.uint8).argmax(-1) + 1
        offsets = offsets.repeat_interleave(ENTRIES)
        low, high = t.gather(1, after - 1), t.gather(1, after)
        value_low, value_high = value.gather(1, after - 1) - offsets, value.gather(1, after) - offsets
        # Regula falsi, its stale end halved (the Illinois variant): brackets the root and converges superlinearly.
        for _ in range(REFINEMENTS):
            gap = (value_low - value_high).clamp_min(1e-12)
            middle = low + (high - low) * (value_low / gap).clamp(0.0, 1.0)
            error = _field(radius, spread, origins, directions, middle, half_extent) - offsets
            before = error > 0
            value_low, value_high = (
                torch.where(before, error, 0.5 * value_low),
                torch.where(before, 0.5 * value_high, error),
            )
            low, high = torch.where(before, middle, low), torch.where(before, high, middle)
        t = torch.where(entered, middle, near[:, None])
    # One Newton step with a constant slope carries the derivative (implicit differentiation of f = offset).
    step = 1e-4
    with torch.no_grad():
        later, earlier = (_field(radius, spread, origins, directions, t + s, half_extent) for s in (step, -step))
        uv, _ = _chart(_points(origins, directions, t), half_extent)
        width = _sample(spread, uv)
        least = LEAST_FALL * squared.sqrt()[:, None] / width
        slope = torch.minimum((later - earlier) / (2.0 * step), -least)
    error = _field(radius, spread, origins, directions, t, half_extent) - offsets
    return t - torch.where(entered, error / slope, 0.0), entered


def _points(origins: Tensor, directions: Tensor, t: Tensor) -> Tensor:
    """Points [N, K, 3] at depths t [N, K] of rays [N, 3]."""
    return origins[:, None] + t[..., None] * directions[:, None]


def _field(
    radius: Tensor, spread: Tensor, origins: Tensor, directions: Tensor, t: Tensor, half_extent: float
) -> Tensor:
    """f = (rho - R(d)) / w(d) at depths t [N, K] of rays [N, 3]."""
    uv, distance = _chart(_points(origins, directions, t), half_extent)
    return (distance - _sample(radius, uv)) / _sample(spread, uv)


def _chart(points: Tensor, half_extent: float) -> tuple[Tensor, Tensor]:
    """Points [..., 3] to map coordinates [..., 2] in -1..1 (right, down) and distance from the origin [...].

    Behind, where rho + z loses its digits, that is (x^2 + y^2) / (rho - z). The antipode itself is all of the chart's
    rim: here one point of it.
    """
    distance, (x, y, z) = points.norm(dim=-1), points.unbind(-1)
    x = torch.where((z < 0.0) & (x * x + y * y < TINY_M**2), TINY_M, x)
    apart = torch.where(z < 0.0, (x * x + y * y).clamp_min(TINY_M**2) / (distance + z.abs()), distance + z)
    scale = (2.0 / (distance * apart).clamp_min(TINY_M**2)).sqrt() / half_extent
    return torch.stack([x * scale, -y * scale], -1), distance


def _sample(values: Tensor, uv: Tensor) -> Tensor:
    """Bilinear lookup of a map [G, G] at [N, K, 2]; texel centres at half-integers, clamped at the border."""
    return F.grid_sample(values[None, None], uv[None], "bilinear", "border", False)[0, 0]


def _level_weight(texels: Tensor, level: int) -> Tensor:
    """Weight of a mip level for `texels` texels a pixel: a tent with its peak at 2^level."""
    ratio = texels / 2.0**level
    return torch.where(ratio < 1.0, 2.0 * ratio - 1.0, 2.0 - ratio).clamp_min(0.0)
