"""Steps that are not sudden, of arrays and tensors alike."""

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Values = TypeVar("Values", np.ndarray, "Tensor")

Edges = tuple[float, float]


def ramp(values: Values, edges: Edges) -> Values:
    """0 up to the first edge, 1 from the second, linear between; edges may fall."""
    return ((values - edges[0]) / (edges[1] - edges[0])).clip(0.0, 1.0)


def smoothstep(share: Values) -> Values:
    """0..1 with no edges at either end."""
    return share * share * (3.0 - 2.0 * share)
