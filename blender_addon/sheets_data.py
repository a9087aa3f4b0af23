"""What the native object is built of, worked out without Blender: safe in a thread."""

from dataclasses import dataclass
from pathlib import Path

from ..backend.errors import InputError
from ..backend.portrait import Portrait
from .atlas import atlas_pixels, encode_png, plan_atlas
from .file_digest import file_digest
from .sheets_mesh import MeshArrays, sheets_arrays


@dataclass(frozen=True)
class SheetsData:
    """A portrait, the mesh of its sheets, and their textures in one picture."""

    portrait: Portrait
    mesh: MeshArrays
    png: bytes
    digest: str = ""
    """Of the portrait's file, if it was read from one."""

    @staticmethod
    def of(portrait: Portrait, digest: str = "") -> "SheetsData":
        """Raises InputError for a portrait without any opacity."""
        atlas = plan_atlas(portrait)
        if not atlas.sheets:
            raise InputError("The portrait is empty, every sheet is transparent: reconstruct it again.")
        return SheetsData(portrait, sheets_arrays(portrait, atlas), encode_png(atlas_pixels(portrait, atlas)), digest)

    @staticmethod
    def read(path: Path) -> "SheetsData":
        """Of the portrait in a file; raises InputError."""
        return SheetsData.of(Portrait.load(path), file_digest(path))
