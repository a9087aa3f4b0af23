"""Export: the portrait for other programs, or the camera's animation for the command line."""

import shutil
from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper

from ..backend.atomic import atomic_path
from ..backend.camera import save_cameras
from ..backend.errors import InputError
from .backend_process import backend
from .cameras import sample_animation
from .job_operator import JobOperator, show_error
from .naming import PATH_OPTIONS
from .native_object import active_portrait, portrait_path
from .steps import Steps, answered, in_thread


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

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        path = Path(bpy.path.abspath(self.filepath)).absolute()
        kind = path.suffix.lower()
        root, scene = active_portrait(context), context.scene
        self.work.what = f"Export of {root.name}"
        if kind == ".json":
            cameras, _ = yield from sample_animation(scene, root, range(scene.frame_start, scene.frame_end + 1))
            yield from in_thread("writing", lambda: save_cameras(path, cameras), fraction=1.0)
        elif kind == ".portrait":
            source = portrait_path(root)
            yield from in_thread("copying", lambda: _copied(source, path))
        elif kind in {".glb", ".ply"}:
            arguments = ["export", str(portrait_path(root)), "-o", str(path)]
            yield from answered(backend().request("command", {"arguments": arguments}, self.work.what))
        else:
            raise InputError(f"{path.name} cannot be written: end the name in .portrait, .glb, .ply or .json.")
        self.report({"INFO"}, f"Wrote {path}.")


def _copied(source: Path, path: Path) -> None:
    """Copies a file whole or not at all; InputError where it cannot be written."""
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)
