"""The discriminator, what it is shown, and training against it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import DISPLACEMENT_SIZE
from portrait_manifolds.backend.networks import precision
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.inversion import Inversion
from portrait_manifolds.backend.training import adversary as adversary_module
from portrait_manifolds.backend.training import loop
from portrait_manifolds.backend.training.adversary import (
    Adversary,
    Discriminator,
    Pictures,
    condition,
    contest,
    squared_gradient,
    turned_cameras,
)
from portrait_manifolds.backend.training.batches import Batch, batches
from portrait_manifolds.backend.training.curves import read_log
from portrait_manifolds.backend.training.examples import UNKNOWN_DEPTH, Example, pack, save_shard
from portrait_manifolds.backend.training.loop import LOG, TrainConfig, resumed, train
from portrait_manifolds.backend.training.losses import LossWeights
from portrait_manifolds.backend.training.steps import training_step
from portrait_manifolds.cuda_ops.native import NativeScene

SIZE_PX = 64
MEAN_M = np.full((128, 128), 0.11, np.float32)
FRONT = (0.0, 0.0, 1.0, 0.0, 0.0, 1.7, 0.0)


def example(views: int) -> Example:
    """A grey square seen from the front and a little from above; a photograph ends above the picture's last rows."""
    camera = look_at((0.0, 0.1, 1.4), fov_deg=16.0, width_px=SIZE_PX, height_px=SIZE_PX)
    cameras = [camera, camera.orbited(20.0), camera.orbited(-15.0, 10.0)][:views]
    rgba = np.zeros((SIZE_PX, SIZE_PX, 4), np.uint8)
    rgba[16:, 16:48] = (150, 120, 90, 255)
    depth_m = np.where(rgba[..., 3] > 0, 1.3, np.inf)
    made = pack(
        rgba[..., :3], rgba[..., 3] / 255.0, [rgba] * views, [depth_m] * views, cameras,
        np.full((DISPLACEMENT_SIZE, DISPLACEMENT_SIZE), 0.11),
    )  # fmt: skip
    if views == 1:
        made.depth[0, -12:] = UNKNOWN_DEPTH
    return made


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    save_shard(folder / "train-00-00000.safetensors", [example(3)] * 2)
    save_shard(folder / "real-train-00000.safetensors", [example(1)] * 2)
    return folder


@pytest.fixture
def batch(cache: Path) -> Batch:
    return next(batches(cache, size=3, real=2, part_px=SIZE_PX, views=2, seed=1))


def fixed(level: float, at: tuple[float, ...] = FRONT, count: int = 4) -> Pictures:
    """Noise about a level, seen under one condition."""
    noise = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    return Pictures(level + 0.1 * noise, torch.tensor(at).expand(count, -1))


def apart(adversary: Adversary, true: Pictures, false: Pictures) -> float:
    """How much more true the true ones look."""
    with torch.no_grad():
        return float(adversary.discriminator(true).mean() - adversary.discriminator(false).mean())


@pytest.mark.parametrize("side", [32, 48, 75, 256])
def test_pictures_of_any_size_get_a_score_each(side: int) -> None:
    torch.manual_seed(0)
    pictures = Pictures(torch.rand(2, 3, side, side), torch.tensor([FRONT, FRONT]))
    scores = Discriminator()(pictures)
    assert scores.shape == (2,) and torch.isfinite(scores).all() and scores[0] != scores[1]


def test_the_penalty_is_the_squared_length_of_the_gradient() -> None:
    weight = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)

    class Quadratic(Discriminator):
        def forward(self, pictures: Pictures, *, exact: bool = False) -> Tensor:
            assert exact
            return (pictures.rgb.square() * weight).sum((1, 2, 3))

    rgb = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    penalty = squared_gradient(Quadratic(), Pictures(rgb, torch.zeros(5, 7)))
    torch.testing.assert_close(penalty, (2.0 * rgb * weight).square().sum((1, 2, 3)).mean())
    (gradient,) = torch.autograd.grad(penalty, weight)  # it is what weights are to make smaller
    torch.testing.assert_close(gradient, (8.0 * rgb.square() * weight).mean(0))


def test_it_learns_to_tell_apart_and_the_penalty_holds_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    true, false = fixed(0.4), fixed(0.6)
    told_apart = []
    for gamma in (1.0, 1000.0):
        monkeypatch.setattr(adversary_module, "R1_GAMMA", gamma)
        torch.manual_seed(0)
        adversary = Adversary("cpu")
        before = apart(adversary, true, false)
        learned = [adversary.learn(true, false, penalised=step % 4 == 0) for step in range(30)]
        told_apart.append(apart(adversary, true, false) - before)
        assert all((float(terms["r1"].detach()) > 0.0) == (step % 4 == 0) for step, terms in enumerate(learned))
    assert told_apart[0] > 1.0 and told_apart[1] < 0.5 * told_apart[0]


