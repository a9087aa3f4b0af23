"""Edit in 3D: paint over the front view, and carry the paint into the portrait from every view."""

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ..backend.atomic import atomic_path
from ..backend.errors import InputError
from .atlas import encode_png
from .backend_home import user_folder
from .backend_process import backend
from .job_operator import JobOperator
from .native_object import active_portrait, named, portrait_path, replace_sheets
from .properties import EDIT_SHAPES
from .sheets_data import SheetsData
from .steps import Steps, answered, in_thread, unlinked_on_failure


class PORTRAIT_MANIFOLDS_OT_edit_front_view(JobOperator):
    """Draw the photograph's view and open it for painting, here or in another program that saves over the same file"""

    bl_idname = "portrait_manifolds.edit_front_view"
    bl_label = "Edit Front View"
    bl_options = {"REGISTER", "UNDO"}

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        root = active_portrait(context)
        name, self.work.what = root.name, f"Front view of {root.name}"
        output = user_folder("edits") / f"{bpy.path.clean_name(name)} front view.png"
        arguments = ["render", str(portrait_path(root)), "-o", str(output)]
        yield from answered(backend().request("command", {"arguments": arguments}, self.work.what))
        image = bpy.data.images.load(str(output), check_existing=False)
        image.name = f"{name} front view"
        image.alpha_mode = "CHANNEL_PACKED"
        named(name).portrait_manifolds.edited_image = image
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
        root = active_portrait(context)
        image = root.portrait_manifolds.edited_image
        if image is None:
            raise InputError("There is no painted view: press Edit Front View first.")
        name, self.work.what = root.name, f"Edit of {root.name}"
        before = portrait_path(root)
        output = _next_version(before)
        painted = user_folder("edits") / f"{bpy.path.clean_name(name)} painted.png"
        yield from in_thread("saving the painted view", _saving(image, painted))
        arguments = ["edit", str(before), "--image", str(painted), "-o", str(output)]
        if self.shape == "NEW":
            arguments.append("--reshape")
        with unlinked_on_failure(output):
            yield from answered(backend().request("command", {"arguments": arguments}, self.work.what))
            data = yield from in_thread("unfolding the sheets", lambda: SheetsData.read(output), fraction=1.0)
            yield from replace_sheets(named(name), data, str(output))
        self.report({"INFO"}, f"The edited portrait is {output.name}; undo brings the one before back.")


def _saving(image: bpy.types.Image, path: Path) -> Callable[[], object]:
    """What writes the painted view to a PNG file without touching Blender's data.

    That is what is painted in Blender; where nothing was, what another program saved over the file.
    """
    if image.is_dirty:
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        return lambda: _write(path, encode_png(_top_first_bytes(pixels.reshape(height, width, 4))))
    saved = Path(bpy.path.abspath(image.filepath, library=image.library))
    if not saved.is_file():
        raise InputError(f"The painted view {saved} is gone: press Edit Front View again.")
    return lambda: _write(path, saved.read_bytes())


def _write(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _top_first_bytes(pixels: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(pixels[::-1], 0.0, 1.0) * 255.0).astype(np.uint8)


def _next_version(path: Path) -> Path:
    """A free name beside the portrait: an edit never overwrites what undo needs."""
    stem = path.stem.partition(" edit ")[0]
    names = (f"{stem} edit {count}{path.suffix}" for count in range(1, 10000))
    return next(candidate for candidate in (path.with_name(name) for name in names) if not candidate.exists())
