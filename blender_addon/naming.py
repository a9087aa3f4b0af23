"""Names and constants that scenes, tests and other programs rely on."""

import bpy

ADDON_ID = "portrait_manifolds"
ENGINE_ID = "PORTRAIT_MANIFOLDS"
GROUP_NAME = "Portrait Manifolds"
"""Node group of a portrait's look."""

PATH_OPTIONS = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""For path properties that understand "//", the folder of the .blend; before 4.5 all did."""
