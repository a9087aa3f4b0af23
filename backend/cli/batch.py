"""`portrait-manifolds batch`: many photographs to portraits, stills, films and a report."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import tyro

from ..conventions import TEXTURE_SIZE, Device
from ..errors import InputError, ProcessingError
from .options import Output, parse_size


@dataclass(frozen=True)
class Batch:
    """Make portraits of many photographs, with a still each, films if asked, a contact sheet and a report.

    A photograph that cannot be used is reported and passed over; the exit code is then 1. A run that was stopped,
    however it was, is taken up by the same command with --resume. One run at a time to an output folder.
    """

    photos: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO|FOLDER|PATTERN")]
    """Photographs, folders of them, or patterns such as 'photos/**/*.jpg'."""
    output: Output
    """Folder for NAME.portrait, NAME.png, NAME.mp4, contact_sheet.jpg, report.csv and report.html."""
    path: str | None = None
    """Also make a film: orbit, swing, dolly-zoom, or a JSON file with a list of cameras."""
    frames: int = 96
    """Number of frames of a named path."""
    fps: float = 24.0
    """Frames a second of a film."""
    size: str | None = None
    """WIDTHxHEIGHT of stills and films in pixels; by default 512x512, or the JSON cameras' own."""
    yaw: float = 0.0
    """Degrees the still's camera turns about the head; above zero to its right."""
    pitch: float = 0.0
    """Degrees the still's camera rises about the head; above zero up."""
    samples: int = 2
    """Rays along each side of a pixel, 1 (fastest) to 8."""
    texture_size: int = TEXTURE_SIZE
    """Side of a sheet's texture: 256, 512 or 1024 texels."""
    refine: int = 0
    """Steps of refinement of the textures against the photograph."""
    device: Device = "auto"
    """Where the networks run; auto takes a GPU if there is one."""
    engine: Literal["local", "ray"] = "local"
    """Worker processes on this machine, or tasks on a Ray cluster (pip install 'portrait-manifolds[cluster]')."""
    address: str | None = None
    """The Ray cluster to join, HOST:PORT or auto; by default one is started on this machine."""
    workers: int | None = None
    """Photographs at a time; by default one a core, fewer where memory is short. Cores are shared out among them."""
    resume: bool = False
    """Keep what is there of the same photographs, settings and weights; without it everything is made anew."""
    json: bool = False
    """Print what became of each photograph as one JSON object."""

    def run(self) -> None:
        """Writes the outputs; raises ProcessingError at the end if a photograph failed."""
        from ..batch.photos import find_tasks
        from ..batch.report import HTML_FILE, summary
        from ..batch.run import run_batch
        from ..batch.settings import Settings

        if self.address is not None and self.engine != "ray":
            raise InputError("An address is for a Ray cluster: add --engine ray, or leave --address out.")
        settings = Settings(
            texture_size=self.texture_size,
            refine_steps=self.refine,
            yaw_deg=self.yaw,
            pitch_deg=self.pitch,
            size_px=parse_size(self.size) if self.size is not None else None,
            path=self.path,
            frames=self.frames,
            fps=self.fps,
            samples=self.samples,
            device=self.device,
        )
        started = time.perf_counter()
        tasks = find_tasks(self.photos, self.output)
        outcomes = run_batch(tasks, settings, self.output, self.engine, self.workers, self.address, self.resume)
        seconds = time.perf_counter() - started
        if self.json:
            facts = {"output": str(self.output), "seconds": round(seconds, 2), "photos": [asdict(o) for o in outcomes]}
            print(json.dumps(facts))
        else:
            print(f"{summary(outcomes, seconds)}: {self.output / HTML_FILE}", file=sys.stderr)
        failed = sum(outcome.state == "failed" for outcome in outcomes)
        if failed:
            raise ProcessingError(
                f"{failed} of {len(outcomes)} photos failed: {self.output / HTML_FILE} says why; mend or remove them "
                "and run again with --resume."
            )
