"""Save As elsewhere: a portrait's paths are told anew, as Blender does with its own but not with add-ons'."""

import bpy
from bpy.app.handlers import persistent

from .native_object import place_found, stored_path


@persistent
def tell_paths_anew(blend: str, *_: object) -> None:
    """Before the file `blend` is written: paths become relative to it, absolute ones only at the first save."""
    if blend:  # else it is the startup file
        _tell(blend)


@persistent
def tell_paths_back(*_: object) -> None:
    """After a copy was saved, or nothing: the open file is still the one before."""
    _tell(bpy.data.filepath)


def _tell(blend: str) -> None:
    for root in bpy.data.objects:
        properties = root.portrait_manifolds
        if properties.role != "PORTRAIT" or root.library is not None or root.override_library is not None:
            continue
        for name in ("filepath", "photo"):
            place, relative = place_found(root, name), getattr(properties, name).startswith("//")
            if place is not None and (relative or not bpy.data.filepath):
                setattr(properties, name, stored_path(place, blend))
                setattr(properties, f"{name}_place", str(place))  # not where it would be beside the .blend before
