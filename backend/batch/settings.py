"""What a batch makes of every photograph."""

import hashlib
import json
from dataclasses import dataclass, field

from ..camera import Camera
from ..conventions import TEXTURE_SIZE
from ..errors import InputError
from ..frames.animation import film_size_px
from ..frames.camera_paths import PATHS, check_frames, json_cameras, path_cameras
from ..networks.manifest import read_manifest
from ..outputs.mp4 import frame_rate
from ..portrait import Portrait
from ..reconstruct import check_choices, check_device
from ..render import check_samples
from ..version import installed_version

STILL_SIZE_PX = (512, 512)


@dataclass(frozen=True)
class Settings:
    """The same for all photographs of a batch; raises InputError for what cannot be made of any."""

    texture_size: int = TEXTURE_SIZE
    refine_steps: int = 0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    size_px: tuple[int, int] | None = None  # of stills and films; by default 512 x 512, or the JSON cameras' own
    path: str | None = None  # None: no film
    frames: int = 96
    fps: float = 24.0
    samples: int = 2
    device: str = "auto"
    json_cameras: tuple[Camera, ...] = field(default=(), init=False)  # of the file at `path`: workers need not see it

    def __post_init__(self) -> None:
        check_choices(self.texture_size, self.refine_steps)
        check_device(self.device)
        check_samples(self.samples)
        if not all(-90.0 <= angle <= 90.0 for angle in (self.yaw_deg, self.pitch_deg)):
            raise InputError("A still cannot be drawn from there: give a yaw and pitch of -90 to 90 degrees.")
        frame_rate(self.fps)
        check_frames(self.frames)
        if self.path is not None and self.path not in PATHS:
            cameras = tuple(json_cameras(self.path))
            if self.size_px is None:
                film_size_px(cameras)
            object.__setattr__(self, "json_cameras", cameras)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the outputs of a photograph."""
        return (".portrait", ".png") if self.path is None else (".portrait", ".png", ".mp4")

    def still_camera(self, portrait: Portrait) -> Camera:
        """Framed on the head."""
        return portrait.camera(*(self.size_px or STILL_SIZE_PX)).orbited(self.yaw_deg, self.pitch_deg)

    def film_cameras(self, portrait: Portrait) -> list[Camera]:
        """Those of the path; none without one."""
        if self.json_cameras:
            return [camera.resized(*self.size_px) if self.size_px else camera for camera in self.json_cameras]
        if self.path is None:
            return []
        return path_cameras(self.path, portrait.camera(*(self.size_px or STILL_SIZE_PX)), self.frames)

    def fingerprint(self) -> str:
        """A hash of all that outputs depend on beside the photograph, the weights and the program's version included.

        Not of the device: it changes nothing that can be seen. Raises ProcessingError where the weights are missing.
        """
        path = [camera.to_dict() for camera in self.json_cameras] or self.path
        facts = (
            *(self.texture_size, self.refine_steps, self.yaw_deg, self.pitch_deg, self.size_px, path),
            *((self.frames, self.fps) if path else ()),
            *(self.samples, read_manifest().identity, installed_version()),
        )
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
