"""One photograph to its portrait, still and film: what both engines do."""

import logging
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENAMETOOLONG
from pathlib import Path

from ..errors import InputError, ProcessingError, WriteError
from ..frames.animation import Draw, draw_frames, render_film
from ..outputs.png import save_png
from ..photo.photograph import Photograph, decode_photograph, read_photograph
from ..reconstruct import reconstruct
from .outcome import Outcome, publish, unfinished_folder
from .photos import Task
from .settings import Settings


def read_photo(task: Task) -> bytes:
    """The file's bytes; raises InputError where it cannot be read or is too large."""
    return read_photograph(task.photo)


def attempt(
    task: Task, data: bytes | None, settings: Settings, output: Path, place: str = "", draw: Draw = draw_frames
) -> Outcome:
    """Makes what the settings ask for and moves it to `output` once it is whole; a failure becomes an outcome.

    `data` is the photograph's file, by default read here; unfinished files lie in the private folder, under `place`.
    """
    started = time.perf_counter()
    folder = None
    warnings: list[str] = []
    try:
        place_folder = unfinished_folder(output) / place
        place_folder.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=place_folder))
        with _warnings_into(warnings):
            photograph = decode_photograph(read_photo(task) if data is None else data, task.photo.name)
            make_outputs(task.name, photograph, settings, folder, draw)
        outcome = Outcome(
            task.name,
            str(task.photo),
            "made",
            photograph.sha256,
            settings.fingerprint(),
            tuple(sorted((path.name, path.stat().st_size) for path in folder.iterdir())),
            round(time.perf_counter() - started, 3),
            warnings=tuple(warnings),
        )
        publish(folder, output, outcome)
        return outcome
    except WriteError as error:
        reason = _unwritten(output, error.__cause__ or error)
    except (InputError, ProcessingError) as error:
        reason = str(error)
    except MemoryError:
        reason = "Out of memory: ask for smaller pictures or textures, or fewer workers."
    except OSError as error:
        reason = _unwritten(output, error)
    except Exception as error:  # whatever it is, the other photographs are to be made; the log has the rest
        traceback.print_exc()
        reason = f"The program failed on it ({type(error).__name__}: {error}): try `reconstruct` to see more."
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    return failure(task, reason, time.perf_counter() - started)


def make_outputs(name: str, photograph: Photograph, settings: Settings, folder: Path, draw: Draw) -> None:
    """NAME.portrait, NAME.png and, with a path, NAME.mp4; raises what reconstructing and drawing raise."""
    portrait = reconstruct(
        photograph,
        texture_size=settings.texture_size,
        device=settings.device,
        refine_steps=settings.refine_steps,
    )
    portrait.save(folder / f"{name}.portrait")
    rgba, _ = portrait.render(settings.still_camera(portrait), settings.samples)
    save_png(folder / f"{name}.png", rgba, provenance=portrait.provenance)
    cameras = settings.film_cameras(portrait)
    if cameras:
        render_film(portrait, cameras, folder / f"{name}.mp4", settings.fps, settings.samples, draw=draw)


def failure(task: Task, reason: str, seconds: float = 0.0) -> Outcome:
    """The outcome of a photograph that could not be made into a portrait."""
    return Outcome(task.name, str(task.photo), "failed", seconds=round(seconds, 3), reason=" ".join(reason.split()))


def _unwritten(output: Path, error: BaseException) -> str:
    """What to say of a disk that gave out, of the folder the user knows."""
    mend = "shorten the photograph's name" if getattr(error, "errno", None) == ENAMETOOLONG else "free some space"
    return f"Writing to {output} failed ({getattr(error, 'strerror', None) or error}): {mend} and retry."


@contextmanager
def _warnings_into(warnings: list[str]) -> Iterator[None]:
    """Collects what the program warns of inside the block."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warnings.append(record.getMessage())

    logger, collector = logging.getLogger("portrait_manifolds"), Collector(logging.WARNING)
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)
