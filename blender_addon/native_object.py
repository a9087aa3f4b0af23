"""A portrait as Blender objects: an empty at the head's origin, and under it the mesh of its sheets."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import bpy

from ..backend.errors import InputError
from .atlas import packed_image
from .file_digest import file_digest
from .materials import atlas_nodes, portrait_material
from .sheets_data import SheetsData
from .sheets_mesh import fill_mesh
from .steps import Step, Steps, removed_on_failure

EMPTY_SIZE_M = 0.15
MAX_TRANSPARENT_BOUNCES = 1024
Place = tuple[str, str | None]
"""An object's name, and the library it is linked from."""


def add_portrait(data: SheetsData, name: str, filepath: str, photo: str = "") -> Steps[bpy.types.Object]:
    """Builds the native object in the active collection; its empty is what the steps return."""
    with removed_on_failure() as made:
        sheets = yield from _sheets_object(name, data, made)
        root = bpy.data.objects.new(name, None)
        made.append(root)
        root.empty_display_type, root.empty_display_size = "SPHERE", EMPTY_SIZE_M
        properties = root.portrait_manifolds
        properties.role = "PORTRAIT"
        properties.photo = photo
        properties.look = sheets.active_material
        sheets.parent = root
        for item in (root, sheets):
            collection_for_new(bpy.context).objects.link(item)
        _describe(root, data, filepath)
    return root


def replace_sheets(root: bpy.types.Object, data: SheetsData, filepath: str) -> Steps[None]:
    """Gives the portrait at `root` other sheets, as new data blocks so that undo brings the old ones back."""
    sheets = sheets_of(root)
    with removed_on_failure() as made:
        fresh = yield from _sheets_object(root.name, data, made)
    material = _with_look(fresh.active_material, sheets_material(root))
    leave_edit_mode(sheets)
    sheets.data = fresh.data
    sheets.material_slots[0].material = root.portrait_manifolds.look = material
    sheets.portrait_manifolds.mesh_points = fresh.portrait_manifolds.mesh_points
    bpy.data.objects.remove(fresh)
    _describe(root, data, filepath)


def leave_edit_mode(item: bpy.types.Object) -> None:
    """Ends the editing of a mesh object, with what was edited kept: until then Blender gives it no other mesh."""
    if item.data.is_editmode:
        bpy.ops.object.mode_set(mode="OBJECT")


def collection_for_new(context: bpy.types.Context) -> bpy.types.Collection:
    """The active collection, or the scene's own where that takes nothing in."""
    return context.collection if takes_objects(context.collection) else context.scene.collection


def takes_objects(collection: bpy.types.Collection) -> bool:
    """Whether objects can be linked to a collection: not to one of a library, or overridden."""
    return collection.library is None and collection.override_library is None