def test_the_same_picture_is_true_at_one_pose_and_not_at_another() -> None:
    left, right = ((x, 0.0, 0.95, 0.0, 0.0, 1.7, 0.0) for x in (-0.3, 0.3))
    true = [fixed(0.4, left), fixed(0.6, right)]
    false = [fixed(0.6, left), fixed(0.4, right)]
    torch.manual_seed(0)
    adversary = Adversary("cpu")
    for _ in range(40):
        adversary.learn(*(Pictures(torch.cat([a.rgb, b.rgb]), torch.cat([a.condition, b.condition]))
                          for a, b in (true, false)), penalised=False)  # fmt: skip
    assert all(apart(adversary, a, b) > 0.5 for a, b in zip(true, false, strict=True))


def test_a_condition_says_where_the_camera_is_and_what_it_sees() -> None:
    camera = look_at((0.0, 0.0, 2.0), fov_deg=20.0, width_px=64, height_px=64)
    part = replace(camera.orbited(90.0), cx_px=16.0, cy_px=40.0, fx_px=64.0 * np.e, fy_px=64.0 * np.e)
    seen = condition([camera, part], [1])
    torch.testing.assert_close(seen[0, :5], torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]))
    torch.testing.assert_close(seen[1], torch.tensor([1.0, 0.0, 0.0, -0.25, 0.125, 1.0, 1.0]))
    assert float(seen[0, 6]) == 0.0


def test_photographs_are_drawn_once_more_at_photographs_poses(batch: Batch) -> None:
    torch.manual_seed(0)
    turned = [camera for _ in range(200) for camera in turned_cameras(batch)]
    place = np.array([camera.position_m for camera in turned])
    yaw_deg = np.degrees(np.arctan2(place[:, 0], place[:, 2]))
    pitch_deg = np.degrees(np.arctan2(place[:, 1], np.hypot(place[:, 0], place[:, 2])))
    for angle, (mean, spread) in ((yaw_deg, adversary_module.YAW_DEG), (pitch_deg, adversary_module.PITCH_DEG)):
        assert abs(angle.mean() - mean) < 0.3 * spread and 0.85 < angle.std() / spread < 1.15
    own = batch.targets.cameras[0][0]
    assert (turned[0].cx_px, turned[0].width_px, turned[0].fx_px) == (own.cx_px, own.width_px, own.fx_px)


def shown(batch: Batch, drawn: Tensor, novel: Tensor) -> tuple[Pictures, Pictures]:
    torch.manual_seed(3)
    return contest(batch, drawn, turned_cameras(batch), list(novel.split(1)))


def test_what_is_unknown_is_no_part_of_the_contest(batch: Batch) -> None:
    known = batch.targets.known
    assert 0.0 < float(known[:2].mean()) < 1.0 and known[2:].all()
    drawn, novel = torch.rand(5, SIZE_PX, SIZE_PX, 5), torch.rand(2, SIZE_PX, SIZE_PX, 5)
    true, false = shown(batch, drawn, novel)
    assert len(true.rgb) == 5 and len(false.rgb) == 7  # two photographs are seen from beside, too
    assert true.condition[:, 6].tolist() == [1, 1, 0, 0, 0] and false.condition[:, 6].tolist() == [1, 1, 0, 0, 0, 1, 1]
    torch.testing.assert_close(true.condition, false.condition[:5])

    def changed(values: Tensor, known: Tensor) -> Tensor:
        return torch.where(known > 0, values, 1.0 - values)

    lacking = known.permute(0, 2, 3, 1)
    other = replace(batch, targets=replace(batch.targets, rgb=changed(batch.targets.rgb, known)))
    others = shown(other, changed(drawn, lacking), changed(novel, lacking[:2]))
    for one, another in zip((true, false), others, strict=True):
        assert torch.equal(one.rgb, another.rgb)
    everywhere = shown(batch, 1.0 - drawn, 1.0 - novel)[1]
    assert ((everywhere.rgb != false.rgb).flatten(1).float().mean(1) > 0.5).all()


def test_a_turned_photograph_counts_as_it_was_taken_alone(cache: Path, tmp_path: Path) -> None:
    for shards in cache.iterdir():
        (tmp_path / shards.name).symlink_to(shards)
    turned = example(2)
    turned.rgba[0, ..., :3] = 255 - turned.rgba[0, ..., :3]
    save_shard(tmp_path / "pairs-train-00000.safetensors", [turned])
    batch = next(batches(tmp_path, size=3, real=2, pairs=1, part_px=40, views=1, seed=1))
    true, false = shown(batch, torch.zeros(5, 40, 40, 5), torch.zeros(2, 40, 40, 5))
    assert len(true.rgb) == 4 and len(false.rgb) == 6  # two photographs, two views of a subject; two more from beside
    own = batch.targets.cameras[0][1]
    torch.testing.assert_close(true.condition[:1], condition([own], [0]))
    assert float(condition([own], [0])[0, 0]) != float(condition([batch.cameras[0]], [0])[0, 0])
    assert turned_cameras(batch)[0].cx_px == own.cx_px != batch.targets.cameras[0][0].cx_px
    opaque = batch.targets.opacity[1, 0] > 0.99
    assert opaque.any()
    torch.testing.assert_close(true.rgb[0][:, opaque], batch.targets.rgb[1][:, opaque], atol=1e-3, rtol=0.0)


