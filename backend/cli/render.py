"""`portrait-manifolds render`: one picture of a portrait."""

from dataclasses import dataclass

from ..errors import InputError
from ..portrait import Portrait
from .bar import bar
from .options import Output, PortraitFile, choose_camera


@dataclass(frozen=True)
class Render:
    """Draw a portrait as PNG (straight sRGB) or EXR (premultiplied linear, with depth)."""

    portrait: PortraitFile
    """The portrait to draw."""
    output: Output
    """Picture to write, .png or .exr."""
    camera: str = "input"
    """`input` for the photograph's own camera, or a JSON file."""
    yaw: float = 0.0
    """Degrees to turn about the head; above zero to the camera's right."""
    pitch: float = 0.0
    """Degrees to rise about the head; above zero up."""
    fov: float | None = None
    """Vertical field of view in degrees; the camera stays where it is."""
    size: str | None = None
    """WIDTHxHEIGHT in pixels, framed on the head; by default the photograph's own pixel grid."""
    samples: int = 2
    """Rays along each side of a pixel, 1 (fastest) to 8."""

    def run(self) -> None:
        """Writes the picture."""
        if self.output.suffix.lower() not in (".png", ".exr"):
            raise InputError(f"A picture cannot be written as {self.output.name}: end the name in .png or .exr.")
        portrait = Portrait.load(self.portrait)
        camera = choose_camera(portrait, self.camera, self.size)
        if self.fov is not None:
            camera = camera.with_fov(self.fov)
        with bar():
            rgba, depth = portrait.render(camera.orbited(self.yaw, self.pitch), self.samples)
        if self.output.suffix.lower() == ".png":
            from ..outputs.png import save_png

            save_png(self.output, rgba, provenance=portrait.provenance)
        else:
            from ..outputs.exr import save_exr

            save_exr(self.output, rgba, depth, provenance=portrait.provenance)