def portraits(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The empties of the scene's portraits, by name."""
    return only_portraits(scene.objects)


def only_portraits(items: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """The empties of portraits among objects, by name."""
    return sorted((item for item in items if item.portrait_manifolds.role == "PORTRAIT"), key=lambda item: item.name)


def active_portrait(context: bpy.types.Context) -> bpy.types.Object:
    """The portrait that the active object belongs to, else the scene's only one; InputError without."""
    root = portrait_above(context.view_layer.objects.active if context.view_layer else None)
    if root is not None:
        return root
    found = portraits(context.scene)
    if len(found) == 1:
        return found[0]
    if not found:
        instance = next((item for item in context.scene.objects if _instances_a_portrait(item)), None)
        if instance is not None:
            fix = "use Object > Relations > Make Library Override, or Object > Apply > Make Instances Real"
            raise InputError(f"{instance.name} is an instance of a portrait's collection: {fix}.")
        background = context.scene.background_set
        if background is not None and portraits(background):
            fix = f"link its collection to {context.scene.name}, or work in {background.name}"
            raise InputError(f"{portraits(background)[0].name} is in the background set {background.name}: {fix}.")
        raise InputError("There is no portrait in the scene: import one.")
    raise InputError(f"The scene has {len(found)} portraits: select one of them.")


def portrait_above(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The portrait that an object is or belongs to, however many parents up."""
    while item is not None and item.portrait_manifolds.role != "PORTRAIT":
        item = item.parent
    return item


def _instances_a_portrait(item: bpy.types.Object) -> bool:
    collection = item.instance_collection if item.instance_type == "COLLECTION" else None
    parts = collection.all_objects if collection else ()
    return any(part.portrait_manifolds.role == "PORTRAIT" for part in parts)


def place_of(item: bpy.types.ID) -> Place:
    """Where `bpy.data` finds it; others of its name may be linked from libraries."""
    return item.name, item.library.filepath if item.library else None


def found_at(place: Place) -> bpy.types.Object:
    """An object found again after other work; InputError if it is gone by then."""
    found = bpy.data.objects.get(place)
    if found is None:
        raise InputError(f"{place[0]} is no longer there: undo its removal, or import it again.")
    return found


def sheets_of(root: bpy.types.Object) -> bpy.types.Object:
    """The mesh object of a portrait's sheets; InputError if it was deleted."""
    return part_of(root, "SHEETS") or _missing(root)


def sheets_material(root: bpy.types.Object) -> bpy.types.Material | None:
    """The material of a portrait's sheets, whichever slot is the active one; InputError if the sheets were deleted."""
    slots = sheets_of(root).material_slots
    return slots[0].material if slots else None


def keep_look_evaluated(root: bpy.types.Object) -> None:
    """Has Blender animate the look of a portrait whose sheets it does not draw, whatever became of their material."""
    sheets = part_of(root, "SHEETS")
    material = sheets_material(root) if sheets else None
    if root.portrait_manifolds.look != material:
        root.portrait_manifolds.look = material


def part_of(root: bpy.types.Object, role: str) -> bpy.types.Object | None:
    """The portrait's object with a role, or None."""
    return next((item for item in _below(root) if item.portrait_manifolds.role == role), None)


def _below(item: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """All below an object but other portraits, whose parts are their own."""
    for child in item.children:
        if child.portrait_manifolds.role != "PORTRAIT":
            yield child
            yield from _below(child)


def raise_transparent_bounces(scene: bpy.types.Scene, sheets: int) -> str:
    """Lets Cycles see through all sheets; says what was changed, or "".

    A ray crosses each sheet on its way in and out. Between the two limits Cycles would end rays at random (noise), and
    beyond the second draw black.
    """
    needed = min(max(64, 3 * sheets), MAX_TRANSPARENT_BOUNCES)
    cycles = getattr(scene, "cycles", None)
    if cycles is None:  # Cycles is an add-on, and may be off
        return ""
    changed = []
    if cycles.transparent_max_bounces < needed:
        changed.append(f"Max from {cycles.transparent_max_bounces}")
        cycles.transparent_max_bounces = needed
    if cycles.min_transparent_bounces < needed:
        changed.append(f"Min from {cycles.min_transparent_bounces}")
        cycles.min_transparent_bounces = needed
    return f"Cycles' transparent bounces raised to {needed} ({', '.join(changed)})" if changed else ""


def stored_path(path: Path, blend: str | None = None) -> str:
    """The path as a .blend, or the open one, keeps it: relative to it where both are on one drive and it is saved."""
    blend = bpy.data.filepath if blend is None else blend
    if not blend:
        return str(path)
    try:
        return bpy.path.relpath(str(path), start=os.path.dirname(blend))
    except ValueError:
        return str(path)


def places(root: bpy.types.Object, name: str) -> list[Path]:
    """Where the file that the portrait's property `name` tells of may be, the likeliest first; none where it is empty.

    A relative one belongs to the .blend that the object is stored in or overrides; after Append only the absolute one
    noted beside it is right.
    """
    properties, override = root.portrait_manifolds, root.override_library
    path = getattr(properties, name)
    if not path:
        return []
    libraries = [root.library, *([override.reference.library] if override and override.reference else [])]
    found = [bpy.path.abspath(path, library=library) for library in libraries]
    found += [getattr(properties, f"{name}_place")] if getattr(properties, f"{name}_place") else []
    return [Path(each) for each in dict.fromkeys(map(os.path.abspath, found))]


def place_found(root: bpy.types.Object, name: str) -> Path | None:
    """Of those places the one where a file is; of several portraits' files the one that the sheets were built from."""
    found = [path for path in places(root, name) if path.is_file()]
    if name != "filepath" or len(found) < 2:
        return next(iter(found), None)
    return next((path for path in found if file_digest(path) == root.portrait_manifolds.file_digest), found[0])


def portrait_path(root: bpy.types.Object) -> Path:
    """The portrait's file; InputError if it is gone, or none is chosen."""
    found = place_found(root, "filepath")
    if found is None:
        path = next(iter(places(root, "filepath")), None)
        trouble = f"{root.name}'s file {path} is gone" if path else f"{root.name} has no file"
        raise InputError(f"{trouble}: choose it anew under Portrait File in the panel.")
    return found


def file_note(root: bpy.types.Object) -> str:
    """A sentence where the portrait's file is another than its sheets were built from, else ""."""
    try:
        path = portrait_path(root)
        same = root.portrait_manifolds.file_digest in ("", file_digest(path))  # none in a .blend of before
    except InputError:
        return ""
    wrong = f"{path.name} is not the file that {root.name}'s sheets were built from"
    return "" if same else f"{wrong}: import it to see it in Cycles."


def _sheets_object(name: str, data: SheetsData, made: list[bpy.types.ID]) -> Steps[bpy.types.Object]:
    """The mesh object, in no collection yet; what is made on the way goes into `made`."""
    image = packed_image(f"{name} atlas", data.png)
    made.append(image)
    yield Step(1.0, "packing the textures")
    mesh = bpy.data.meshes.new(f"{name} sheets")
    made.append(mesh)
    yield from fill_mesh(mesh, data.mesh)
    material = portrait_material(name, image)
    made.append(material)
    mesh.materials.append(material)
    sheets = bpy.data.objects.new(f"{name} sheets", mesh)
    made.append(sheets)
    sheets.portrait_manifolds.role = "SHEETS"
    sheets.portrait_manifolds.mesh_points = mesh_points(mesh)
    # The empty moves them: the backend would not hear of what moves them alone.
    sheets.lock_location = sheets.lock_rotation = sheets.lock_scale = (True, True, True)
    # The picture of a head is no lamp for the things around it.
    sheets.visible_diffuse = False
    yield Step(1.0, "putting it into the scene")
    return sheets


def mesh_points(mesh: bpy.types.Mesh) -> list[float]:
    """The coordinates of three vertices far from each other, which tell of what befalls the mesh."""
    count = len(mesh.vertices)
    return [x for index in (0, count // 2, count - 1) for x in mesh.vertices[index].co]


def _describe(root: bpy.types.Object, data: SheetsData, filepath: str) -> None:
    properties, portrait = root.portrait_manifolds, data.portrait
    properties.filepath, properties.file_digest = filepath, data.digest
    properties.input_camera = json.dumps(portrait.input_camera.to_dict())
    properties.head_crop = json.dumps(portrait.crop.to_photo.tolist())
    properties.provenance, properties.photo_sha256 = portrait.provenance, portrait.photo_sha256
    properties.weights_id = portrait.weights_id
    properties.texture_size, properties.sheets = portrait.texture_size, portrait.manifolds.sheets


def _with_look(fresh: bpy.types.Material, old: bpy.types.Material | None) -> bpy.types.Material:
    """The fresh sheets' material: a copy of the old one, its keyframes and drivers included, with the fresh textures.

    The fresh one itself where the old one was removed or its nodes were replaced.
    """
    if old is None or not atlas_nodes(old):
        return fresh
    kept = old.copy()
    for mine, new in zip(atlas_nodes(kept), atlas_nodes(fresh), strict=True):
        mine.image = new.image
    bpy.data.materials.remove(fresh)
    return kept


def _missing(root: bpy.types.Object) -> bpy.types.Object:
    raise InputError(f"{root.name} has lost its sheets: import the portrait again.")
