"""Caches made small, and made again elsewhere."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.training.carrying import DEPTH_STEP, carry, unpack
from portrait_manifolds.backend.training.examples import UNKNOWN_DEPTH, pack, save_shard
from portrait_manifolds.backend.training.network_cli import TrainCarry

SIZE_PX = 64


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A shard of two examples, smooth as people are, some of whose depth is missing or unknown."""
    folder = tmp_path / "Größe 1"
    folder.mkdir()
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=SIZE_PX, height_px=SIZE_PX)
    examples = []
    for shift in (0.0, 5.0):
        y, x = np.mgrid[:SIZE_PX, :SIZE_PX] + 0.5 - SIZE_PX / 2
        person = np.clip(0.5 * (24.0 - np.hypot(x - shift, y)), 0.0, 1.0)
        colour = np.stack([128 + 2 * x, 100 + y, 90 + x - y], -1).astype(np.uint8)
        rgba = np.concatenate([colour, (person * 255)[..., None].astype(np.uint8)], -1)
        depth_m = np.where(person > 0.5, 1.3 + 1e-5 * (x**2 + y**2), np.inf)
        example = pack(colour, person, [rgba, rgba[::-1]], [depth_m, depth_m], [camera] * 2, 0.1 + np.zeros((64, 64)))
        example.depth[0, :8] = UNKNOWN_DEPTH
        examples.append(example)
    save_shard(folder / "train-00-00000.safetensors", examples)
    return folder


def test_a_carried_cache_is_small_and_comes_back(cache: Path, tmp_path: Path) -> None:
    TrainCarry(cache, tmp_path / "carried", workers=1).run()
    (small,) = (tmp_path / "carried").iterdir()
    TrainCarry(tmp_path / "there", tmp_path / "carried", unpack=True, workers=1).run()
    (shard,) = cache.iterdir()
    before, after = load_file(shard), load_file(tmp_path / "there" / shard.name)
    assert small.stat().st_size < 0.3 * shard.stat().st_size
    assert {name: (values.shape, values.dtype) for name, values in before.items()} == {
        name: (values.shape, values.dtype) for name, values in after.items()
    }
    for name in ("person", "poses", "intrinsics", "radius_m"):
        assert np.array_equal(before[name], after[name]), name
    assert np.array_equal(before["rgba"][..., 3], after["rgba"][..., 3])
    for special in (0, UNKNOWN_DEPTH):
        assert np.array_equal(before["depth"] == special, after["depth"] == special)
    assert abs(before["depth"].astype(int) - after["depth"]).max() <= DEPTH_STEP // 2
    seen = before["rgba"][..., 3:] > 128
    for name, where in (("photo", True), ("rgba", seen)):
        difference = abs(before[name][..., :3].astype(float) - after[name][..., :3])
        assert np.mean(difference, where=where) < 2.5, name


def test_what_is_there_stays_and_is_refused_where_it_is_damaged(cache: Path, tmp_path: Path) -> None:
    carry(cache, tmp_path / "carried", 1)
    (small,) = (tmp_path / "carried").iterdir()
    small.write_bytes(b"kept")
    carry(cache, tmp_path / "carried", 1)
    assert small.read_bytes() == b"kept"
    with pytest.raises(InputError, match="delete it"):
        unpack(tmp_path / "carried", tmp_path / "there", 1)
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("name", ["photo", "depth"])
def test_bytes_that_are_no_picture_are_told(cache: Path, tmp_path: Path, name: str) -> None:
    carry(cache, tmp_path / "carried", 1)
    (small,) = (tmp_path / "carried").iterdir()
    arrays = load_file(small)
    save_file(arrays | {f"{name}/bytes": np.zeros_like(arrays[f"{name}/bytes"])}, small)
    with pytest.raises(InputError, match="damaged"):
        unpack(tmp_path / "carried", tmp_path / "there", 1)


def test_workers_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        TrainCarry(tmp_path, tmp_path / "carried", workers=0).run()


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no shards"):
        carry(tmp_path, tmp_path / "carried", 1)
