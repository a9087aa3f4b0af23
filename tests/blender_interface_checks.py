"""What the user reads: a tooltip on everything, and panels that draw."""

from pathlib import Path

import blender_session as session
import bpy
import numpy as np

from portrait_manifolds import blender_addon
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.blender_addon.backend_process import backend
from portrait_manifolds.blender_addon.materials import look_sockets
from portrait_manifolds.blender_addon.native_object import sheets_of
from portrait_manifolds.blender_addon.panels import colour_change

BLENDERS_OWN = {"rna_type", "bl_idname", "name", "check_existing", "filename", "files", "filter_glob", "module"}


def check_tooltips(folder: Path) -> None:
    """Every operator, property, choice and control of the look says in a sentence what it is for."""
    session.new_scene(folder, "small.portrait")
    lacking, seen = [], 0
    for cls in blender_addon.CLASSES:
        if issubclass(cls, bpy.types.Operator):
            rna = getattr(bpy.ops.portrait_manifolds, cls.bl_idname.partition(".")[2]).get_rna_type()
            lacking += [] if len(rna.description) > 15 else [cls.__name__]
        elif issubclass(cls, bpy.types.PropertyGroup | bpy.types.AddonPreferences):
            rna = cls.bl_rna
        else:  # panels, the engine and the file handler have none of their own
            continue
        for item in _own_properties(rna):
            seen += 1
            entries = list(item.enum_items) if item.type == "ENUM" else []
            said = [item, *entries]
            lacking += [f"{cls.__name__}.{item.identifier} {each.name}" for each in said if len(each.description) < 5]
    root = bpy.context.view_layer.objects.active
    interface = look_sockets(sheets_of(root).active_material)[0].node.node_tree.interface
    lacking += [socket.name for socket in interface.items_tree if socket.in_out == "INPUT" and not socket.description]
    assert not lacking, lacking
    assert seen > 50, "the loop must look at something"
    assert _own_properties(bpy.types.Object.bl_rna), "it sees properties where there are some"


def check_panels(folder: Path) -> None:
    """Every operator but Cancel and those of the preferences is in a panel, and all that panels show exists."""
    root, _ = session.new_scene(folder, "small.portrait")
    session.OPERATORS.add_rig(type="DOLLY_ZOOM", frame_start=1, frame_end=9)
    bpy.context.view_layer.objects.active = root
    layout = _Layout()
    for cls in blender_addon.CLASSES:
        if issubclass(cls, bpy.types.Panel):
            cls.draw(type("", (), {"layout": layout})(), bpy.context)
    operators = {
        cls.bl_idname
        for cls in blender_addon.CLASSES
        if issubclass(cls, bpy.types.Operator)
        and not any(word in cls.bl_idname for word in ("cancel", "backend", "up_b"))
    }
    assert operators <= layout.operators, operators - layout.operators
    assert {"Exposure", "Tint", "Opacity", "Edge Softness"} <= layout.texts


def check_colours(folder: Path) -> None:
    """What in colour management changes the photograph's colours is named; Use Standard Colours takes all of it off."""
    session.new_scene(folder, "small.portrait")
    scene = bpy.context.scene
    scene.render.engine, scene.render.resolution_percentage = "PORTRAIT_MANIFOLDS", 10
    scene.render.image_settings.file_format, scene.render.filepath = "PNG", str(folder / "colours.png")
    view = scene.view_settings
    changes = [("AgX", "view_transform", "AgX"), ("The look", "look", "High Contrast"), ("Exposure", "exposure", -1.0)]
    changes += [("Gamma", "gamma", 2.0), ("The curve", "use_curve_mapping", True)]
    if hasattr(view, "use_white_balance"):  # since 4.3
        view.white_balance_temperature = 3000.0
        changes.append(("White balance", "use_white_balance", True))
    view.curve_mapping.curves[3].points[1].location = (1.0, 0.5)
    view.curve_mapping.update()

    def drawn() -> np.ndarray:
        bpy.ops.render.render(write_still=True)
        return session.loaded(folder / "colours.png")

    assert session.OPERATORS.standard_view() == {"FINISHED"} and colour_change(view) == ""
    plain = drawn()
    for name, setting, value in changes:
        setattr(view, setting, value)
        assert colour_change(view).startswith(name), colour_change(view)
        assert session.OPERATORS.standard_view() == {"FINISHED"} and colour_change(view) == "", name
        np.testing.assert_array_equal(drawn(), plain, err_msg=name)


def check_limits(folder: Path) -> None:
    """The import takes what the backend takes: its limits pass there, and what is just beyond them does not."""
    photo = folder / "nobody.png"
    image = bpy.data.images.new("nobody", 64, 64)
    image.filepath_raw, image.file_format = str(photo), "PNG"
    image.save()
    asked = session.OPERATORS.import_portrait.get_rna_type().properties
    shown = bpy.context.scene.portrait_manifolds.bl_rna.properties
    sizes = [int(item.identifier) for item in shown["texture_size"].enum_items]
    assert (asked["texture_size"].hard_min, asked["texture_size"].hard_max) == (min(sizes), max(sizes))
    most = asked["refine_steps"].hard_max
    assert (
        asked["refine_steps"].hard_min == shown["refine_steps"].hard_min == 0 and shown["refine_steps"].hard_max == most
    )
    for option, inside, beyond in (
        ("--texture-size", sizes, (min(sizes) // 2, 2 * max(sizes))),
        ("--refine", (0, most), (most + 1,)),
    ):
        for values, refused in ((inside, False), (beyond, True)):
            for value in values:
                reason = _refusal(["reconstruct", str(photo), "-o", str(folder / "x.portrait"), option, str(value)])
                assert ("cannot be made" in reason) == refused, (option, value, reason)


def _refusal(arguments: list[str]) -> str:
    """Why the backend does not run a command; there is no face in the photograph, if nothing else."""
    try:
        backend().request("command", {"arguments": arguments}, "Check").wait()
    except (InputError, ProcessingError) as error:
        return str(error)
    raise AssertionError("no failure")


class _Layout:
    """Stands for Blender's layout, which only a window has: notes what is drawn, and that it exists."""

    def __init__(self) -> None:
        self.operators: set[str] = set()
        self.texts: set[str] = set()

    def operator(self, name: str, text: str = "", icon: str = "NONE") -> object:
        self.operators.add(name)
        getattr(bpy.ops.portrait_manifolds, name.partition(".")[2]).get_rna_type()
        return type("", (), {})()

    def prop(self, owner: bpy.types.bpy_struct, name: str, text: str = "", expand: bool = False) -> None:
        assert name in owner.bl_rna.properties, name
        self.texts.add(text)

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self.texts.add(text)

    def row(self, **_: object) -> "_Layout":
        return self

    column = box = row


def _own_properties(rna: bpy.types.bpy_struct) -> list[bpy.types.Property]:
    """What the add-on has added, without what Blender gives every operator and file browser."""
    return [item for item in rna.properties if item.is_runtime and item.identifier not in BLENDERS_OWN]


if __name__ == "__main__":
    session.main(globals())
