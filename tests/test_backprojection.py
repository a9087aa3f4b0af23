"""Pictures carried back: what a texel takes from where it is seen."""

from dataclasses import replace

import numpy as np
import pytest

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.made.made_portrait import made_camera, made_portrait
from portrait_manifolds.backend.manifolds import map_grid
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.texture.backprojection import Matching, TexelsSeen, match_colours


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return made_portrait(texture_size=128, sheets=4)


def pixels(portrait: Portrait, texels: TexelsSeen, camera: Camera) -> np.ndarray:
    """Where the camera sees each texel, column and row [N, 2]."""
    grid = map_grid(portrait.texture_size)
    points = np.stack([portrait.manifolds.points(sheet, grid) for sheet in range(portrait.manifolds.sheets)])
    return camera.project(points.reshape(-1, 3)[texels.index])[0]


@pytest.mark.parametrize("size_px", [45, 150, 700])  # texels from narrower than a pixel to several pixels wide
def test_a_texel_takes_what_the_picture_shows_where_it_is_seen(portrait: Portrait, size_px: int) -> None:
    """A picture of its own coordinates, which every halving keeps."""
    camera = made_camera().resized(size_px, size_px)
    texels = TexelsSeen(portrait, camera, None)
    row, column = np.mgrid[0:size_px, 0:size_px] + 0.5
    sampled = texels.sample(np.stack([column, row], -1))
    seen = pixels(portrait, texels, camera)
    inside = ((seen > 8.0) & (seen < size_px - 16.0)).all(1)
    assert inside.sum() > 1000
    np.testing.assert_allclose(sampled[inside], seen[inside], atol=0.01)


def test_a_texel_wider_than_pixels_takes_their_mean(portrait: Portrait) -> None:
    checks = (np.indices((1024, 1024)).sum(0) % 2).astype(np.float32)[..., None]
    wide, narrow = (
        TexelsSeen(portrait, made_camera().resized(side, side), None).sample(checks[:side, :side])
        for side in (1024, 64)
    )
    assert np.abs(wide - 0.5).max() < 1e-6 < 0.1 < narrow.std()


def test_what_counts_as_seen_goes_deeper_where_sheets_lie_farther_apart(portrait: Portrait) -> None:
    camera = made_camera().resized(128, 128)
    depth_m = portrait.render(camera)[1]
    manifolds = portrait.manifolds
    # The same sheets, told as ten times as far apart by offsets a tenth as large.
    apart = replace(manifolds, spread=10.0 * manifolds.spread, offsets_m=0.1 * manifolds.offsets_m)
    deep, usual = (TexelsSeen(replace(portrait, manifolds=sheets), camera, depth_m) for sheets in (apart, manifolds))
    assert len(deep.index) > 1.2 * len(usual.index)


def test_noise_is_left_alone_and_what_differs_by_more_is_carried_back(portrait: Portrait) -> None:
    camera = made_camera().resized(128, 128)
    drawn = portrait.render(camera)[0]
    weight = (drawn[..., 3] > 0.9).astype(np.float32)

    def changed(difference: float, noise: float) -> int:
        wanted = drawn[..., :3] + np.float32(difference)
        matched = match_colours(portrait, camera, wanted, weight, Matching(1, "matching", noise=noise))
        return int(np.abs(matched.textures.astype(int) - portrait.textures).max())

    assert changed(0.02, 0.03) == 0
    assert changed(0.02, 0.0) >= 5 and changed(0.06, 0.03) >= 7
    assert changed(-0.06, 0.03) >= 7
    assert changed(0.06, 0.03) < changed(0.06, 0.0)


def test_texels_take_as_much_as_is_believed(portrait: Portrait) -> None:
    camera = made_camera().resized(128, 128)
    drawn = portrait.render(camera)[0]
    believed = np.ones((portrait.texture_size, portrait.texture_size), np.float32)
    believed[:, : portrait.texture_size // 2] = 0.0
    wanted, weight = drawn[..., :3] + np.float32(0.05), np.ones(drawn.shape[:2], np.float32)
    matched = match_colours(portrait, camera, wanted, weight, Matching(1, "matching", believed=believed))
    moved = (matched.textures != portrait.textures).any((0, 3))
    assert moved[:, portrait.texture_size // 2 :].any() and not moved[:, : portrait.texture_size // 2].any()
