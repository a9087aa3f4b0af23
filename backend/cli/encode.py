"""`portrait-manifolds encode`: frames to a film."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..camera import load_cameras
from ..errors import InputError
from ..frames.animation import CAMERAS, encode_frames
from .options import Output, parse_colour, parse_frames


@dataclass(frozen=True)
class Encode:
    """Make an MP4 of the PNG or EXR frames that `animate` left in a folder, drawn by one machine or by many."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FRAMES")]
    """Folder of the frames."""
    output: Output
    """Film to write, .mp4."""
    frames: str
    """FIRST..LAST; each of them must be there."""
    fps: float = 24.0
    """Frames a second."""
    background: str = "#808080"
    """Colour behind the head."""

    def run(self) -> None:
        """Writes the film."""
        if self.output.suffix.lower() != ".mp4":
            raise InputError(f"A film cannot be written as {self.output.name}: end the name in .mp4.")
        first, last = parse_frames(self.frames)
        cameras = self.folder / CAMERAS
        if cameras.is_file() and last > (count := len(load_cameras(cameras))):
            raise InputError(f"The animation in {self.folder} has frames 1..{count}: encode those, or draw it again.")
        encode_frames(self.folder, (first, last), self.output, self.fps, parse_colour(self.background))
