"""True novel views of synthetic subjects: how far the network's are from them."""

from pathlib import Path

import numpy as np
import torch

from ...cuda_ops.reference import finish_picture
from ..errors import InputError
from ..evaluation.multiview import drawn_figures
from ..evaluation.pictures import medians
from ..networks.inversion import Inversion
from .examples import DEPTH_UNIT_M, Shards
from .splits import SplitName


def subjects(cache: Path, split: SplitName) -> Shards:
    """The synthetic subjects of a split; raises InputError where the cache has none."""
    shards = Shards(cache, f"{split}-[0-9][0-9]")
    if not len(shards):
        raise InputError(f"{cache} holds no {split} subjects: make them with `portrait-manifolds train examples`.")
    return shards


@torch.inference_mode()
def validate(network: Inversion, cache: Path, split: SplitName, count: int) -> dict[str, float]:
    """Medians over the novel views of `count` subjects of a split.

    novel_psnr_db, novel_ssim: inside the union of both silhouettes; opacity_iou; depth_error_mm: median distance in
    depth where both are opaque, face_depth_error_mm there on the face. Raises InputError where the cache has no such
    subjects.
    """
    shards = subjects(cache, split)
    rows = []
    for index in range(min(count, len(shards))):
        example = shards[index]
        painting = network(example.picture(), [example.camera(0)])
        textures, radius = painting.textures()[0], painting.radius_m[0]
        for view in range(1, len(example.rgba)):
            camera = example.camera(view)
            rgba, depth = finish_picture(painting.geometry.render(textures, radius, camera))
            truth = example.rgba[view].astype(np.float32) / 255.0
            rows.append(drawn_figures(camera, rgba.numpy(), depth.numpy(), truth, example.depth[view] * DEPTH_UNIT_M))
    return medians(rows)
