"""Vectors a unit long."""

import numpy as np


def unit(vectors: np.ndarray, least: float = 1e-6) -> np.ndarray:
    """Vectors [..., 3] a unit long; those shorter than `least`, which have no direction, stay shorter."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), least)
