"""Edit in 3D: paint over the front view, and carry the paint into the portrait from every view."""

import shutil
from pathlib import Path
from typing import Any

import bpy

from ..backend.errors import InputError
from .backend_home import user_folder
from .backend_process import Job, backend
from .job_operator import JobOperator
from .native_object import active_portrait, portrait_path, replace_sheets
from .portrait_reader import read_portrait


class PORTRAIT_MANIFOLDS_OT_edit_front_view(JobOperator):
    """Draw the photograph's view and open it for painting, here or in another program that saves over the same file"""

    bl_idname = "portrait_manifolds.edit_front_view"
    bl_label = "Edit Front View"
    bl_options = {"REGISTER", "UNDO"}

    def start(self, context: bpy.types.Context) -> Job:
        self._root = active_portrait(context).name
        root = bpy.data.objects[self._root]
        self._output = user_folder("edits") / f"{bpy.path.clean_name(root.name)} front view.png"
        arguments = ["render", str(portrait_path(root)), "-o", str(self._output)]
        return backend().request("command", {"arguments": arguments}, f"Front view of {root.name}")

    def finish(self, context: bpy.types.Context, result: dict[str, Any]) -> None:
        root = bpy.data.objects[self._root]
        image = bpy.data.images.load(str(self._output), check_existing=False)
        image.name = f"{root.name} front view"
        image.alpha_mode = "CHANNEL_PACKED"
        root.portrait_manifolds.edited_image = image
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

    def start(self, context: bpy.types.Context) -> Job:
        root = active_portrait(context)
        image = root.portrait_manifolds.edited_image
        if image is None:
            raise InputError("There is no painted view: press Edit Front View first.")
        self._root = root.name
        before = portrait_path(root)
        self._output = _next_version(before)
        painted = user_folder("edits") / f"{bpy.path.clean_name(root.name)} painted.png"
        _save_png(image, painted)
        arguments = ["edit", str(before), "--image", str(painted), "-o", str(self._output)]
        return backend().request("command", {"arguments": arguments}, f"Edit of {root.name}")

    def finish(self, context: bpy.types.Context, result: dict[str, Any]) -> None:
        root = bpy.data.objects[self._root]
        replace_sheets(root, read_portrait(self._output), str(self._output))
        self.report({"INFO"}, f"The edited portrait is {self._output.name}; undo brings the one before back.")


def _save_png(image: bpy.types.Image, path: Path) -> None:
    """What is painted in Blender; where nothing was, what another program saved over the file."""
    if image.is_dirty:
        image.save(filepath=str(path))
        return
    saved = Path(bpy.path.abspath(image.filepath, library=image.library))
    if not saved.is_file():
        raise InputError(f"The painted view {saved} is gone: press Edit Front View again.")
    if saved != path:
        shutil.copyfile(saved, path)


def _next_version(path: Path) -> Path:
    """A free name beside the portrait: an edit never overwrites what undo needs."""
    stem = path.stem.partition(" edit ")[0]
    names = (f"{stem} edit {count}{path.suffix}" for count in range(1, 10000))
    return next(candidate for candidate in (path.with_name(name) for name in names) if not candidate.exists())
