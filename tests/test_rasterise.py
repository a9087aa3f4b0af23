"""The C++ rasteriser against its reference, and against a ray caster that shares nothing with either."""

import numpy as np
import pytest
import torch

from portrait_manifolds.cuda_ops.rasterise import Mesh, make_texture, rasterise
from portrait_manifolds.cuda_ops.rasterise_reference import rasterise_reference


def soup(seed: int, triangles: int, textures: int) -> tuple[Mesh, np.ndarray, list[np.ndarray]]:
    """Random triangles in front of a 40 x 30 picture; the last texture is translucent."""
    rng = np.random.default_rng(seed)
    count = 3 * triangles
    centre = np.repeat(rng.uniform(-5, 45, (triangles, 2)), 3, axis=0)
    pixels = np.concatenate([centre + rng.normal(size=(count, 2)) * 8.0, rng.uniform(0.5, 2.0, (count, 1))], 1)
    gain = rng.uniform(0.2, 1.0, (count, 4))
    pictures = [rng.integers(0, 256, (rng.integers(1, 40), rng.integers(1, 40), 4), np.uint8) for _ in range(textures)]
    for picture in pictures[:-1]:
        picture[..., 3] = 255
    texture = rng.integers(-1, textures, triangles) if textures else np.full(triangles, -1)
    clear = np.repeat(texture == textures - 1, 3) & (textures > 0)
    gain[~clear, 3] = 1.0
    mesh = Mesh(
        vertices_m=np.zeros((count, 3), np.float32),
        uv=rng.uniform(-1, 2, (count, 2)).astype(np.float32),
        gain=gain.astype(np.float32),
        add=rng.uniform(0, 0.2, (count, 3)).astype(np.float32),
        triangles=np.arange(count, dtype=np.int32).reshape(-1, 3),
        texture_of_triangle=texture.astype(np.int32),
    )
    return mesh, pixels.astype(np.float32), pictures


def reference(mesh: Mesh, pixels: np.ndarray, pictures: list[np.ndarray], *size: int) -> tuple[np.ndarray, np.ndarray]:
    values = [torch.from_numpy(values) for values in (mesh.uv, mesh.gain, mesh.add)]
    indices = [torch.from_numpy(values.astype(np.int64)) for values in (mesh.triangles, mesh.texture_of_triangle)]
    textures = [torch.from_numpy(picture) for picture in pictures]
    rgba, depth = rasterise_reference(torch.from_numpy(pixels)[None], *values, *indices, textures, *size)
    return rgba[0].numpy(), depth[0].numpy()


@pytest.mark.parametrize(
    ("triangles", "textures", "samples"), [(7, 0, 1), (40, 0, 2), (60, 3, 1), (120, 3, 2), (90, 2, 4)]
)
def test_matches_the_reference(triangles: int, textures: int, samples: int) -> None:
    mesh, pixels, pictures = soup(triangles, triangles, textures)
    made = [make_texture(picture) for picture in pictures]
    rgba, depth = rasterise(mesh, pixels, made, 40, 30, samples=samples)
    expected_rgba, expected_depth = reference(mesh, pixels, pictures, 40, 30, samples)
    # Samples within rounding of an edge may fall to either side: a few pixels may differ by a sample or two.
    wrong = (np.abs(rgba - expected_rgba) > 1e-4).any(-1)
    assert wrong.mean() < 0.01
    assert (np.isfinite(depth) == np.isfinite(expected_depth)).mean() > 0.99
    both = np.isfinite(depth) & np.isfinite(expected_depth) & ~wrong
    assert both.any()
    np.testing.assert_allclose(depth[both], expected_depth[both], rtol=1e-4)


def test_a_picture_does_not_depend_on_the_threads() -> None:
    mesh, pixels, pictures = soup(5, 200, 3)
    made = [make_texture(picture) for picture in pictures]
    first = rasterise(mesh, pixels, made, 130, 70, threads=1)
    second = rasterise(mesh, pixels, made, 130, 70, threads=5)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


def test_an_empty_scene_is_empty() -> None:
    mesh, pixels, _ = soup(1, 0, 0)
    rgba, depth = rasterise(mesh, pixels, [], 7, 5)
    assert rgba.shape == (5, 7, 4)
    assert not rgba.any()
    assert np.isinf(depth).all()


def test_two_panes_composite_in_linear_light() -> None:
    square = np.array([[-1, -1], [9, -1], [9, 9], [-1, 9]], np.float32)
    pixels = np.concatenate([np.tile(square, (2, 1)), np.repeat([[1.0], [3.0]], 4, axis=0)], 1).astype(np.float32)
    corners = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], np.int32)
    gain = np.ones((8, 4), np.float32)
    gain[:4] = [1.0, 0.0, 0.0, 0.25]
    gain[4:] = [0.0, 1.0, 0.0, 1.0]
    mesh = Mesh(
        np.zeros((8, 3), np.float32), np.zeros((8, 2), np.float32), gain, np.zeros((8, 3), np.float32), corners,
        np.array([0, 0, -1, -1], np.int32),
    )  # fmt: skip
    glass = make_texture(np.array([[[255, 255, 255, 128]]], np.uint8))
    rgba, depth = rasterise(mesh, pixels, [glass], 8, 8)
    alpha = 0.25 * 128 / 255
    np.testing.assert_allclose(rgba[4, 4], [alpha, 1 - alpha, 0, 1], atol=1e-6)
    np.testing.assert_allclose(depth[4, 4], alpha * 1.0 + (1 - alpha) * 3.0, rtol=1e-5)


def test_wrong_input_is_refused() -> None:
    mesh, pixels, _ = soup(2, 4, 0)
    with pytest.raises(ValueError, match="shape"):
        rasterise(mesh, pixels[:-1], [], 8, 8)
    with pytest.raises(ValueError, match="texture"):
        rasterise(Mesh(**{**vars(mesh), "texture_of_triangle": np.full(4, 2, np.int32)}), pixels, [], 8, 8)
    with pytest.raises(ValueError, match="no mesh to join"):
        Mesh.join([])
    with pytest.raises(ValueError, match="vertex"):
        rasterise(Mesh(**{**vars(mesh), "triangles": mesh.triangles + 1}), pixels, [], 8, 8)
