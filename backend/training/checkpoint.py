"""Checkpoints without pickle: weights, their moving average and the optimiser's moments as one safetensors file."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..atomic import atomic_path
from ..errors import InputError

MOMENTS = ("exp_avg", "exp_avg_sq")


class MovingAverage:
    """An exponential moving average of a module's parameters and buffers."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Moves towards the module; faster in the first steps."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        now = module.state_dict()
        torch._foreach_lerp_(list(self.values.values()), [now[name] for name in self.values], 1.0 - decay)


def save_checkpoint(
    path: Path, module: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer, step: int, seconds: float
) -> None:
    """Writes everything that training needs to go on, whole or not at all."""
    tensors: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        tensors[f"weights/{name}"] = value.detach().contiguous()
        tensors[f"average/{name}"] = average.values[name].contiguous()
    for name, parameter in module.named_parameters():
        for moment in MOMENTS:
            if parameter in optimiser.state:
                tensors[f"{moment}/{name}"] = optimiser.state[parameter][moment].contiguous()
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"progress": json.dumps({"step": step, "seconds": seconds})})


def load_checkpoint(
    path: Path, module: nn.Module, average: MovingAverage, optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    """Restores a checkpoint in place; returns its step and the seconds trained.

    Raises InputError if it is of another network or damaged.
    """
    try:
        with safe_open(str(path), "pt") as file:
            progress = json.loads(file.metadata()["progress"])
            names = set(file.keys())
            module.load_state_dict({name: file.get_tensor(f"weights/{name}") for name in module.state_dict()})
            average.values = {
                name: file.get_tensor(f"average/{name}").clone().to(value.device)
                for name, value in module.state_dict().items()
            }
            for name, parameter in module.named_parameters():
                if f"exp_avg/{name}" in names:
                    moments = {
                        moment: file.get_tensor(f"{moment}/{name}").clone().to(parameter.device) for moment in MOMENTS
                    }
                    optimiser.state[parameter] = {"step": torch.tensor(float(progress["step"])), **moments}
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise InputError(f"{path} is no checkpoint of this network ({error}): start anew without it.") from error
    return int(progress["step"]), float(progress["seconds"])
