"""Skin from a real portrait: the photograph on the head model's texture chart, without its light and what hides it.

Seen texels come from the photograph, hidden ones from the mirrored side, the rest is filled in smoothly. Light is
divided out where second-order spherical harmonics (Ramamoorthi and Hanrahan, SIGGRAPH 2001) explain it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...cuda_ops.rasterise import rasterise
from ..camera import Camera
from ..conventions import linear_to_srgb, srgb_to_linear
from .assets import HeadModel
from .atlas import SkinAtlas, atlas_normals
from .light import irradiance_basis
from .meshes import plain_mesh, positions

DELIGHT = 0.85
"""Share of the estimated light that is divided out: all of it would eat tan and beard shadow that look like light."""

OCCLUSION_TOLERANCE_M = 0.0025
"""What lies less behind the nearest skin is not hidden by it."""

MIN_CHROMA = 0.045
"""Mean saturation under which a photograph counts as black and white: its skin colour is not known."""


@dataclass(frozen=True)
class Skin:
    """Albedo of one face."""

    texels: np.ndarray  # [S, S, 3] uint8, sRGB-encoded albedo
    tone: np.ndarray  # [3] float32, linear: the colour of plain skin, also of neck, scalp and body
    seen: float  # share of the chart's front that came from the photograph
    chroma: float  # saturation of plain skin, 0 for black and white


def extract_skin(photo: np.ndarray, camera: Camera, vertices_m: np.ndarray, head: HeadModel, atlas: SkinAtlas) -> Skin:
    """The albedo of the face in `photo` ([H, W, 3] uint8, sRGB) to which the vertices [V, 3] were fitted."""
    points, normals = atlas.gather(vertices_m), atlas_normals(atlas, head, vertices_m)
    pixels, depth = camera.project(points)
    colour = srgb_to_linear(_sample(photo, pixels))  # [K, 3]
    towards = camera.position_m - points
    facing = (normals * towards).sum(1) / np.linalg.norm(towards, axis=1)
    seen = np.clip((facing - 0.15) / 0.35, 0, 1) * _visible(camera, vertices_m, head, pixels, depth)
    seen *= (pixels > 1.0).all(1) & (pixels < np.array([photo.shape[1], photo.shape[0]]) - 1.0).all(1)
    plain = atlas.plain_skin[atlas.inside] & (seen > 0.5)
    if plain.sum() < 500:
        return Skin(np.zeros((*atlas.inside.shape, 3), np.uint8), np.zeros(3, np.float32), 0.0, 0.0)
    colour = _without_light(colour, normals, plain)
    tone = np.median(colour[plain], axis=0)
    seen *= _skin_likeness(colour, plain, atlas) * _lit_side(colour, seen, atlas)
    seen *= np.clip((atlas.neutral_m[atlas.inside][:, 1] + 0.108) / 0.012, 0, 1)  # collars begin below the chin
    picture, weight = atlas.spread(colour.astype(np.float32)), atlas.spread(seen.astype(np.float32))
    share = float(seen[atlas.neutral_m[atlas.inside][:, 2] > 0.06].mean())
    mirrored = (1.0 - weight) * weight[:, ::-1] * 0.98
    total = weight + mirrored
    merged = (picture * weight[..., None] + picture[:, ::-1] * mirrored[..., None]) / np.maximum(total, 1e-6)[..., None]
    filled = fill_in(merged, total**2, tone)
    rim = np.clip((atlas.border_m - 0.004) / 0.022, 0, 1)[..., None] ** 1.5
    filled = tone + (filled - tone) * rim
    saturation = float(1.0 - tone.min() / max(tone.max(), 1e-6))
    texels = (linear_to_srgb(np.clip(filled, 0, 1)) * 255.0 + 0.5).astype(np.uint8)
    return Skin(texels, tone.astype(np.float32), share, saturation)


def fill_in(picture: np.ndarray, weight: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Fills [H, W, 3] where `weight` [H, W] is below 1 from coarser and coarser weighted means (push-pull).

    `background` [3] is taken where nothing is known at any scale. Gortler et al., The Lumigraph (SIGGRAPH 1996).
    """
    height, width = weight.shape
    side = 1 << (max(height, width) - 1).bit_length()
    margin = ((0, side - height), (0, side - width))
    return _filled(np.pad(picture, (*margin, (0, 0))), np.pad(weight, margin), background)[:height, :width]


