"""The lean of the neck: what moves, what stays, and which way it faces then."""

from dataclasses import replace

import numpy as np
import pytest

from portrait_manifolds.backend.training.assets import vertex_normals
from portrait_manifolds.backend.training.pieces import Piece, Surface, plain_piece
from portrait_manifolds.backend.training.posture import Posture, sample_posture

POSTURE = Posture(back_m=0.03, open=0.3)


@pytest.fixture(scope="module")
def column() -> Piece:
    """A neck with a slope outwards below: an open surface of revolution from over the jaw down to the chest."""
    turn, height = (x.ravel() for x in np.meshgrid(np.linspace(0, 2 * np.pi, 65)[:-1], np.linspace(0, -0.3, 61)))
    radius = 0.06 + 0.15 * np.clip((-height - 0.15) / 0.15, 0, 1) ** 2
    points = np.stack([radius * np.sin(turn), height, radius * np.cos(turn)], -1).astype(np.float32)
    here = np.arange(60 * 64)
    beside = here - here % 64 + (here + 1) % 64
    quads = np.stack([here, here + 64, beside + 64, beside], -1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    return plain_piece(points, vertex_normals(points, triangles), triangles, np.ones(3), Surface())


def test_the_body_moves_back_and_the_head_stays() -> None:
    face, chest, shoulder = np.array([0.0, -0.1, 0.09]), np.array([0.0, -0.25, 0.08]), np.array([-0.2, -0.2, 0.0])
    back_m = POSTURE.moved_back_m(np.stack([face, chest, shoulder]))
    np.testing.assert_allclose(back_m, [0.0, 0.03, 0.03 + 0.3 * 0.14], atol=1e-6)


def test_normals_and_strands_turn_with_the_surface(column: Piece) -> None:
    down = np.tile(np.array([0.0, -1.0, 0.0], np.float32), (len(column.vertices_m), 1))
    leaning = POSTURE.taken_by(replace(column, tangents=down))
    inner = np.abs(column.vertices_m[:, 1] + 0.15) < 0.14  # not the open ends
    expected = vertex_normals(leaning.vertices_m, column.triangles)
    assert ((leaning.normals * expected).sum(1)[inner] > 0.995).all()
    assert ((column.normals * expected).sum(1)[inner] < 0.97).any()  # which they did not before
    ahead = POSTURE.taken_by(replace(column, vertices_m=column.vertices_m + np.float32(0.001) * down))
    along = ahead.vertices_m - leaning.vertices_m
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    assert leaning.tangents is not None
    assert ((along * leaning.tangents).sum(1) > 0.999).all() and (along[:, 2] < -0.3).any()


def test_what_lies_above_the_jaw_is_the_same_piece(column: Piece) -> None:
    high = replace(column, vertices_m=column.vertices_m + np.array([0.0, 0.3, 0.0], np.float32))
    assert POSTURE.taken_by(high) is high


def test_postures_differ() -> None:
    back_m = [sample_posture(np.random.default_rng(seed)).back_m for seed in range(200)]
    assert 0.03 < np.mean(back_m) < 0.04 and 0.01 < np.std(back_m) < 0.025
