"""Whether the sheets that Blender shows are where, and as, the backend draws them: from their file, at their empty."""

from collections.abc import Iterable

import bpy
from mathutils import Matrix

from ..backend.errors import InputError
from .native_object import mesh_points, part_of

IN_PLACE = 5e-4
"""How far sheets may lie from their empty, in metres and shares of their size: what Make Instances Real rounds off."""


def check_drawable(root: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
    """Raises InputError where the sheets lie elsewhere than their empty, or are no longer what was built."""
    sheets = part_of(root, "SHEETS")
    if sheets is None:
        return
    _check_in_place(root, sheets, depsgraph)
    _check_shape(sheets)


def _check_in_place(root: bpy.types.Object, sheets: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
    apart, item, held = Matrix.Identity(4), sheets, False
    while item != root:  # not by world matrices: a depsgraph may lack the sheets, and then they are out of date
        seen = item.evaluated_get(depsgraph)
        apart = seen.matrix_parent_inverse @ seen.matrix_basis @ apart
        held = held or any(constraint.influence and not constraint.mute for constraint in seen.constraints)
        item = item.parent
    if held or any(_differ(row, own) for row, own in zip(apart, Matrix.Identity(4), strict=True)):
        straight = "location 0, rotation 0 and scale 1, clear its parent inverse and constraints"
        fix = f"give it {straight}, and transform {root.name} instead"
        raise InputError(f"{sheets.name} was moved, turned or scaled apart from {root.name}: undo that, or {fix}.")


def _check_shape(sheets: bpy.types.Object) -> None:
    """Raises InputError for sheets that Blender deforms, or whose mesh was moved in its own space."""
    keys = sheets.data.shape_keys
    deforming = [modifier.name for modifier in sheets.modifiers if modifier.show_render]
    deforming += [key.name for key in keys.key_blocks[1:] if not key.mute] if keys else []  # the first is the mesh
    if deforming:
        fix = "switch it off in renders, or use Cycles or EEVEE"
        raise InputError(f"{sheets.name} is changed by {deforming[0]}, which Blender alone draws: {fix}.")
    built = sheets.portrait_manifolds.mesh_points
    if any(built) and _differ(built, mesh_points(sheets.data)):
        fix = "undo that, or import the portrait again and transform its empty alone"
        raise InputError(f"The mesh of {sheets.name} was changed, as Object > Apply does: {fix}.")


def _differ(numbers: Iterable[float], others: Iterable[float]) -> bool:
    return any(abs(a - b) > IN_PLACE for a, b in zip(numbers, others, strict=True))
