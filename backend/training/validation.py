"""True novel views of synthetic subjects: how far the network's are from them."""

from pathlib import Path

import numpy as np
import torch

from ...cuda_ops.reference import finish_picture
from ..conventions import linear_to_srgb, srgb_to_linear
from ..evaluation import medians, picture_figures
from ..networks.inversion import Inversion
from .examples import DEPTH_UNIT_M, Example, Shards

BACKGROUND = 0.5
"""Linear grey behind both pictures."""


@torch.inference_mode()
def validate(network: Inversion, cache: Path, split: str = "test", count: int = 64) -> dict[str, float]:
    """Medians over the novel views of `count` subjects of a split.

    novel_psnr_db, novel_ssim: inside the union of both silhouettes; opacity_iou; depth_error_mm: median distance in
    depth where both are opaque.
    """
    shards = Shards(cache, f"{split}-[0-9][0-9]")
    rows = []
    for index in range(min(count, len(shards))):
        example = shards[index]
        painting = network(torch.from_numpy(example.photo).permute(2, 0, 1)[None].float() / 255.0, [example.camera(0)])
        textures, radius = painting.textures()[0], painting.radius_m[0]
        for view in range(1, len(example.rgba)):
            rgba, depth = finish_picture(network.render(textures, radius, example.camera(view)))
            rows.append(view_figures(rgba.numpy(), depth.numpy(), example, view))
    return medians(rows)


def view_figures(rgba: np.ndarray, depth_m: np.ndarray, example: Example, view: int) -> dict[str, float]:
    """Figures of one drawn view [H, W, 4] against the truth."""
    truth = example.rgba[view].astype(np.float32) / 255.0
    true_depth = example.depth[view] * DEPTH_UNIT_M
    drawn_in, truth_in = rgba[..., 3] > 0.5, truth[..., 3] > 0.5
    union = drawn_in | truth_in
    both = drawn_in & truth_in & (true_depth > 0) & np.isfinite(depth_m)
    picture = picture_figures(_over_grey(rgba), _over_grey(truth), union)
    return {
        "novel_psnr_db": picture["psnr_db"],
        "novel_ssim": picture["ssim"],
        "opacity_iou": float((drawn_in & truth_in).sum() / max(union.sum(), 1)),
        "depth_error_mm": float(1e3 * np.median(np.abs(depth_m - true_depth)[both])) if both.any() else float("inf"),
    }


def _over_grey(rgba: np.ndarray) -> np.ndarray:
    linear = srgb_to_linear(rgba[..., :3]) * rgba[..., 3:] + BACKGROUND * (1.0 - rgba[..., 3:])
    return np.asarray(linear_to_srgb(linear))
