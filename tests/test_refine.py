"""A large photograph: its textures are as sharp as their size allows."""

import numpy as np
import pytest
from conftest import needs_weights
from PIL import Image
from scipy import ndimage

from portrait_manifolds import reconstruct
from portrait_manifolds.backend.evaluation.pictures import laplacian_energy, picture_figures
from portrait_manifolds.backend.photo.alignment import sample_crop
from portrait_manifolds.backend.refine import sharpens_on_gpu
from portrait_manifolds.cuda_ops import render_manifolds, tensor_calls

SIDE_PX = 2000
CROP_PX = 384
"""Not quite a pixel a texel of 512 on the face."""


@needs_weights
def test_a_large_photo_gives_textures_as_sharp_as_their_size() -> None:
    photo = _patterned_face()
    portrait = reconstruct(photo, texture_size=512)
    drawn = portrait.render(portrait.camera(CROP_PX, CROP_PX), 2)[0][..., :3]
    wanted = sample_crop(photo, portrait.crop.to_photo, CROP_PX) / 255.0
    face = np.zeros((CROP_PX, CROP_PX), bool)
    face[144:264, 132:252] = True
    assert picture_figures(drawn, wanted, face)["psnr_db"] > 38.0
    assert 0.7 < laplacian_energy(drawn, face) / laplacian_energy(wanted, face) < 1.2


@pytest.mark.parametrize("renderer", ["native", "reference"])
@pytest.mark.parametrize("ops", [object(), None])
def test_sharpening_stays_on_a_gpu_where_all_of_its_kernels_are(
    renderer: str, ops: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render_manifolds, "default_implementation", lambda device: renderer)
    monkeypatch.setattr(tensor_calls, "texels_library", lambda: ops)
    assert sharpens_on_gpu() == (renderer == "native" and ops is not None)


def _patterned_face() -> np.ndarray:
    """The astronaut's head, enlarged to most of 2000 pixels, with a pattern as fine as pores."""
    data = pytest.importorskip("skimage.data")
    head = Image.fromarray(data.astronaut()[:270, 95:365]).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).standard_normal((SIDE_PX, SIDE_PX)).astype(np.float32)
    pattern = ndimage.gaussian_filter(noise, 5.0)
    factor = 1.0 + 0.08 * pattern / pattern.std()
    return np.clip(np.asarray(head) * factor[..., None], 0, 255).astype(np.uint8)
