"""Export: the portrait for other programs, or the camera's animation for the command line."""

import shutil
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.io_utils import ExportHelper

from ..backend.camera import Camera, save_cameras
from ..backend.errors import InputError, ProcessingError
from .backend_process import Job, backend
from .cameras import sample_animation
from .job_operator import JobOperator, show_error
from .naming import PATH_OPTIONS
from .native_object import active_portrait, portrait_path


class PORTRAIT_MANIFOLDS_OT_export(JobOperator, ExportHelper):
    """Write the portrait (.portrait, .glb, .ply) or the scene's camera animation in its space (.json)"""

    bl_idname = "portrait_manifolds.export"
    bl_label = "Export Portrait"

    filename_ext = ""
    filepath: bpy.props.StringProperty(
        name="File",
        description="The ending decides: .portrait, .glb (textured sheets), .ply (splats), .json (cameras)",
        subtype="FILE_PATH",
        options=PATH_OPTIONS,
    )
    filter_glob: bpy.props.StringProperty(default="*.portrait;*.glb;*.ply;*.json", options={"HIDDEN"})
    check_extension = None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            root = active_portrait(context)
        except InputError as error:
            show_error(self, error)
            return {"CANCELLED"}
        self.filepath = f"{bpy.path.clean_name(root.name)}.glb"
        return ExportHelper.invoke(self, context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        kind = path.suffix.lower()
        try:
            root = active_portrait(context)
            if kind == ".json":
                scene = context.scene
                frames = range(scene.frame_start, scene.frame_end + 1)
                found: list[tuple[Camera, float]] = []
                list(sample_animation(scene, root, frames, found))
                save_cameras(path, [view for view, _ in found])
            elif kind == ".portrait":
                shutil.copyfile(portrait_path(root), path)
            elif kind in {".glb", ".ply"}:
                return JobOperator.execute(self, context)
            else:
                raise InputError(f"{path.name} cannot be written: end the name in .portrait, .glb, .ply or .json.")
        except (InputError, ProcessingError) as error:
            show_error(self, error)
            return {"CANCELLED"}
        except OSError as error:
            show_error(self, InputError(f"Cannot write {path} ({error.strerror}): choose another folder."))
            return {"CANCELLED"}
        return {"FINISHED"}

    def start(self, context: bpy.types.Context) -> Job:
        root = active_portrait(context)
        self._path = Path(bpy.path.abspath(self.filepath)).absolute()
        arguments = ["export", str(portrait_path(root)), "-o", str(self._path)]
        return backend().request("command", {"arguments": arguments}, f"Export of {root.name}")

    def finish(self, context: bpy.types.Context, result: dict[str, Any]) -> None:
        self.report({"INFO"}, f"Wrote {self._path}.")
