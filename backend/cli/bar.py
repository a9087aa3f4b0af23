"""The bar that a command shows while one picture or portrait is made."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..progress import is_heard, listening

AFTER_S = 1.0
"""Work that takes no longer shows none."""

FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"


@contextmanager
def bar() -> Iterator[None]:
    """Shows what the block's work reports, on a terminal alone; it is gone when the work is done.

    Who listens already, as a worker does for Blender, goes on listening.
    """
    if is_heard():
        yield
        return
    options = {"delay": AFTER_S, "miniters": 0, "leave": False, "disable": None, "bar_format": FORMAT}
    with logging_redirect_tqdm(), tqdm(total=1.0, **options) as shown:

        def listen(fraction: float, stage: str) -> None:
            shown.set_description_str(stage, refresh=False)
            shown.update(fraction - shown.n)

        with listening(listen):
            yield
