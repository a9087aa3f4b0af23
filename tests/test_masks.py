"""Masks: what is done to them on either device is what scipy does."""

import numpy as np
import pytest
import torch
from conftest import needs_gpu
from scipy import ndimage

from portrait_manifolds.backend.photo.masks import (
    FAR_PX,
    dilated,
    distance_to_edge,
    eroded,
    greatest_around,
    holes_filled,
    largest_part,
)
from portrait_manifolds.cuda_ops.connected_parts import connected_parts

DEVICES = (
    "cpu",
    pytest.param("cuda", marks=needs_gpu),
)


def blobs(seed: int) -> np.ndarray:
    """Smooth shapes with holes, some of them cut by the border."""
    noise = np.random.default_rng(seed).standard_normal((61, 47))
    return ndimage.gaussian_filter(noise, 1.5) > 0.03 * seed - 0.05


MASKS = (*map(blobs, range(4)), np.zeros((61, 47), bool), np.ones((61, 47), bool))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mask", MASKS)
def test_masks_are_what_scipy_makes_of_them(mask: np.ndarray, device: str) -> None:
    given = torch.from_numpy(mask).to(device)
    assert np.array_equal(holes_filled(given).cpu(), ndimage.binary_fill_holes(mask))
    for times in (1, 3):
        assert np.array_equal(dilated(given, times).cpu(), ndimage.binary_dilation(mask, iterations=times))
        assert np.array_equal(eroded(given, times).cpu(), ndimage.binary_erosion(mask, iterations=times))
    if mask.all():
        assert (distance_to_edge(given) == FAR_PX).all()
    else:
        padded = np.pad(mask, 1, mode="edge")
        expected = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
        np.testing.assert_allclose(distance_to_edge(given).cpu(), expected, atol=1e-5)
    assert distance_to_edge(given).dtype == torch.float32


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mask", MASKS)
def test_parts_hang_together_by_their_sides(mask: np.ndarray, device: str) -> None:
    parts = connected_parts(torch.from_numpy(mask).to(device)).cpu().numpy()
    expected, count = ndimage.label(mask)
    assert np.array_equal(parts > 0, mask)
    pairs = np.unique(np.stack([parts[mask], expected[mask]]), axis=1)
    assert pairs.shape[1] == count == len(np.unique(pairs[0]))
    assert (np.diff(pairs) > 0).all()  # both in the order of first pixels


def test_parts_are_of_a_picture() -> None:
    with pytest.raises(ValueError, match=r"mask must be \[H, W\]"):
        connected_parts(torch.ones(3))


@pytest.mark.parametrize("device", DEVICES)
def test_the_largest_part_is_told(device: str) -> None:
    mask = torch.zeros(20, 30, dtype=torch.bool, device=device)
    mask[2:6, 2:6], mask[9:16, 8:20] = True, True
    assert np.array_equal(largest_part(mask).nonzero().amin(0).cpu(), (9, 8)) and int(largest_part(mask).sum()) == 84
    assert not largest_part(torch.zeros_like(mask)).any()


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_the_greatest_around_a_pixel_is_scipys(reach: int) -> None:
    maps = np.random.default_rng(1).standard_normal((2, 3, 21, 17)).astype(np.float32)
    expected = ndimage.maximum_filter(maps, (1, 1, 2 * reach + 1, 2 * reach + 1))
    assert np.array_equal(greatest_around(torch.from_numpy(maps), reach), expected)
