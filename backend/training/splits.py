"""Who and what may be seen in training, and what is kept for validation and test: no identity, photograph, hair style
or garment is in two parts.

Names are ranked by a hash, so a part does not depend on the order of files and never changes for a given set.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

TEST_SHARE = 0.10
VALIDATION_SHARE = 0.05


@dataclass(frozen=True)
class Split:
    """One part: which names it may use, and a number that keeps its identities apart from the others'."""

    name: SplitName
    photos: tuple[str, ...]
    hair: tuple[str, ...]
    clothes: tuple[str, ...]

    @property
    def code(self) -> int:
        """Part of every seed: two splits never draw the same identity."""
        return SPLITS.index(self.name)


def ranked(names: Sequence[str]) -> list[str]:
    """Names in an order that looks random and never changes."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def divide(names: Sequence[str]) -> dict[SplitName, tuple[str, ...]]:
    """A tenth for test (720 photographs: 72), a twentieth for validation, the rest for training.

    Each part gets at least one name where there are three or more; with fewer, training gets all.
    """
    order = ranked(names)
    if len(order) < 3:
        return {"train": tuple(sorted(order)), "validation": (), "test": ()}
    test = max(1, round(TEST_SHARE * len(order)))
    validation = max(1, round(VALIDATION_SHARE * len(order)))
    return {
        "test": tuple(sorted(order[:test])),
        "validation": tuple(sorted(order[test : test + validation])),
        "train": tuple(sorted(order[test + validation :])),
    }


def make_splits(photos: Sequence[str], hair: Sequence[str], clothes: Sequence[str]) -> dict[SplitName, Split]:
    """The three parts."""
    by_photo, by_hair, by_clothes = divide(photos), divide(hair), divide(clothes)
    return {name: Split(name, by_photo[name], by_hair[name], by_clothes[name]) for name in SPLITS}
