"""`portrait-manifolds blender`: a portrait of a Blender scene, drawn along its camera's animation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..blender_process import run_blender
from ..errors import InputError
from ..render import check_samples
from .options import Output, parse_frames


@dataclass(frozen=True)
class Blender:
    """Draw a portrait of a .blend as its camera sees it, RGBA + depth frames; resumed where it stopped."""

    scene: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SCENE.blend")]
    """The Blender file."""
    output: Output
    """Folder for the frames."""
    portrait: str | None = None
    """The portrait's name in the scene; by default the one that was active when it was saved, or its only one."""
    frames: str | None = None
    """FIRST..LAST, or one frame; by default the scene's own range."""
    format: Literal["exr", "png"] = "exr"
    """EXR (linear light with depth) or PNG."""
    samples: int = 2
    """Rays along each side of a pixel, 1 (fastest) to 8."""
    blender: Path | None = None
    """A Blender program with the extension installed; by default Python's bpy module."""

    def run(self) -> None:
        """Draws the frames in a process of Blender's."""
        if not self.scene.is_file():
            raise InputError(f"There is no file {self.scene}: check the path.")
        check_samples(self.samples)
        if self.blender is not None and not self.blender.is_file():
            raise InputError(f"There is no program {self.blender}: give the path of Blender.")
        arguments = [str(self.scene.resolve()), "--output", str(self.output.resolve()), "--format", self.format]
        arguments += ["--samples", str(self.samples)]
        if self.portrait is not None:
            arguments += ["--portrait", self.portrait]
        if self.frames is not None:
            first, last = parse_frames(self.frames)
            arguments += ["--first", str(first), "--last", str(last)]
        run_blender("headless", arguments, self.blender)
        if not any(self.output.glob(f"frame_*.{self.format}")):  # another program, or one without the extension
            raise InputError(f"Blender left no frame in {self.output}: give a Blender with the extension installed.")