def test_the_drawn_truth_looks_just_as_true(batch: Batch) -> None:
    targets = batch.targets
    colour = torch.where(targets.rgb <= 0.04045, targets.rgb / 12.92, ((targets.rgb + 0.055) / 1.055) ** 2.4)
    drawn = torch.cat([colour * targets.opacity, targets.opacity, targets.depth_m], 1).permute(0, 2, 3, 1)
    true, false = shown(batch, drawn, drawn[:2])
    torch.testing.assert_close(true.rgb, false.rgb[:5])
    assert all(true.rgb[view].std() > 0.01 for view in range(5))


def test_each_side_learns_from_its_own_loss_alone(batch: Batch) -> None:
    torch.manual_seed(0)
    network, adversary = Inversion(inversion_config("small")), Adversary("cpu")
    adversarial = LossWeights(*[0.0] * 11, adversarial=1.0)
    before = {name: value.clone() for name, value in adversary.discriminator.state_dict().items()}
    terms = training_step(network, batch, adversarial, None, adversary, fine=False, step=1)
    assert all(parameter.grad is None for parameter in network.parameters())
    moved = {name: value.clone() for name, value in adversary.discriminator.state_dict().items()}
    assert all(not torch.equal(value, before[name]) for name, value in moved.items())
    assert float(terms["total"].detach()) == pytest.approx(float(terms["adversarial"].detach()))
    gradients = {name: parameter.grad.clone() for name, parameter in adversary.discriminator.named_parameters()}
    terms["total"].backward()
    assert float(network.decoder.hidden.weight.grad.abs().max()) > 0.0
    assert all(torch.equal(adversary.discriminator.get_parameter(name).grad, g) for name, g in gradients.items())
    assert "adversarial" not in training_step(network, batch, LossWeights(), fine=False)


class Steps:
    """A second passes with each batch that is asked for; after `last` training is broken off."""

    def __init__(self, last: int) -> None:
        self.seconds, self.last = 0.0, last

    def monotonic(self) -> float:
        return self.seconds

    def batches(self, *arguments: object, **options: object) -> Iterator[Batch]:
        for one in batches(*arguments, **options):
            if self.seconds == self.last:
                raise KeyboardInterrupt
            self.seconds += 1.0
            yield one


def run(config: TrainConfig, monkeypatch: pytest.MonkeyPatch, last: int = -1) -> dict[str, Tensor]:
    """Trains until the time is up or broken off; the weights of both sides."""
    steps = Steps(last)
    monkeypatch.setattr(loop, "time", steps)
    monkeypatch.setattr(loop, "batches", steps.batches)
    monkeypatch.setattr(loop, "sample_sheet", lambda *_: np.zeros((4, 4, 3), np.uint8))
    trained = []
    monkeypatch.setattr(loop, "Adversary", lambda device: trained.append(Adversary(device)) or trained[0])
    try:
        train(config, MEAN_M, [])
    except KeyboardInterrupt:
        assert last > 0
    rival = trained[0].discriminator.state_dict() if trained else {}
    return resumed(config).state_dict() | {f"rival {name}": value for name, value in rival.items()}


def test_a_run_goes_on_exactly_where_it_stopped(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(
        cache, tmp_path / "straight", size="small", minutes=5.0 / 60.0, batch=2, part_px=32, views=1, device="cpu",
        workers=0, save_every=1, weights=LossWeights(adversarial=0.5),
    )  # fmt: skip
    monkeypatch.setattr(precision, "bfloat16_is_fast", lambda _: False)  # there sums in another order differ
    monkeypatch.setattr(NativeScene, "backward", partialmethod(NativeScene.backward, threads=1))  # and here threads'
    straight = run(config, monkeypatch)
    broken_off = replace(config, out=tmp_path / "resumed")
    first = run(broken_off, monkeypatch, last=2)
    went_on = run(broken_off, monkeypatch)
    assert any(name.startswith("rival") and not torch.equal(value, went_on[name]) for name, value in first.items())
    for name, value in straight.items():
        torch.testing.assert_close(went_on[name], value, rtol=0.0, atol=1e-5, msg=name)  # sums' order differs


def test_an_adversary_may_come_later_and_gets_a_log_with_its_terms(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 2)
    without = TrainConfig(
        cache, tmp_path / "run", size="small", minutes=2.0 / 60.0, batch=2, part_px=32, views=1, device="cpu", workers=0
    )
    assert not any(name.startswith("rival") for name in run(without, monkeypatch))
    against = replace(without, minutes=6.0 / 60.0, weights=LossWeights(adversarial=0.5))
    assert any(name.startswith("rival") for name in run(against, monkeypatch))
    log, before = read_log(against.out / LOG), read_log(against.out / "log-000004.csv")
    assert log["step"].tolist() == [4.0, 6.0] and before["step"].tolist() == [2.0]
    assert {"adversarial", "discriminator", "r1"} == log.keys() - before.keys()
    assert (log["discriminator"] > 0.5).all() and log["r1"][0] == 0.0
    run(replace(without, minutes=8.0 / 60.0), monkeypatch)  # and may go again
