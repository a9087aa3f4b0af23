"""Import Portrait: a .portrait file at once, a photograph through the backend; by menu, panel, script or drop."""

from pathlib import Path

import bpy
from bpy_extras.io_utils import ImportHelper
from mathutils import Vector

from ..backend.conventions import MAX_REFINE_STEPS, PHOTO_SUFFIXES, TEXTURE_SIZE, TEXTURE_SIZES
from ..backend.errors import InputError
from .backend_home import folder_for_portraits
from .backend_process import Job, backend
from .job_operator import JobOperator
from .naming import PATH_OPTIONS
from .native_object import add_portrait, raise_transparent_bounces, stored_path
from .sheets_data import SheetsData
from .steps import Steps, answered, in_thread, unlinked_on_failure


class PORTRAIT_MANIFOLDS_OT_import_portrait(JobOperator, ImportHelper):
    """Make a 3D portrait from a photograph of a person, or open a .portrait file"""

    bl_idname = "portrait_manifolds.import_portrait"
    bl_label = "Import Portrait"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File",
        description="A photograph or a .portrait file",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", *PATH_OPTIONS},
    )
    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{suffix}" for suffix in (".portrait", *PHOTO_SUFFIXES)), options={"HIDDEN"}
    )
    texture_size: bpy.props.IntProperty(
        name="Texture Size",
        description=f"Side of each sheet's texture in texels: {', '.join(map(str, TEXTURE_SIZES))}; no others",
        default=TEXTURE_SIZE,
        min=min(TEXTURE_SIZES),
        max=max(TEXTURE_SIZES),
    )
    refine_steps: bpy.props.IntProperty(
        name="Refine",
        description="Steps of fitting the textures to the photograph",
        default=0,
        min=0,
        max=MAX_REFINE_STEPS,
    )
    fov_deg: bpy.props.FloatProperty(
        name="Field of View", description="Of the photograph, in degrees; 0 finds it", default=0.0, min=0.0, max=120.0
    )
    face: bpy.props.IntProperty(
        name="Face", description="Which face, counted from the largest", default=1, min=1, max=50
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        settings = context.scene.portrait_manifolds
        self.texture_size, self.refine_steps = int(settings.texture_size), settings.refine_steps
        self.fov_deg, self.face = settings.fov_deg, settings.face
        if self.filepath:
            return self.execute(context)
        return ImportHelper.invoke(self, context, event)

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        source = Path(bpy.path.abspath(self.filepath)).absolute()
        self.work.what = f"Import of {source.name}"
        if source.suffix.lower() == ".portrait":
            root = yield from self._build(source, "")
        else:
            path = new_portrait_path(source.stem)
            with unlinked_on_failure(path):
                yield from answered(self._reconstruct(source, path))
                root = yield from self._build(path, stored_path(source))
        active = context.view_layer.objects.active
        if active is not None and active.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")  # else what is edited stays in that mode, no longer active
        for item in context.selected_objects:
            item.select_set(False)
        root.select_set(True)
        context.view_layer.objects.active = root
        sheets = root.portrait_manifolds.sheets
        changed = raise_transparent_bounces(context.scene, sheets)
        if changed:
            self.report({"INFO"}, f"{changed}, so that Cycles sees through all {sheets} sheets.")
        around = solid_around(context.scene, root)
        if around is not None:
            self.report(
                {"WARNING"}, f"{root.name} stands inside {around.name}: move or delete {around.name} to see it."
            )

    def _build(self, path: Path, photo: str) -> Steps[bpy.types.Object]:
        data = yield from in_thread("unfolding the sheets", lambda: SheetsData.read(path), fraction=1.0)
        return (yield from add_portrait(data, path.stem, stored_path(path), photo))

    def _reconstruct(self, photo: Path, output: Path) -> Job:
        if not photo.is_file():
            raise InputError(f"There is no file {photo}: choose a photograph or a .portrait file.")
        arguments = ["reconstruct", str(photo), "-o", str(output), "--texture-size", str(self.texture_size)]
        if self.refine_steps:
            arguments += ["--refine", str(self.refine_steps)]
        if self.fov_deg:
            arguments += ["--fov", str(self.fov_deg)]
        if self.face > 1:
            arguments += ["--face", str(self.face)]
        return backend().request("command", {"arguments": arguments}, self.work.what)


class PORTRAIT_MANIFOLDS_FH_portrait(bpy.types.FileHandler):
    """Portraits and photographs dropped on the 3D viewport."""

    bl_idname = "PORTRAIT_MANIFOLDS_FH_portrait"
    bl_label = "Portrait"
    bl_import_operator = "portrait_manifolds.import_portrait"
    bl_file_extensions = ";".join((".portrait", *PHOTO_SUFFIXES))

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def solid_around(scene: bpy.types.Scene, root: bpy.types.Object) -> bpy.types.Object | None:
    """A solid whose bounds hold the head's origin, as a new file's cube does."""
    for item in scene.objects:
        part = item.portrait_manifolds.role != "NONE"
        if part or item.type != "MESH" or not item.visible_get() or not item.data.polygons:
            continue
        corners = [Vector(corner) for corner in item.bound_box]
        low, high = (Vector(map(choose, *corners)) for choose in (min, max))
        size, place = high - low, item.matrix_world.inverted_safe() @ root.matrix_world.translation - low
        if min(size) > 0.0 and all(0.0 < x < side for x, side in zip(place, size, strict=True)):
            return item
    return None


def draw_import_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry under File > Import."""
    operator = PORTRAIT_MANIFOLDS_OT_import_portrait.bl_idname
    self.layout.operator(operator, text="Portrait from Photograph (.portrait, .jpg, .png)")


def new_portrait_path(stem: str) -> Path:
    """Where a new portrait goes: beside the .blend, or with the add-on's files where that cannot be."""
    folder = folder_for_portraits(Path(bpy.data.filepath).parent if bpy.data.filepath else None)
    names = (stem if count == 1 else f"{stem}_{count}" for count in range(1, 10000))
    return next(path for path in (folder / f"{name}.portrait" for name in names) if not path.exists())
