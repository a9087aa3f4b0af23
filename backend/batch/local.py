"""Worker processes on this machine: each with its own cores and its networks loaded once.

A worker has one photograph at a time, so that memory does not grow with their number; while one reconstructs, another
draws or compresses. It goes when its parent is gone, and is replaced when it dies.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from tqdm import tqdm

from .cores import available_cores, keep_to, share_of
from .outcome import PRIVATE, Outcome, unfinished_folder
from .photos import Task
from .settings import Settings

ATTEMPTS = 2
"""Times that a photograph may end its worker."""

_spawn = multiprocessing.get_context("spawn")


def run_local(tasks: Sequence[Task], settings: Settings, output: Path, workers: int) -> Iterator[Outcome]:
    """Outcomes as they come; a photograph whose worker died is tried once more."""
    waiting, deaths, cores = deque(tasks), Counter[str](), available_cores()
    crew = [_Worker(index, share_of(index, workers, cores), settings, output) for index in range(workers)]
    try:
        while True:
            for worker in crew:
                if worker.task is None and waiting:
                    worker.give(waiting.popleft())
            busy = {worker.pipe: worker for worker in crew if worker.task}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                task, outcome = worker.take()
                if outcome is None:
                    deaths[task.name] += 1
                    crew[worker.index] = worker.successor()
                    if deaths[task.name] < ATTEMPTS:
                        waiting.appendleft(task)
                        continue
                    outcome = _fatal(task)
                elif deaths[task.name]:
                    outcome = replace(outcome, warnings=(*outcome.warnings, "its first worker died: made again"))
                yield outcome
    finally:
        for worker in crew:
            worker.end()


class _Worker:
    """A process, the pipe to it, and what it is working on."""

    def __init__(self, index: int, cores: list[int], settings: Settings, output: Path) -> None:
        self.index = index
        self.task: Task | None = None
        self._arguments = (index, cores, settings, output)
        self._place = unfinished_folder(output) / f"worker-{index}"
        self.pipe, theirs = _spawn.Pipe()
        self.process = _spawn.Process(target=_work, args=(theirs, *self._arguments), daemon=True)
        self.process.start()
        theirs.close()  # now its end of file means that the process is gone

    def give(self, task: Task) -> None:
        """Starts on a photograph."""
        self.task = task
        with suppress(OSError):  # it may have died while idle: taking the outcome finds out
            self.pipe.send(task)

    def take(self) -> tuple[Task, Outcome | None]:
        """The photograph and its outcome; None if the process died over it."""
        assert self.task is not None
        task, self.task = self.task, None
        try:
            return task, self.pipe.recv()
        except (EOFError, OSError):
            return task, None

    def successor(self) -> "_Worker":
        """Buries this one and starts another in its place."""
        self.end()
        return _Worker(*self._arguments)

    def end(self) -> None:
        """Ends the process if it is still there, and removes what it had not finished."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        shutil.rmtree(self._place, ignore_errors=True)


def _work(pipe: Connection, index: int, cores: list[int], settings: Settings, output: Path) -> None:
    """The worker process: photographs in, outcomes out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    place = f"worker-{index}"
    threading.Thread(target=_end_with_parent, args=(unfinished_folder(output) / place,), daemon=True).start()
    # Libraries chat on both; a file keeps what they said without spoiling the progress bar.
    log = os.open(output / PRIVATE / f"{place}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    sys.stdout.flush()
    for stream in (1, 2):
        os.dup2(log, stream)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore that outlives a killed process
    keep_to(cores)
    from .work import attempt

    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        with suppress(OSError):  # a full disk is told of by the outcome
            print(f"-- {task.photo}", file=sys.stderr, flush=True)
        pipe.send(attempt(task, None, settings, output, place))


def _end_with_parent(unfinished: Path) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        shutil.rmtree(unfinished, ignore_errors=True)
        os._exit(1)


def _fatal(task: Task) -> Outcome:
    reason = "Its worker process died twice: use fewer workers or a smaller photo if memory ran out, else see the log."
    return Outcome(task.name, str(task.photo), "failed", reason=reason)
