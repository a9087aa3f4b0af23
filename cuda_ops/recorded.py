"""Work on a GPU's tensors that is recorded once and played again: CUDA graphs.

Making a portrait takes thousands of kernels, most of which run for less time than the processor needs to launch them.
A recording of many is launched as one.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from functools import cache, wraps
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor

Work = TypeVar("Work", bound=Callable[..., Any])

_on = ContextVar("recording", default=False)
_one_at_a_time = Lock()


@contextmanager
def recording(wanted: bool = True) -> Iterator[None]:
    """Within it, in inference mode, what is `recorded` is played if its tensors are a GPU's and kernels are compiled.

    Recordings keep the memory that they work in: training, say, needs it for itself.
    """
    before = _on.set(wanted)
    try:
        yield
    finally:
        _on.reset(before)


def recorded(work: Work) -> Work:
    """A function whose work within `recording` is recorded when it is called with tensors of the same sizes again.

    Arguments and results are tensors, tuples and dataclasses of such, and whatever is hashable, which a recording is
    of: networks, say. Tensors come and go as copies. `work` uses no others but those that last, as networks' own do,
    and neither waits for the GPU nor takes anything from the processor.
    """
    recordings: dict[Hashable, _Recording | None] = {}

    @wraps(work)
    def played(*arguments: Any) -> Any:
        if not _on.get() or not torch.is_inference_mode_enabled():
            return work(*arguments)
        leaves = _leaves(arguments)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        if not all(tensor.is_cuda for tensor in tensors):
            return work(*arguments)
        key = tuple((x.shape, x.dtype, x.device) if isinstance(x, Tensor) else x for x in leaves)
        with _one_at_a_time, recording(False):  # what `work` calls is part of it
            if key not in recordings:  # constants and libraries are made ready, and many a call is the only one
                recordings[key] = None
                return work(*arguments)
            found = recordings[key]
            if found is None:
                found = recordings[key] = _Recording(work, arguments)
            return found.play(tensors)

    return played  # type: ignore[return-value]


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Arguments or results with all that is in them changed."""
    if isinstance(tree, tuple):
        return tuple(mapped(part, change) for part in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(tree, **{field.name: mapped(getattr(tree, field.name), change) for field in fields(tree)})
    return change(tree)


class _Recording:
    """One function's work on tensors of certain sizes, in memory of its own."""

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        given, self.graph = _copied(arguments, _tensors(arguments)), torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=_working_memory(), capture_error_mode="thread_local"):
            self.results = _with_tensors(work(*given), Tensor.clone)  # in one piece, or each is copied by itself
        self.given, self.made = _tensors(given), _tensors(self.results)

    def play(self, tensors: list[Tensor]) -> Any:
        torch._foreach_copy_(self.given, tensors)
        self.graph.replay()
        return _copied(self.results, self.made)


@cache
def _working_memory() -> Any:
    """All recordings share it: one is played after the other, and what it results in is copied at once."""
    return torch.cuda.graph_pool_handle()


def _copied(tree: Any, tensors: list[Tensor]) -> Any:
    """With copies of its tensors."""
    copies = [torch.empty_like(tensor) for tensor in tensors]
    torch._foreach_copy_(copies, tensors)  # in one launch
    following = iter(copies)
    return _with_tensors(tree, lambda _: next(following))


def _with_tensors(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    return mapped(tree, lambda leaf: change(leaf) if isinstance(leaf, Tensor) else leaf)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in _leaves(tree) if isinstance(leaf, Tensor)]


def _leaves(tree: Any) -> list[Any]:
    """What `mapped` would change."""
    leaves: list[Any] = []

    def found(leaf: Any) -> Any:
        leaves.append(leaf)
        return leaf

    mapped(tree, found)
    return leaves
