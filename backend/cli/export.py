"""`portrait-manifolds export`: a portrait for other programs."""

from dataclasses import dataclass

from ..errors import InputError
from ..portrait import Portrait
from .options import Output, PortraitFile


@dataclass(frozen=True)
class Export:
    """Write a portrait as GLB (unlit sheets, back to front) or PLY (Gaussian splats)."""

    portrait: PortraitFile
    """The portrait to export."""
    output: Output
    """File to write, .glb or .ply."""

    def run(self) -> None:
        """Writes the file."""
        kind = self.output.suffix.lower()
        if kind not in (".glb", ".ply"):
            raise InputError(f"A portrait cannot be written as {self.output.name}: end the name in .glb or .ply.")
        portrait = Portrait.load(self.portrait)
        if kind == ".glb":
            from ..outputs.glb import export_glb

            export_glb(portrait, self.output)
        else:
            from ..outputs.ply import export_ply

            export_ply(portrait, self.output)
