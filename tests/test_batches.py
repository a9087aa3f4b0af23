"""What is done to training examples before the networks see them."""

from dataclasses import replace

import numpy as np

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.training.batches import bordered, held_ears, without_depth
from portrait_manifolds.backend.training.examples import UNKNOWN_DEPTH, Example


def test_a_photograph_that_ends_inside_the_crop_repeats_its_border() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    person = photo[..., 0].copy()
    example = Example(
        photo, person, np.zeros((1, 40, 40, 4), np.uint8), np.zeros((1, 40, 40), np.uint16), np.eye(4)[None],
        np.ones((1, 4)), np.zeros((4, 4), np.float32),
    )  # fmt: skip
    changed = 0
    for _ in range(20):
        shown = bordered(rng, example)
        assert replace(shown, photo=photo, person=person) == example  # the views stay as they were
        assert shown.photo.shape == photo.shape
        np.testing.assert_array_equal(shown.person, shown.photo[..., 0])
        np.testing.assert_array_equal(shown.photo[:30, 10:30], photo[:30, 10:30])
        differs = (shown.photo != photo).any(-1)
        if differs.any():
            changed += 1
            rows = np.flatnonzero(differs.all(1))
            if rows.size:
                np.testing.assert_array_equal(shown.photo[rows], shown.photo[[rows[0] - 1] * rows.size])
    assert 4 <= changed <= 16


def test_an_ear_that_comes_and_goes_is_made_whole_and_nothing_else_changes() -> None:
    azimuth_deg, elevation_deg = chart_angles_deg(64, CHART_HALF_EXTENT)
    head = np.full((1, 64, 64), 0.08, np.float32)
    edge = (np.abs(azimuth_deg - 98.0) < 3.0) & (np.abs(elevation_deg) < 12.0)
    ear = head + 0.015 * (edge & (np.arange(64) % 2 == 0)[:, None])
    held = held_ears(ear)[0]
    rows = np.flatnonzero(edge.any(1))
    for side in (slice(0, 32), slice(32, 64)):
        raised = held[rows[1:-1], side] > 0.09
        assert raised.sum(1).min() >= 2  # every row, and at least two texels wide
        raised_azimuth = azimuth_deg[rows[1:-1], side][raised]
        assert raised_azimuth.min() > 94.0  # the cheek stays
    np.testing.assert_array_equal(held_ears(head), head)
    np.testing.assert_array_equal(held[np.abs(elevation_deg) > 40.0], ear[0][np.abs(elevation_deg) > 40.0])


def test_a_photograph_loses_its_fitted_depth_and_keeps_what_is_unknown() -> None:
    depth = np.array([[[0, 13_000], [UNKNOWN_DEPTH, 12_000]]], np.uint16)
    empty = np.zeros((1, 2, 2, 4), np.uint8)
    example = Example(
        empty[0, ..., :3], empty[0, ..., 3], empty, depth, np.eye(4)[None], np.ones((1, 4)), np.ones((4, 4))
    )
    assert without_depth(example).depth.tolist() == [[[0, 0], [UNKNOWN_DEPTH, 0]]]
