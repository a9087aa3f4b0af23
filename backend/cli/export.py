"""`portrait-manifolds export`: a portrait for other programs."""

from dataclasses import dataclass

from ..errors import InputError
from ..portrait import Portrait
from .options import Output, PortraitFile


@dataclass(frozen=True)
class Export:
    """Write a portrait as GLB (unlit sheets, back to front), PLY (Gaussian splats) or a Blender file."""

    portrait: PortraitFile
    """The portrait to export."""
    output: Output
    """File to write, .glb, .ply (hundreds of megabytes) or .blend (needs the bpy module)."""

    def run(self) -> None:
        """Writes the file."""
        kind = self.output.suffix.lower()
        if kind not in (".glb", ".ply", ".blend"):
            raise InputError(
                f"A portrait cannot be written as {self.output.name}: end the name in .glb, .ply or .blend."
            )
        portrait = Portrait.load(self.portrait)
        if kind == ".glb":
            from ..outputs.glb import export_glb

            export_glb(portrait, self.output)
        elif kind == ".blend":
            from ..atomic import atomic_path
            from ..blender_process import run_blender

            with atomic_path(self.output) as temporary:
                run_blender("save_blend", [str(self.portrait.resolve()), str(temporary.resolve())])
        else:
            from ..outputs.ply import export_ply

            export_ply(portrait, self.output)
