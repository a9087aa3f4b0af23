"""A portrait as Blender objects: an empty at the head's origin, and under it the mesh of its sheets."""

import json
from pathlib import Path

import bpy
import numpy as np

from ..backend.errors import InputError
from ..backend.portrait import Portrait
from .atlas import atlas_pixels, packed_image, plan_atlas
from .materials import look_sockets, portrait_material
from .sheets_mesh import build_sheets_mesh

EMPTY_SIZE_M = 0.15
MAX_TRANSPARENT_BOUNCES = 1024


def add_portrait(
    portrait: Portrait, name: str, filepath: str, photo: str = "", collection: bpy.types.Collection | None = None
) -> bpy.types.Object:
    """Builds the native object and links it to `collection` (by default the context's); returns its empty.

    Raises InputError for a portrait without any opacity.
    """
    collection = collection or bpy.context.collection
    sheets = _sheets_object(name, portrait)
    root = bpy.data.objects.new(name, None)
    root.empty_display_type, root.empty_display_size = "SPHERE", EMPTY_SIZE_M
    properties = root.portrait_manifolds
    properties.role = "PORTRAIT"
    properties.photo = photo
    sheets.parent = root
    for item in (root, sheets):
        collection.objects.link(item)
    _describe(root, portrait, filepath)
    return root


def replace_sheets(root: bpy.types.Object, portrait: Portrait, filepath: str) -> None:
    """Gives the portrait at `root` other sheets, as new data blocks so that undo brings the old ones back."""
    sheets = sheets_of(root)
    fresh = _sheets_object(root.name, portrait)
    for old, new in zip(sheets.material_slots, fresh.material_slots, strict=False):
        _keep_look(old.material, new.material)
    sheets.data = fresh.data
    bpy.data.objects.remove(fresh)
    _describe(root, portrait, filepath)


def portraits(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The empties of the scene's portraits, by name."""
    found = [item for item in scene.objects if item.portrait_manifolds.role == "PORTRAIT"]
    return sorted(found, key=lambda item: item.name)


def active_portrait(context: bpy.types.Context) -> bpy.types.Object:
    """The portrait that the active object belongs to, else the scene's only one; InputError without."""
    item = context.view_layer.objects.active if context.view_layer else None
    while item is not None:
        if item.portrait_manifolds.role == "PORTRAIT":
            return item
        item = item.parent
    found = portraits(context.scene)
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError("There is no portrait in the scene: import one.")
    raise InputError(f"The scene has {len(found)} portraits: select one of them.")


def sheets_of(root: bpy.types.Object) -> bpy.types.Object:
    """The mesh object of a portrait's sheets; InputError if it was deleted."""
    return part_of(root, "SHEETS") or _missing(root)


def light_factor(root: bpy.types.Object) -> np.ndarray:
    """What the look's exposure and tint multiply linear colour by, [3]."""
    material = sheets_of(root).active_material
    look = {socket.name: socket.default_value for socket in look_sockets(material)} if material else {}
    return 2.0 ** look.get("Exposure", 0.0) * np.array(look.get("Tint", (1.0, 1.0, 1.0, 1.0)), np.float32)[:3]


def part_of(root: bpy.types.Object, role: str) -> bpy.types.Object | None:
    """The portrait's object with a role, or None."""
    parts = (item for item in root.children_recursive if item.portrait_manifolds.role == role)
    return next(parts, None)


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


def resolved_path(root: bpy.types.Object, path: str) -> Path:
    """An absolute path of a file named relative to the .blend that the portrait is stored in."""
    return Path(bpy.path.abspath(path, library=root.library))


def portrait_path(root: bpy.types.Object) -> Path:
    """The portrait's file; InputError if it is gone."""
    path = resolved_path(root, root.portrait_manifolds.filepath)
    if not root.portrait_manifolds.filepath or not path.is_file():
        raise InputError(f"{root.name}'s file {path} is gone: choose it anew under Portrait File in the panel.")
    return path


def _sheets_object(name: str, portrait: Portrait) -> bpy.types.Object:
    atlas = plan_atlas(portrait)
    if not atlas.sheets:
        raise InputError("The portrait is empty, every sheet is transparent: reconstruct it again.")
    mesh = build_sheets_mesh(f"{name} sheets", portrait, atlas)
    mesh.materials.append(portrait_material(name, packed_image(f"{name} atlas", atlas_pixels(portrait, atlas))))
    sheets = bpy.data.objects.new(f"{name} sheets", mesh)
    sheets.portrait_manifolds.role = "SHEETS"
    # The picture of a head is no lamp for the things around it.
    sheets.visible_diffuse = False
    return sheets


def _describe(root: bpy.types.Object, portrait: Portrait, filepath: str) -> None:
    properties = root.portrait_manifolds
    properties.filepath = filepath
    properties.input_camera = json.dumps(portrait.input_camera.to_dict())
    properties.head_crop = json.dumps(portrait.crop.to_photo.tolist())
    properties.provenance, properties.photo_sha256 = portrait.provenance, portrait.photo_sha256
    properties.weights_id = portrait.weights_id
    properties.texture_size, properties.sheets = portrait.texture_size, portrait.manifolds.sheets


def _keep_look(old: bpy.types.Material | None, new: bpy.types.Material) -> None:
    before = {socket.name: socket.default_value for socket in look_sockets(old)} if old else {}
    for socket in look_sockets(new):
        if socket.name in before:
            socket.default_value = before[socket.name]


def _missing(root: bpy.types.Object) -> bpy.types.Object:
    raise InputError(f"{root.name} has lost its sheets: import the portrait again.")
