"""A painted-over input view carried into the portrait: with its geometry kept, or reconstructed anew."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from . import progress
from .camera import Camera
from .errors import InputError
from .photo.alignment import Alignment
from .photo.photograph import decode_layer, photograph_of, read_photograph
from .photo.resampling import resized
from .picture.compositing import over_grey, to_bytes
from .picture.layered_picture import covered
from .portrait import Portrait
from .reconstruct import aligned_portrait, choose_device
from .texture.backprojection import Matching, TexelsSeen, match_colours

log = logging.getLogger(__name__)

UNCHANGED = 2.0 / 255.0
"""Differences up to this are the file's own rounding, not paint."""

UNCHANGED_RESAMPLED, RESAMPLED_PX = 6.0 / 255.0, 2.0
"""Of a picture of another size the mean around may be off by so much, under a Gaussian of that standard deviation:
programs enlarge and reduce in ways of their own, which sharpen and soften edges but shift no colours."""

SOLID = 0.995
"""Less opacity is a soft edge's."""

MATCHING = Matching(steps=6, stage="carrying the paint over")
SMALLEST_OPACITY = 0.02
MARGIN_PX = 8
"""Pixels are matched so far around the paint, too: texels beside it take from them."""

VIEW_SAMPLES = 2
"""Rays along a pixel's side of the view that was painted on, as `render` draws it."""


