"""Edit in 3D: paint over the front view, and carry the paint into the portrait from every view."""

import re
import tempfile
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import bpy
import numpy as np

from ..backend.errors import InputError, WriteError
from .atlas import encode_png
from .backend_home import folder_for_portraits, user_folder
from .backend_process import backend
from .job_operator import JobOperator
from .native_object import active_portrait, found_at, place_of, portrait_path, replace_sheets, sheets_of, stored_path
from .properties import EDIT_SHAPES
from .sheets_data import SheetsData
from .stand_in import renew_stand_in, stand_in_arrays
from .steps import Steps, answered, in_thread, unlinked_on_failure


class PORTRAIT_MANIFOLDS_OT_edit_front_view(JobOperator):
    """Draw the photograph's view and open it for painting, here or in another program that saves over the same file"""

    bl_idname = "portrait_manifolds.edit_front_view"
    bl_label = "Edit Front View"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        root = _own_portrait(context)
        name, place, self.work.what = root.name, place_of(root), f"Front view of {root.name}"
        output = _front_view_path(name)
        arguments = ["render", str(portrait_path(root)), "-o", str(output)]
        with unlinked_on_failure(output):
            yield from answered(backend().request("command", {"arguments": arguments}, self.work.what))
        image = bpy.data.images.load(str(output), check_existing=False)
        image.name = f"{name} front view"
        image.alpha_mode = "CHANNEL_PACKED"
        found_at(place).portrait_manifolds.edited_image = image
        for area in context.screen.areas if context.screen else ():
            if area.type == "IMAGE_EDITOR":
                area.spaces.active.image = image
                area.spaces.active.ui_mode = "PAINT"
        self.report({"INFO"}, f'Paint on the image "{image.name}", then press Apply Edit.')


class PORTRAIT_MANIFOLDS_OT_apply_edit(JobOperator):
    """Carry the painted front view into the portrait, so that it shows from every side"""

    bl_idname = "portrait_manifolds.apply_edit"
    bl_label = "Apply Edit"
    bl_options = {"REGISTER", "UNDO"}

    shape: bpy.props.EnumProperty(name="Shape", description="What becomes of the head's shape", items=EDIT_SHAPES)

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        root = _own_portrait(context)
        image = root.portrait_manifolds.edited_image
        if image is None:
            raise InputError("There is no painted view: press Edit Front View first.")
        place, self.work.what = place_of(root), f"Edit of {root.name}"
        before = portrait_path(root)
        output = _next_version(before)
        # Cancelled, the thread that saves may still be writing.
        scratch = tempfile.TemporaryDirectory(prefix="portrait_manifolds_", ignore_cleanup_errors=True)
        with scratch as folder, unlinked_on_failure(output):
            painted = Path(folder) / "painted.png"
            yield from in_thread("saving the painted view", _saving(image, painted))
            arguments = ["edit", str(before), "--image", str(painted), "-o", str(output)]
            if self.shape == "NEW":
                arguments.append("--reshape")
            yield from answered(backend().request("command", {"arguments": arguments}, self.work.what))
            data = yield from in_thread("unfolding the sheets", lambda: SheetsData.read(output), fraction=1.0)
            head = yield from in_thread("unfolding the sheets", lambda: stand_in_arrays(data.portrait), fraction=1.0)
            yield from replace_sheets(found_at(place), data, stored_path(output))
            renew_stand_in(found_at(place), head, data.digest)
        self.report({"INFO"}, f"The edited portrait is {output.name}; undo brings the one before back.")


def _own_portrait(context: bpy.types.Context) -> bpy.types.Object:
    """The active portrait; InputError where the .blend would not keep what is changed of it."""
    root = active_portrait(context)
    if any(item.library or item.override_library for item in (root, sheets_of(root))):
        fix = "edit it there, or use Object > Relations > Make Local > All"
        raise InputError(f"{root.name} belongs to a linked file, which alone can keep an edit: {fix}.")
    return root


def _saving(image: bpy.types.Image, path: Path) -> Callable[[], object]:
    """What writes the painted view to a PNG file without touching Blender's data.

    That is what is painted in Blender, packed into the .blend or not; where nothing was, what another program saved
    over the file.
    """
    if image.is_dirty or image.packed_file is not None:
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return lambda: _write(path, encode_png(_top_first_bytes(pixels.reshape(height, width, 4))))
    saved = Path(bpy.path.abspath(image.filepath, library=image.library))
    if not saved.is_file():
        raise InputError(f"The painted view {saved} is gone: press Edit Front View again.")
    return lambda: _write(path, saved.read_bytes())


def _write(path: Path, data: bytes) -> None:
    """Into a folder that is there: cancelled, it may be gone by then, and must not come back."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise WriteError(f"Writing {path} failed ({error.strerror or error}): free some space and retry.") from error


def _top_first_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(pixels[::-1], 0.0, 1.0) * 255.0).astype(np.uint8)


def _next_version(path: Path) -> Path:
    """A free name beside the portrait, where that can be: an edit never overwrites what undo needs."""
    folder, stem = folder_for_portraits(path.parent), re.sub(r" edit \d+$", "", path.stem)
    return _free(folder / f"{stem} edit {number}{path.suffix}" for number in count(1))


def _front_view_path(name: str) -> Path:
    """A free name among the add-on's files: another .blend may hold what is painted on the one before."""
    folder, stem = user_folder("edits"), f"{bpy.path.clean_name(name)} front view"
    return _free(folder / (f"{stem}.png" if number == 1 else f"{stem} {number}.png") for number in count(1))


def _free(paths: Iterable[Path]) -> Path:
    return next(path for path in paths if not path.exists())
