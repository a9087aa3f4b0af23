"""The photograph as the portrait's textures are compared with it: a square around the head, wider than the networks'
crop, with the person cut out. Whatever the photo shows beside or below that crop has its colours from the photo too.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from ..camera import Camera
from .alignment import Alignment, crop_half_size_px, inside_photo, sample_crop
from .backdrop import sampled
from .face_area import with_face
from .landmarks import LandmarkDetector
from .matting import Foreground, cut_out
from .whole_head import WholeHead, whole_head

if TYPE_CHECKING:
    import torch

WIDER = 1.5
"""Side of the square in sides of the crop."""

SMALLEST_PX = 384
"""The square is at least so large."""

FINEST = 1.5
"""It has at most this many pixels for each texel of a texture's side in the crop."""

FADE_SHARE = 0.03
"""Shoulders that the photo cuts off end within this share of the square's side beyond its border."""

BORDER_SHARE = 0.08
"""Within this share of the square's side of the photo's border it is enough if one look takes something for the
person."""

CONTINUED_SOFTNESS_PX = 4.0
"""Outside the photo the person's colours go on blurred by this, not as streaks."""

OUTSIDE_SOFTNESS_SHARE = 0.02
"""What is matted there is blurred by this share of the square's side."""


@dataclass(frozen=True)
class InputView:
    """What the photograph shows, seen by `camera`."""

    camera: Camera  # square
    picture: np.ndarray  # [S, S, 3] uint8, continued outside the photo
    inside: np.ndarray  # [S, S] bool, within the photo's border
    foreground: Foreground
    _places: "dict[torch.device, ViewTensors]" = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def opacity(self) -> np.ndarray:
        """The person's opacity [S, S]; outside the photo, where nothing is known of it, heads are made whole, and what
        is below fades out."""
        return self._fading if self._head is None else self._head.opacity(self._fading)

    @cached_property
    def _fading(self) -> np.ndarray:
        """The person's opacity [S, S], which fades out outside the photo."""
        if self.inside.all():
            return self.foreground.opacity.astype(np.float32)
        beyond = ndimage.distance_transform_edt(~self.inside) / (FADE_SHARE * self.inside.shape[0])
        return (self.foreground.opacity * np.clip(1.0 - beyond, 0.0, 1.0)).astype(np.float32)

    @cached_property
    def _head(self) -> WholeHead | None:
        """How the head goes on that the photo's border cuts off."""
        return whole_head(self._fading, self.inside, self.camera)

    @cached_property
    def rgb(self) -> np.ndarray:
        """The person's own colour [S, S, 3], 0..1; outside the photo that of the nearest place where the person is."""
        person = self.inside & (self.foreground.opacity > 0.5)
        if self.inside.all() or not person.any():
            return self.foreground.rgb
        nearest = ndimage.distance_transform_edt(~person, return_distances=False, return_indices=True)
        beyond = ndimage.gaussian_filter(self.foreground.rgb[tuple(nearest)], (*2 * [CONTINUED_SOFTNESS_PX], 0))
        rgb = np.where(self.inside[..., None], self.foreground.rgb, beyond)
        return rgb if self._head is None else self._head.colours(rgb)

    def crop_opacity(self, size_px: int) -> np.ndarray:
        """The person's opacity in the networks' crop [size_px, size_px], 0..1."""
        from PIL import Image

        side = len(self.opacity)
        margin = 0.5 * side * (1.0 - 1.0 / WIDER)
        box = (margin, margin, side - margin, side - margin)
        return np.asarray(Image.fromarray(self.opacity).resize((size_px, size_px), Image.Resampling.BOX, box))

    def on(self, device: "torch.device") -> "ViewTensors":
        """The person's opacity and colour in a device's memory, copied there once."""
        from ...cuda_ops.tensor_calls import sent

        if device not in self._places:
            arrays = (self.opacity, self.rgb, self.inside)
            self._places[device] = ViewTensors(*(sent(x, device) for x in arrays))
        return self._places[device]


class ViewTensors(NamedTuple):
    """Of an input view, as tensors on one device."""

    opacity: "torch.Tensor"  # [S, S]
    rgb: "torch.Tensor"  # [S, S, 3]
    inside: "torch.Tensor"  # [S, S] bool

    def person(self) -> "torch.Tensor":
        """Colours and opacity [4, S, S], the latter zero outside the photo."""
        import torch

        return torch.cat([self.rgb.permute(2, 0, 1), (self.opacity * self.inside)[None]])


def input_view(
    photo: np.ndarray,
    alignment: Alignment,
    person: np.ndarray,
    matte: np.ndarray,
    texture_size: int,
    detector: LandmarkDetector,
    can_be: np.ndarray | None = None,
) -> InputView:
    """The view of a photo [H, W, 3] uint8; `person` [h, h] is where the segmentation sees one in the crop, `matte`
    [h, h] where the networks do, 0..1, and `can_be` [H, W] uint8 says where one can be."""
    import torch

    wide = alignment.crop_to_photo.copy()
    wide[:, :2] *= WIDER
    native = 2.0 * crop_half_size_px(wide)
    side_px = int(np.clip(np.ceil(native), SMALLEST_PX, FINEST * WIDER * texture_size))
    inside = inside_photo(photo, wide, side_px)
    picture = _soft_outside(sample_crop(photo, wide, side_px), inside)
    looks = detector.person(picture), detector.mirrored_person(picture)
    either, both = np.maximum(*looks), np.minimum(*looks)
    both = np.minimum(both, _in_wide(person, np.ones_like(both)))
    landmarks_px = side_px * (0.5 + (alignment.crop_landmarks(1) - 0.5) / WIDER)
    segmented = with_face(both + _near_border(inside) * (either - both), landmarks_px)
    foreground = cut_out(picture, segmented, _in_wide(matte, segmented), sampled(can_be, wide, side_px))
    view = InputView(alignment.camera.cropped(wide, side_px, side_px), picture, inside, foreground)
    view.on(torch.device("cpu"))  # which continues it beside the photo's border, here and not where it is waited for
    return view


def _soft_outside(picture: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """A picture [S, S, 3] whose border goes on blurred where it is not `inside` the photo: matting takes fine streaks
    for neither person nor background, and frays the shoulders that touch them."""
    if inside.all():
        return picture
    from PIL import Image, ImageFilter

    blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(OUTSIDE_SOFTNESS_SHARE * picture.shape[0]))
    return np.where(inside[..., None], picture, np.asarray(blurred))


def _near_border(inside: np.ndarray) -> np.ndarray:
    """How near the photo's border is [S, S], 0..1, from what is `inside` it: of what that cuts off one look often tells
    nothing."""
    if inside.all():
        return np.zeros(inside.shape, np.float32)
    deep = ndimage.distance_transform_edt(inside) / (BORDER_SHARE * inside.shape[0])
    return np.clip(1.0 - deep, 0.0, 1.0).astype(np.float32)


def _in_wide(crop: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """A map of the crop [h, h] in the square [S, S], and `elsewhere` around it."""
    from PIL import Image

    size = elsewhere.shape[0]
    inner = round(size / WIDER)
    margin = (size - inner) // 2
    resized = Image.fromarray(crop.astype(np.float32)).resize((inner, inner), Image.Resampling.BILINEAR)
    values = elsewhere.copy()
    values[margin : margin + inner, margin : margin + inner] = np.asarray(resized)
    return values
