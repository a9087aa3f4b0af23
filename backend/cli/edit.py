"""`portrait-manifolds edit`: paint over the input view, carried into the portrait."""

from dataclasses import dataclass
from pathlib import Path

from ..atomic import check_writable
from ..errors import InputError
from ..portrait import Portrait
from .bar import bar
from .options import Output, PortraitFile


@dataclass(frozen=True)
class Edit:
    """Carry a painted-over input view (`render --camera input`) into a portrait, so that every view shows it.

    The shape stays unless --reshape is given.
    """

    portrait: PortraitFile
    """The portrait that was painted on."""
    image: Path
    """The painted picture."""
    output: Output
    """Portrait to write, .portrait."""
    reshape: bool = False
    """Reconstruct the painted picture anew with the old camera: for paint that changes the shape, such as new hair."""

    def run(self) -> None:
        """Writes the edited portrait."""
        if self.output.suffix.lower() != ".portrait":
            raise InputError(f"A portrait cannot be written as {self.output.name}: end the name in .portrait.")
        check_writable(self.output)
        from ..edit import edit, load_painted, reshape

        change = reshape if self.reshape else edit
        with bar():
            portrait = change(Portrait.load(self.portrait), load_painted(self.image))
        portrait.save(self.output)
