"""Libraries of C++ without their chatter on standard error."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from threading import Lock
from typing import IO

CHATTER = re.compile(rb"INFO: Created TensorFlow|WARNING: All log messages before absl|[IW]\d{4} ")
"""How lines begin that tell a user nothing: of TensorFlow Lite, and absl's of less than an error."""

_one_at_a_time = Lock()


@contextmanager
def without_chatter() -> Iterator[None]:
    """What is written to standard error inside the block, by whatever thread, comes out at its end, less the chatter.

    Other threads wait that would enter such a block, too.
    """
    with _one_at_a_time:
        try:
            said, stderr = TemporaryFile(), os.dup(2)  # noqa: SIM115  # closed below
        except OSError:  # a full disk, or nothing to write to
            yield
            return
        with said:
            os.dup2(said.fileno(), 2)
            try:
                yield
            finally:
                with suppress(OSError, ValueError, AttributeError):  # whatever stands in its place
                    sys.stderr.flush()
                os.dup2(stderr, 2)
                os.close(stderr)
                _pass_on(said)


def _pass_on(said: IO[bytes]) -> None:
    """Writes what was said to standard error, less the chatter."""
    said.seek(0)
    for line in said:
        if not CHATTER.match(line):
            with suppress(OSError):  # nobody reads it
                os.write(2, line)
