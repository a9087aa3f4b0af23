"""What is done to training examples before the networks see them."""

from dataclasses import replace

import numpy as np

from portrait_manifolds.backend.training.batches import bordered
from portrait_manifolds.backend.training.examples import Example


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
