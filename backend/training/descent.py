"""One step of an optimiser down a loss."""

import torch
from torch import Tensor, nn


def descend(loss: Tensor, module: nn.Module, optimiser: torch.optim.Optimizer, max_norm: float) -> Tensor:
    """Moves a module's parameters along the loss' gradient, cut to `max_norm`; returns its length before that.

    Where it is not finite nothing moves.
    """
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(module.parameters(), max_norm)
    if torch.isfinite(norm):
        optimiser.step()
    return norm