def edit(portrait: Portrait, painted: np.ndarray) -> Portrait:
    """The portrait with what was painted over its input view.

    `painted` is [H, W, 3 or 4] in 0..1, sRGB-encoded and straight: the picture that `render --camera input` gives,
    changed; of another size it is resampled. Pixels equal to that picture stay, and soft edges where the picture is of
    another size or without opacities. New colours go to the surface seen there; lower opacity makes everything clear
    that lies behind the pixel. Paint beside the person has no surface to lie on and is left out, with a warning. Raises
    InputError where the picture has another shape than the photograph, or values that are none of 0..1.
    """
    _check_painted(painted)
    camera = portrait.input_camera
    with progress.part(0.0, 0.2):
        drawn, _ = portrait.render(camera, VIEW_SAMPLES)
    is_resized = painted.shape[:2] != drawn.shape[:2]
    if is_resized:  # what was not painted on has become softer: so does what it is compared with
        height, width = painted.shape[:2]
        painted = _resampled(painted, camera.width_px, camera.height_px)
        drawn = _resampled(_resampled(drawn, width, height), camera.width_px, camera.height_px)
    opacity = drawn[..., 3]
    has_opacity = painted.shape[2] == 4
    wanted_opacity = painted[..., 3] if has_opacity else opacity
    kept = _kept(opacity, wanted_opacity, is_resized)
    difference = painted[..., :3] - drawn[..., :3]
    if is_resized or not has_opacity:  # soft edges have been mixed with what lay beside or behind them
        difference[opacity <= SOLID] = 0.0
    changed = _is_changed(difference, is_resized).any(-1) & (wanted_opacity > SMALLEST_OPACITY)
    _say_what_is_left_out(changed, opacity)
    changed &= opacity > SMALLEST_OPACITY
    portrait = _erased(portrait, camera, kept)
    if not changed.any():
        return portrait
    # Pixels are matched in a window around the paint: a large photograph costs no more than what was changed.
    rows, columns = (_widened(*one) for one in zip(covered(changed), changed.shape, strict=True))
    part = camera.part(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
    with progress.part(0.2, 0.3):
        base, _ = portrait.render(part)
    wanted = base[..., :3] + np.where(changed[..., None], difference, 0.0)[rows, columns]
    weight = (base[..., 3] > SMALLEST_OPACITY).astype(np.float32)
    with progress.part(0.3, 1.0):
        return match_colours(portrait, part, wanted, weight, MATCHING)


def reshape(portrait: Portrait, painted: np.ndarray) -> Portrait:
    """A new portrait of the painted picture, which `edit` would lay on the old shape; camera and crop stay.

    `painted` is as in `edit`; paint beside the person is taken too, and what is clear is clear in the new portrait. No
    face is looked for. Raises InputError as `edit` does, ProcessingError where weights or MediaPipe are missing.
    """
    from .networks.weights import load_weights

    _check_painted(painted)
    camera = portrait.input_camera
    painted = _resampled(painted, camera.width_px, camera.height_px)
    rgb = over_grey(painted) if painted.shape[2] == 4 else painted
    photograph = photograph_of(to_bytes(rgb))
    if painted.shape[2] == 4:
        photograph = replace(photograph, opacity=to_bytes(painted[..., 3]))
    device_name = choose_device("auto")
    mean_px, _ = camera.project(load_weights(device_name).template.points_m)
    alignment = Alignment(portrait.crop.to_photo, camera, residual_px=0.0, landmarks_px=mean_px)
    with progress.part(0.0, 0.9):
        reshaped = aligned_portrait(photograph, alignment, portrait.texture_size, device_name)
    if painted.shape[2] == 3:
        return reshaped
    with progress.part(0.9, 1.0):
        drawn, _ = reshaped.render(camera, VIEW_SAMPLES)
    return _erased(reshaped, camera, _kept(drawn[..., 3], painted[..., 3]))


def load_painted(path: Path) -> np.ndarray:
    """A picture file as `edit` takes it; raises InputError if it cannot be read or is too large."""
    return decode_layer(read_photograph(path), path.name).astype(np.float32) / np.float32(255.0)


def _check_painted(painted: np.ndarray) -> None:
    if painted.ndim != 3 or painted.shape[2] not in (3, 4) or not painted.size:
        raise InputError(f"A painted picture is [H, W, 3 or 4] in 0..1, not {list(painted.shape)}: convert it.")
    if not (painted.min() >= 0.0 and painted.max() <= 1.0):  # nor NaN
        raise InputError(
            f"A painted picture's values lie in 0..1, these from {painted.min():g} to {painted.max():g}: divide bytes "
            "by 255."
        )


def _resampled(painted: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    height, width = painted.shape[:2]
    if (width, height) == (width_px, height_px):
        return painted
    if abs(width / height - width_px / height_px) > 0.01 * width_px / height_px:
        raise InputError(
            f"The painted picture is {width} x {height}, the photograph {width_px} x {height_px}: "
            "paint over what `render --camera input` writes, and keep its shape."
        )
    has_opacity = painted.shape[2] == 4
    layers = np.array(painted, np.float32)
    if has_opacity:  # or colours of what is clear would bleed in
        layers[..., :3] *= layers[..., 3:]
    resampled = resized(layers, (width_px, height_px), Image.Resampling.LANCZOS)
    if has_opacity:
        resampled[..., :3] /= np.maximum(resampled[..., 3:], SMALLEST_OPACITY)
    return np.clip(resampled, 0.0, 1.0)


def _say_what_is_left_out(changed: np.ndarray, opacity: np.ndarray) -> None:
    beside = int((changed & (opacity <= SMALLEST_OPACITY)).sum())
    if beside:
        log.warning("%d painted pixels lie beside the person, where there is nothing to paint on: left out", beside)


def _is_changed(difference: np.ndarray, is_resized: bool) -> np.ndarray:
    """Where values [H, W, ...] differ by more than a file's rounding, or than resampling does in the mean around."""
    if is_resized:
        return np.abs(ndimage.gaussian_filter(difference, RESAMPLED_PX, axes=(0, 1))) > UNCHANGED_RESAMPLED
    return np.abs(difference) > UNCHANGED


def _kept(opacity: np.ndarray, wanted: np.ndarray, is_resized: bool = False) -> np.ndarray:
    """By what opacities [H, W] are multiplied where less is wanted than is drawn; elsewhere one."""
    less = _is_changed(opacity - wanted, is_resized) & (wanted < opacity)
    return np.where(less, wanted / np.maximum(opacity, 1e-3), 1.0)


def _erased(portrait: Portrait, camera: Camera, kept: np.ndarray) -> Portrait:
    """Opacity times `kept` [H, W] along each pixel's ray, however deep."""
    if not (kept < 1.0).any():
        return portrait
    texels = TexelsSeen(portrait, camera, None)
    textures = portrait.textures.copy()
    opacity = textures.reshape(-1, 4)[:, 3]  # a view
    opacity[texels.index] = np.rint(opacity[texels.index] * texels.sample(kept[..., None])[:, 0])
    return replace(portrait, textures=textures)


def _widened(span: slice, size_px: int) -> slice:
    """Rows or columns of a picture, and up to MARGIN_PX beyond either end."""
    return slice(max(0, span.start - MARGIN_PX), min(size_px, span.stop + MARGIN_PX))
