"""A few real steps of training on a cache of a few small examples."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import DISPLACEMENT_SIZE
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.inversion import Inversion
from portrait_manifolds.backend.networks.weights import load_weights, save_weights
from portrait_manifolds.backend.photo.alignment import LandmarkTemplate
from portrait_manifolds.backend.training import loop
from portrait_manifolds.backend.training.batches import batches
from portrait_manifolds.backend.training.examples import UNKNOWN_DEPTH, Example, pack, save_shard
from portrait_manifolds.backend.training.loop import CHECKPOINT, Part, TrainConfig, resumed, train
from portrait_manifolds.backend.training.losses import LossWeights
from portrait_manifolds.backend.training.network_cli import TEMPLATE, TrainNetworks, TrainPack
from portrait_manifolds.backend.training.steps import training_step
from portrait_manifolds.backend.training.teacher import Teacher

SIZE_PX = 64
MEAN_M = np.full((128, 128), 0.11, np.float32)


def ball(views: int) -> Example:
    """A grey ball of 11 cm before a darker wall."""
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=SIZE_PX, height_px=SIZE_PX)
    cameras = [camera, camera.orbited(20.0), camera.orbited(-15.0, 10.0)][:views]
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] + 0.5 - SIZE_PX / 2
    inside = np.hypot(x, y) < 0.11 / 1.4 * camera.fx_px
    rgba = np.full((SIZE_PX, SIZE_PX, 4), 128, np.uint8)
    rgba[..., 3] = 255 * inside
    photo = np.where(inside[..., None], rgba[..., :3], 40).astype(np.uint8)
    depth_m = np.where(inside, 1.3, np.inf)
    radius_m = np.full((DISPLACEMENT_SIZE, DISPLACEMENT_SIZE), 0.11)
    return pack(photo, inside * 1.0, [rgba] * views, [depth_m] * views, cameras, radius_m)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    save_shard(folder / "train-00-00000.safetensors", [ball(3)] * 4)
    save_shard(folder / "real-train-00000.safetensors", [ball(1)] * 2)
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    network = Inversion(inversion_config("small"))
    save_weights(folder, "test", "small", network, LandmarkTemplate(np.zeros((478, 3)), np.ones(478)))
    return folder


class Clock:
    """A second passes whenever it is looked at, however slow the machine is."""

    seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 1.0
        return self.seconds


def test_training_goes_on_where_it_stopped_and_leaves_alone_what_is_frozen(
    cache: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "time", Clock())
    frozen: tuple[Part, ...] = ("encoder_w", "synthesis", "encoder_detail")

    def run(seconds: float) -> tuple[int, dict[str, torch.Tensor]]:
        config = TrainConfig(
            cache,
            tmp_path / "run",
            size="small",
            start=start,
            minutes=seconds / 60.0,
            frozen=frozen,
            part_px=32,
            device="cpu",
        )
        train(config, MEAN_M, [])
        with safe_open(str(tmp_path / "run" / CHECKPOINT), "pt") as file:
            step = json.loads(file.metadata()["progress"])["step"]
        return step, resumed(config).state_dict()

    begun = load_weights("cpu", start).network.state_dict()
    first_step, first = run(2.0)
    step, trained = run(7.0)
    assert 1 <= first_step < step < 7
    for name, value in begun.items():
        if name.startswith((*frozen, "geometry")):
            assert torch.allclose(trained[name], value, atol=1e-7), name
    for part in ("decoder.hidden.weight", "displacement.fine_head.weight"):
        assert not torch.equal(first[part], begun[part]), part
        assert not torch.equal(trained[part], first[part]), part


def test_without_test_photographs_no_pictures_are_drawn(
    cache: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shards in cache.glob("*train-*"):
        (tmp_path / shards.name).symlink_to(shards)
    save_file({"mean_radius_m": MEAN_M, "face_radius_m": MEAN_M}, tmp_path / TEMPLATE)
    config = TrainConfig(
        tmp_path, tmp_path / "run", size="small", start=start, minutes=4.0 / 60.0, part_px=32, device="cpu",
        save_every=1,
    )  # fmt: skip

    def run() -> list[str]:
        monkeypatch.setattr(loop, "time", Clock())
        TrainNetworks(config).run()
        return sorted(path.suffix for path in config.out.iterdir())

    assert run() == [".safetensors"]
    save_shard(tmp_path / "real-test-00000.safetensors", [ball(1)])
    shutil.rmtree(config.out)
    monkeypatch.setattr(loop, "sample_sheet", lambda _, samples: np.zeros((len(samples), 4, 3), np.uint8))
    assert ".png" in run()  # for the networks, such pictures would be too small


def test_a_steps_batch_is_the_same_whoever_reads_it(cache: Path) -> None:
    kind = {"size": 3, "real": 1, "part_px": 32, "views": 2, "seed": 4}
    for workers in (1, 2):
        read = batches(cache, **kind, workers=workers)
        first, second = next(read), next(read)
        resumed_there = next(batches(cache, **kind, start=1, workers=workers))
        assert torch.equal(second.picture, resumed_there.picture)
        assert not torch.equal(second.targets.rgb, first.targets.rgb)
        assert [len(cameras) for cameras in first.targets.cameras] == [1, 3, 3]  # a photograph has its own view alone
        assert first.targets.rgb.shape == (7, 3, 32, 32)
        if workers == 1:
            expected = first
    for name in ("rgb", "opacity", "depth_m", "known"):
        assert torch.equal(getattr(first.targets, name), getattr(expected.targets, name)), name


def test_pairs_come_first_and_the_teacher_teaches_every_photograph(cache: Path, start: Path, tmp_path: Path) -> None:
    kind = {"size": 4, "real": 2, "part_px": 32, "views": 2, "seed": 4}
    for shards in cache.iterdir():
        (tmp_path / shards.name).symlink_to(shards)
    with pytest.raises(InputError, match="--pairs 1"):
        batches(tmp_path, **kind, pairs=1)
    pair = ball(2)
    pair.depth[0, :20] = UNKNOWN_DEPTH
    save_shard(tmp_path / "pairs-train-00000.safetensors", [pair])
    batch = next(batches(tmp_path, **kind, pairs=1))
    assert [len(cameras) for cameras in batch.targets.cameras] == [2, 1, 3, 3] and batch.photographs == 2
    assert not batch.known[0, 0, :20].any() and batch.known[0, 0, 20:].all() and batch.known[1:].all()
    assert not batch.targets.depth_m[:3].any() and batch.targets.depth_m[3:].any()  # photographs teach no depth
    assert Teacher(start, "cpu").lesson(batch, np.random.default_rng(0)).items == [0, 1]
    for wrong in ({"pairs": 3}, {"pairs": 1, "views": 0}):
        with pytest.raises(InputError, match="do not fit in"):
            batches(tmp_path, **kind | wrong)


def test_a_network_agrees_with_itself_as_its_teacher_and_learns_where_it_does_not(cache: Path, start: Path) -> None:
    batch = next(batches(cache, size=3, real=2, part_px=32, views=2, seed=1))
    lesson = Teacher(start, "cpu").lesson(batch, np.random.default_rng(0))
    assert lesson.items == [0, 1]  # the third is synthetic and has true views
    assert lesson.targets.rgb.shape == (4, 3, 144, 144) and 0.05 < float(lesson.targets.opacity.mean()) < 0.95
    assert lesson.targets.known[:, :, 0].all() and not lesson.targets.known[:, :, -1].any()  # not of the body
    middle = lesson.on_head[:, 16]  # from the top of the chart down over the face
    assert middle[:20].all() and not middle[28:].any()
    network = Inversion(inversion_config("small"))
    network.load_state_dict(load_weights("cpu", start).network.state_dict())

    def terms() -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        return training_step(network, batch, LossWeights(), lesson, fine=False)

    agreeing = terms()
    assert float(agreeing["taught"].detach()) < 0.01 and float(agreeing["taught_radius"].detach()) < 1e-6
    without = training_step(network, batch, replace(LossWeights(), taught=0.0, taught_radius=0.0), lesson, fine=False)
    assert "taught" not in training_step(network, batch, LossWeights(), fine=False)
    with torch.no_grad():
        network.displacement.fine_head.bias.fill_(0.2)  # a fifth larger
    larger = terms()
    assert float(larger["taught"].detach()) > 0.05 and float(larger["taught_radius"].detach()) > 0.1
    assert float(larger["total"].detach()) > float(without["total"].detach()) + 0.2
    (gradient,) = torch.autograd.grad(larger["taught"] + larger["taught_radius"], network.displacement.fine_head.bias)
    assert float(gradient) > 0.0  # it is to be smaller again


def test_packing_mixes_the_start_back_in(
    cache: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "time", Clock())
    config = TrainConfig(
        cache,
        tmp_path / "run",
        size="small",
        start=start,
        minutes=3.0 / 60.0,
        part_px=32,
        learning_rate=0.5,
        device="cpu",
    )
    train(config, MEAN_M, [])
    template = {"landmarks_m": np.zeros((478, 3)), "landmark_weights": np.ones(478)}
    save_file(template, cache / TEMPLATE)

    def packed(share: float) -> torch.Tensor:
        folder = tmp_path / f"packed-{share}"
        TrainPack(config, folder=folder, solid=0.0, start=share).run()
        return load_weights("cpu", folder).network.decoder.hidden.weight

    trained, mixed, begun = packed(0.0), packed(0.25), load_weights("cpu", start).network.decoder.hidden.weight
    assert (trained - begun).abs().max() > 1e-4
    torch.testing.assert_close(mixed, trained + 0.25 * (begun - trained), rtol=2e-3, atol=2e-5)  # halves are stored
    with pytest.raises(InputError, match="name their folder"):
        TrainPack(replace(config, start=None), folder=tmp_path, start=0.5).run()
    with pytest.raises(InputError, match="give 0 to 1"):
        TrainPack(config, folder=tmp_path, start=1.5).run()