def _filled(picture: np.ndarray, weight: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The same of pictures whose sides are one power of two."""
    if picture.shape[0] <= 4:
        mean = (picture * weight[..., None]).sum((0, 1)) + 1e-3 * background
        return np.broadcast_to(mean / (weight.sum() + 1e-3), picture.shape).astype(np.float32)
    size = picture.shape[0] // 2
    blocks = weight.reshape(size, 2, size, 2)
    total = blocks.sum((1, 3))
    coarse = (picture * weight[..., None]).reshape(size, 2, size, 2, 3).sum((1, 3)) / np.maximum(total, 1e-6)[..., None]
    filled = _filled(coarse, np.minimum(total, 1.0), background)
    smooth = ndimage.zoom(filled, (2, 2, 1), order=1, mode="nearest", grid_mode=True)
    share = np.minimum(weight, 1.0)[..., None]
    return (picture * share + smooth * (1.0 - share)).astype(np.float32)


def _sample(photo: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Cubic samples [K, 3] in 0..1 of a photo [H, W, 3] uint8 at pixels [K, 2]."""
    at = [pixels[:, 1] - 0.5, pixels[:, 0] - 0.5]
    channels = [
        ndimage.map_coordinates(photo[..., c].astype(np.float32), at, order=3, mode="nearest") for c in range(3)
    ]
    return np.clip(np.stack(channels, 1) / 255.0, 0, 1)


def _visible(
    camera: Camera, vertices_m: np.ndarray, head: HeadModel, pixels: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Whether the points at `pixels` [K, 2] and `depth` [K] are not behind another part of the skin, [K] float."""
    mesh, where = plain_mesh(vertices_m, head.skin_triangles), positions(*camera.project(vertices_m))
    _, nearest = rasterise(mesh, where, [], camera.width_px, camera.height_px, samples=1)
    column = np.clip(pixels[:, 0].astype(int), 0, camera.width_px - 1)
    row = np.clip(pixels[:, 1].astype(int), 0, camera.height_px - 1)
    return (depth < ndimage.maximum_filter(nearest, 2)[row, column] + OCCLUSION_TOLERANCE_M).astype(np.float32)


def _without_light(colour: np.ndarray, normals: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """Divides the light that the normals explain out of colours [K, 3], fitted on plain skin [K] bool."""
    basis = irradiance_basis(normals)
    luminance = colour @ np.array([0.3, 0.55, 0.15])
    target, rows = luminance[plain], basis[plain]
    weight = np.ones(len(target))
    ridge = np.diag([1e-6] + [2e-3] * 3 + [1e-2] * 5) * len(target)
    for _ in range(6):
        normal = rows.T @ (rows * weight[:, None]) + ridge
        coefficients = np.linalg.solve(normal, rows.T @ (weight * target))
        error = np.abs(target - rows @ coefficients)
        weight = 1.0 / (1.0 + (error / max(float(np.median(error)) * 2.0, 1e-4)) ** 2)
    shading = basis @ coefficients / np.median(target)
    return colour / np.clip(shading, 0.35, 1.9)[:, None] ** DELIGHT


def _lit_side(colour: np.ndarray, seen: np.ndarray, atlas: SkinAtlas) -> np.ndarray:
    """Trust in colours [K, 3] by light: low where the mirrored side is much brighter (a cast shadow), [K]."""
    weight = atlas.spread(seen.astype(np.float32))
    level = atlas.spread((colour.mean(1) * seen).astype(np.float32))
    blur = atlas.inside.shape[0] / 24.0
    smooth = ndimage.gaussian_filter(level, blur) / np.maximum(ndimage.gaussian_filter(weight, blur), 1e-3)
    ratio = smooth / np.maximum(smooth[:, ::-1], 1e-3)
    return np.clip((ratio - 0.55) / 0.25, 0.03, 1)[atlas.inside]


def _skin_likeness(colour: np.ndarray, plain: np.ndarray, atlas: SkinAtlas) -> np.ndarray:
    """1 where colours [K, 3] may be this face's skin or its features, towards 0 where hair or cloth hides it, [K]."""
    logs = np.log(np.maximum(colour, 0.004))
    ratio = np.concatenate([logs.mean(1, keepdims=True), logs - logs.mean(1, keepdims=True)], 1)
    middle = np.median(ratio[plain], axis=0)
    spread = 1.5 * np.median(np.abs(ratio[plain] - middle), axis=0) + np.array([0.12, 0.05, 0.05, 0.05])
    distance = (((ratio - middle) / (1.25 * spread)) ** 2).mean(1)
    skin = np.exp(-0.5 * np.maximum(distance - 1.0, 0.0))
    # Strands are thin: what touches hair is hair.
    skin = ndimage.minimum_filter(atlas.spread(skin.astype(np.float32)) + ~atlas.inside, 9)
    skin = ndimage.gaussian_filter(np.minimum(skin, 1.0), 2.0)
    zone = atlas.feature_zone
    # Where most people have hair, only what is certainly skin is believed.
    height = np.clip((atlas.neutral_m[..., 1] - 0.055) / 0.015, 0, 1)
    skin = skin ** (2.0 + 4.0 * height)
    return (zone + (1.0 - zone) * skin)[atlas.inside]
