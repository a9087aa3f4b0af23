"""How long work says how far it is, and learns that nobody wants it any more.

Work calls `report(fraction, stage)` now and then, whoever listens: a worker passes it on to Blender, the command line
shows a bar. The listener may raise `Cancelled`, so report only where stopping leaves nothing half written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[float, str], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class Cancelled(BaseException):
    """The work is no longer wanted. No Exception: nothing that mends failures should catch it."""


def report(fraction: float, stage: str) -> None:
    """Says that `fraction` (0..1) of the work is done and what comes now; may raise Cancelled."""
    listener = _listener.get()
    if listener is not None:
        listener(fraction, stage)


def is_heard() -> bool:
    """Whether anybody listens."""
    return _listener.get() is not None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hands reports inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def part(start: float, end: float) -> Iterator[None]:
    """Maps the reports of a part of the work to start..end of the whole."""
    outer = _listener.get()
    if outer is None:
        yield
        return
    with listening(lambda fraction, stage: outer(start + (end - start) * fraction, stage)):
        yield
