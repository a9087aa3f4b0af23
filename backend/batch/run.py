"""A batch from its arguments to its report, with either engine."""

import hashlib
import shutil
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Literal

from tqdm import tqdm

from .. import progress
from ..atomic import check_folder
from ..errors import InputError
from ..reconstruct import choose_device
from .cores import default_workers
from .outcome import PRIVATE, Outcome, kept_outcome, unfinished_folder
from .photos import Task
from .report import clear_report, report_files, write_report
from .settings import Settings

Engine = Literal["local", "ray"]


def run_batch(
    tasks: Sequence[Task],
    settings: Settings,
    output: Path,
    engine: Engine = "local",
    workers: int | None = None,
    address: str | None = None,
    resume: bool = False,
) -> list[Outcome]:
    """Makes all tasks' outputs in `output`, and the report; returns what became of them, in the tasks' order.

    With `resume` outputs of the same photograph (by content), settings, weights and version are kept; without it all
    are made anew. `workers` is by default the number of cores (of the cluster's, with an address). A photograph that
    fails is an outcome; InputError and ProcessingError are raised only for what concerns the whole batch.
    """
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers cannot do anything: give 1 or more.")
    if engine == "local" and settings.device.startswith("cuda"):
        choose_device(settings.device)
    started = time.perf_counter()
    fingerprint = settings.fingerprint()
    _prepare(output, [f"{task.name}{suffix}" for task in tasks for suffix in settings.suffixes])
    outcomes: dict[str, Outcome] = {}
    todo = []
    for task in tasks:
        kept = kept_outcome(task, _sha256(task.photo), output, fingerprint) if resume else None
        if kept is not None:
            outcomes[task.name] = kept
        else:
            todo.append(task)
    try:
        with (
            closing(_run(todo, settings, output, engine, workers, address)) as coming,
            tqdm(total=len(tasks), initial=len(outcomes), desc="photos", unit="photo", disable=None) as bar,
        ):
            for outcome in coming:
                outcomes[outcome.name] = outcome
                bar.update()
                progress.report(len(outcomes) / len(tasks), outcome.name)
                if outcome.state == "failed":
                    tqdm.write(f"{outcome.photo}: {outcome.reason}", file=sys.stderr)
    finally:
        shutil.rmtree(unfinished_folder(output), ignore_errors=True)
    ordered = [outcomes[task.name] for task in tasks]
    write_report(ordered, output, time.perf_counter() - started)
    return ordered


def _run(
    tasks: Sequence[Task], settings: Settings, output: Path, engine: Engine, workers: int | None, address: str | None
) -> Generator[Outcome, None, None]:
    if not tasks:
        return
    if engine == "ray":
        from .cluster import run_ray

        with redirect_stdout(sys.stderr):  # Ray prints what died; standard output is the command's own
            yield from run_ray(tasks, settings, output, workers, address)
    else:
        from .local import run_local

        most = default_workers(len(tasks), on_gpu=settings.device != "cpu")
        yield from run_local(tasks, settings, output, min(workers or most, len(tasks)))


def _prepare(output: Path, names: Sequence[str]) -> None:
    """Makes the output folder and takes away what an earlier run left unfinished, its logs and its report.

    A folder that no batch wrote to may hold files of the user's: none of them is replaced by the report or `names`.
    """
    check_folder(output)
    try:
        if not (output / PRIVATE).is_dir():
            theirs = [*report_files(output), *(output / name for name in names if (output / name).exists())]
            if theirs:
                raise InputError(f"{theirs[0]} is there already, and no batch made it: choose another folder with -o.")
        (output / PRIVATE).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished_folder(output), ignore_errors=True)
        unfinished_folder(output).mkdir()
        for log in (output / PRIVATE).glob("*.log"):
            log.unlink()
        clear_report(output)
    except OSError as error:
        raise InputError(f"Cannot write to {output} ({error.strerror}): choose a folder you may write to.") from error


def _sha256(photo: Path) -> str:
    try:
        with photo.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""  # no note has this one: the work will say what is wrong with the file
