"""Checkpoints without pickle: weights, their moving average and the optimisers' moments as one safetensors file."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..atomic import atomic_path
from ..errors import InputError
from .adversary import Adversary

STEPS, MOMENTS = "step", ("exp_avg", "exp_avg_sq")
"""Names of what Adam keeps of each parameter: steps taken, and means of the gradient and its square."""

ADVERSARY = "adversary/"
"""How names of the adversary's tensors begin."""


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
    path: Path,
    module: nn.Module,
    average: MovingAverage,
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
    adversary: Adversary | None = None,
) -> None:
    """Writes everything that training needs to go on, whole or not at all."""
    tensors = _learned(module, optimiser)
    tensors |= {f"average/{name}": value.contiguous() for name, value in average.values.items()}
    if adversary is not None:
        learned = _learned(adversary.discriminator, adversary.optimiser)
        tensors |= {ADVERSARY + name: value for name, value in learned.items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"progress": json.dumps({"step": step, "seconds": seconds})})


def load_checkpoint(
    path: Path,
    module: nn.Module,
    average: MovingAverage,
    optimiser: torch.optim.Optimizer,
    adversary: Adversary | None = None,
) -> tuple[int, float]:
    """Restores a checkpoint in place; returns its step and the seconds trained.

    An adversary stays as it is where the run had none. Raises InputError if it is of another network or damaged.
    """
    try:
        with safe_open(str(path), "pt") as file:
            progress = json.loads(file.metadata()["progress"])
            _restore(file, "", module, optimiser, progress["step"])
            average.values = {
                name: file.get_tensor(f"average/{name}").clone().to(value.device)
                for name, value in module.state_dict().items()
            }
            if adversary is not None and any(name.startswith(ADVERSARY) for name in file.keys()):  # noqa: SIM118
                _restore(file, ADVERSARY, adversary.discriminator, adversary.optimiser, progress["step"])
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no checkpoint of this network ({error}): start anew without it.") from error
    return int(progress["step"]), float(progress["seconds"])


def _learned(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """A network's weights and its optimiser's state."""
    tensors = {f"weights/{name}": value.detach().contiguous() for name, value in module.state_dict().items()}
    for name, parameter in module.named_parameters():
        for what in (STEPS, *MOMENTS):
            if parameter in optimiser.state:
                tensors[f"{what}/{name}"] = optimiser.state[parameter][what].contiguous()
    return tensors


def _restore(file: safe_open, prefix: str, module: nn.Module, optimiser: torch.optim.Optimizer, steps: int) -> None:
    """The inverse of `_learned` under a prefix; `steps` are those of checkpoints that do not tell the optimiser's."""
    names = set(file.keys())
    module.load_state_dict({name: file.get_tensor(f"{prefix}weights/{name}") for name in module.state_dict()})
    for name, parameter in module.named_parameters():
        if f"{prefix}exp_avg/{name}" in names:
            taken = f"{prefix}{STEPS}/{name}"
            optimiser.state[parameter] = {
                STEPS: file.get_tensor(taken).clone() if taken in names else torch.tensor(float(steps))
            } | {moment: file.get_tensor(f"{prefix}{moment}/{name}").clone().to(parameter.device) for moment in MOMENTS}
