"""What no stage of training can work with is refused in a sentence, before any work."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from portrait_manifolds.backend.cli import parse
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.inversion import Inversion
from portrait_manifolds.backend.networks.weights import load_weights, save_weights
from portrait_manifolds.backend.photo.alignment import LandmarkTemplate
from portrait_manifolds.backend.training.checkpoint import MovingAverage, load_checkpoint
from portrait_manifolds.backend.training.curves import TrainCurves
from portrait_manifolds.backend.training.loop import CHECKPOINT, TrainConfig
from portrait_manifolds.backend.training.losses import LossWeights
from portrait_manifolds.backend.training.network_cli import TEMPLATE, TrainPack

NAN = float("nan")


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig(tmp_path / "cache", tmp_path / "run", size="small")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"minutes": minutes} for minutes in (-1.0, 0.0, NAN, float("inf"))),
        *({"learning_rate": rate} for rate in (0.0, NAN)),
        *({"batch": batch} for batch in (0, -1)),
        *({name: -1} for name in ("real", "pairs", "views", "workers", "seed")),
        *({name: 0} for name in ("save_every", "part_px")),
        {"real": 5},
        {"seed": 1 << 31},
        {"fine_after": NAN},
        {"weights": LossWeights(colour=NAN)},
        {"weights": LossWeights(depth=-1.0)},
    ],
)
def test_a_run_of_absurd_numbers_is_refused(config: TrainConfig, wrong: dict) -> None:
    config.check()
    with pytest.raises(InputError, match=r": give [\w ]+"):
        replace(config, **wrong).check()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("networks --config.cache x --config.out y --config.minutes -1", "minutes cannot be -1: give more than 0"),
        ("networks --config.cache x --config.out y --config.start nofolder", "name a folder that `train pack` wrote"),
        ("networks --config.cache x --config.out y --config.teacher nofolder", "name a folder that `train pack` wrote"),
        ("pack --config.cache . --config.out norun", "There is no checkpoint in norun: name the folder of a run"),
        ("validate --config.cache . --config.out norun --count 0", "count cannot be 0: give at least 1"),
        ("export-views --cache . --output y --count -1", "count cannot be -1: give at least 1"),
        ("examples --cache template.safetensors", "is a file: name a folder"),
        ("examples --cache x --subjects -5", "subjects cannot be -5: give at least 0"),
        ("examples --cache x --novel-views -1", "novel-views cannot be -1"),
        ("examples --cache x --seed -1", "seed cannot be -1"),
        ("examples --cache x --size-px 0", "size-px cannot be 0"),
        ("data --preview sheet.gif", "end the name in .jpg or .png"),
        ("data --preview-fits sheet", "end the name in .jpg or .png"),
        ("data --preview-count 0", "preview-count cannot be 0: give at least 1"),
        ("data --preview-tile-px 0", "preview-tile-px cannot be 0"),
        ("data --examples.novel-views -1", "novel-views cannot be -1"),
        ("data --examples.seed -1", "seed cannot be -1"),
        ("data --examples.size-px 0", "size-px cannot be 0"),
    ],
)
def test_stages_refuse_what_they_cannot_work_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"landmarks_m": np.zeros((478, 3)), "landmark_weights": np.ones(478)}, tmp_path / TEMPLATE)
    with pytest.raises(InputError, match=word):
        parse(["train", *arguments.split()]).run()
    assert [path.name for path in tmp_path.iterdir()] == [TEMPLATE]


def test_weights_to_start_with_are_whole_and_of_the_same_size(config: TrainConfig, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    network = Inversion(inversion_config("small"))
    save_weights(folder, "test", "small", network, LandmarkTemplate(np.zeros((478, 3)), np.ones(478)))
    replace(config, start=folder, teacher=folder).check()
    with pytest.raises(InputError, match="are of size small, not default: give that size"):
        replace(config, start=folder, size="default").check()
    (folder / "test.safetensors").write_bytes(b"other")
    with pytest.raises(ProcessingError, match="is damaged: name a folder that `train pack` wrote"):
        load_weights("cpu", folder)


def test_a_damaged_template_or_checkpoint_is_told(config: TrainConfig) -> None:
    config.cache.mkdir()
    template = config.cache / TEMPLATE
    for values in ({"landmarks_m": np.zeros((478, 3))}, {"landmarks_m": np.zeros(3), "landmark_weights": np.ones(478)}):
        save_file(values, template)
        with pytest.raises(InputError, match="make it again"):
            TrainPack(config).run()
    template.write_bytes(b"no template")
    with pytest.raises(InputError, match="make it again"):
        TrainPack(config).run()
    module = torch.nn.Linear(2, 2)
    for metadata in (None, {"progress": "no JSON"}, {"progress": "[1]"}):
        save_file({"weights/weight": np.zeros((2, 2), np.float32)}, config.cache / CHECKPOINT, metadata)
        with pytest.raises(InputError, match="is no checkpoint of this network"):
            optimiser = torch.optim.AdamW(module.parameters())
            load_checkpoint(config.cache / CHECKPOINT, module, MovingAverage(module, 0.9), optimiser)


@pytest.mark.parametrize(
    "log", [b"step,total\n1,2\n2,much\n", b"step,total\n1\n", b"total\n1\n", b"step,total\n1,2,3\n", b"\xff\xfe"]
)
def test_a_log_that_is_none_is_told(tmp_path: Path, log: bytes) -> None:
    (tmp_path / "log.csv").write_bytes(log)
    with pytest.raises(InputError, match=r"is damaged|holds no step"):
        TrainCurves(tmp_path, tmp_path / "curves.png").run()
    with pytest.raises(InputError, match=r"end the name in \.png"):
        TrainCurves(tmp_path, tmp_path / "curves.doc").run()
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
