"""`portrait-manifolds reconstruct`: a photograph to a portrait."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..atomic import check_writable
from ..conventions import TEXTURE_SIZE, Device
from ..errors import InputError
from .bar import bar
from .options import Output


@dataclass(frozen=True)
class Reconstruct:
    """Make a portrait from one photograph of a person."""

    photo: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO")]
    """The photograph: JPEG, PNG, WebP, TIFF and others."""
    output: Output
    """Portrait to write, .portrait."""
    texture_size: int = TEXTURE_SIZE
    """Side of a sheet's texture: 256, 512 or 1024 texels."""
    refine: int = 0
    """Steps by which the textures are matched longer to the photograph."""
    fov: float | None = None
    """The photograph's vertical field of view in degrees; by default from EXIF, else a usual portrait lens."""
    face: int = 1
    """Which face, counted from the largest."""
    device: Device = "auto"
    """Where the networks run; auto takes a GPU if there is one."""

    def run(self) -> None:
        """Writes the portrait."""
        if self.output.suffix.lower() != ".portrait":
            raise InputError(f"A portrait cannot be written as {self.output.name}: end the name in .portrait.")
        check_writable(self.output)
        from ..reconstruct import reconstruct

        with bar():
            portrait = reconstruct(
                self.photo,
                texture_size=self.texture_size,
                fov_deg=self.fov,
                face=self.face,
                device=self.device,
                refine_steps=self.refine,
            )
        portrait.save(self.output)
