"""`portrait-manifolds animate`: a moving camera, as a film or as frames."""

import logging
from dataclasses import dataclass
from typing import Literal

from ..camera import save_cameras
from ..errors import InputError
from ..frames.animation import CAMERAS, render_film, render_frames
from ..frames.camera_paths import FOV_END_DEG, dolly_zoom, path_cameras
from ..frames.frame_files import other_frames
from ..portrait import Portrait
from .options import Output, PortraitFile, parse_colour, parse_frames, parse_size

PICTURES = (".exr", ".jpg", ".jpeg", ".png")
OTHER_FILMS = (".avi", ".gif", ".m4v", ".mkv", ".mov", ".mpg", ".webm")
"""Names of pictures and of films that are not written, and are no folders' either."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Animate:
    """Draw a camera path as MP4, or as a folder of PNG or EXR frames; a folder is resumed where it stopped."""

    portrait: PortraitFile
    """The portrait to draw."""
    output: Output
    """A film to write (.mp4), or a folder for frames."""
    path: str = "orbit"
    """orbit, swing, dolly-zoom, or a JSON file with a list of cameras."""
    frames: int = 96
    """Number of frames of a named path."""
    only: str | None = None
    """FIRST..LAST of the path's frames, counted from 1: a part of the work for this machine, into a folder."""
    fps: float = 24.0
    """Frames a second of a film."""
    size: str | None = None
    """WIDTHxHEIGHT in pixels; by default 512x512, or the JSON cameras' own."""
    format: Literal["png", "exr", "mp4"] | None = None
    """By default mp4 for a name in .mp4 and png for a folder."""
    fov_start: float | None = None
    """Vertical field of view at the start of a dolly zoom in degrees; by default the photograph's."""
    fov_end: float | None = None
    """Vertical field of view at the end of a dolly zoom in degrees; by default 45."""
    samples: int = 2
    """Rays along each side of a pixel, 1 (fastest) to 8."""
    background: str = "#808080"
    """Colour behind the head in a film, which has no transparency."""

    def run(self) -> None:
        """Writes the film or the frames."""
        is_film = self.output.suffix.lower() == ".mp4"
        kind = self.format or ("mp4" if is_film else "png")
        if is_film != (kind == "mp4"):
            raise InputError("A film needs a name in .mp4, and frames a folder: change the output or the format.")
        if self.output.suffix.lower() in OTHER_FILMS:
            raise InputError(f"A film cannot be written as {self.output.name}: end the name in .mp4.")
        if self.output.suffix.lower() in PICTURES and not self.output.is_dir():
            raise InputError(f"Frames cannot be written as {self.output.name}: name a folder, or a film in .mp4.")
        if self.only is not None and kind == "mp4":
            raise InputError("A film is made of all frames: draw parts into a folder, then `encode` it.")
        if self.path != "dolly-zoom" and (self.fov_start, self.fov_end) != (None, None):
            raise InputError("--fov-start and --fov-end are of a dolly zoom: leave them out, or use dolly-zoom.")
        portrait = Portrait.load(self.portrait)
        size = parse_size(self.size) if self.size is not None else None
        camera = portrait.camera(*(size or (512, 512)))
        if self.path == "dolly-zoom":
            fov_end_deg = FOV_END_DEG if self.fov_end is None else self.fov_end
            cameras = dolly_zoom(camera, self.frames, self.fov_start, fov_end_deg)
        else:
            cameras = path_cameras(self.path, camera, self.frames)
            if size:
                cameras = [one.resized(*size) for one in cameras]
        if kind == "mp4":
            render_film(portrait, cameras, self.output, self.fps, self.samples, parse_colour(self.background))
        else:
            first, last = parse_frames(self.only) if self.only is not None else (1, len(cameras))
            if first < 1 or last > len(cameras):
                raise InputError(f"There are no frames {self.only}: the path has 1..{len(cameras)}.")
            others = other_frames(self.output, kind, len(cameras))
            if others:
                names = " to ".join(dict.fromkeys((others[0], others[-1])))
                log.warning("%s holds %d frames of another animation, which stay: %s", self.output, len(others), names)
            render_frames(portrait, cameras[first - 1 : last], self.output, kind, self.samples, first_frame=first)
            save_cameras(self.output / CAMERAS, cameras)
