"""The Blender extension. Everything that Blender must know is in CLASSES; nothing happens at import."""

import bpy

from .properties import PortraitProperties, PortraitSceneProperties, register_properties, unregister_properties

CLASSES = (PortraitProperties, PortraitSceneProperties)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    register_properties()


def unregister() -> None:
    unregister_properties()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
