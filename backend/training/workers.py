"""How processes are started: fresh ones, one core each."""

import multiprocessing
import os
from multiprocessing.context import SpawnContext


def worker_context() -> SpawnContext:
    """Spawned, not forked: MediaPipe's and torch's threads do not survive a fork. One core each, for there are as many
    of them as cores.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    return multiprocessing.get_context("spawn")
