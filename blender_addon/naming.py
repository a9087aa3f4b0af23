"""Names and constants that scenes, tests and other programs rely on."""

ADDON_ID = "portrait_manifolds"
ENGINE_ID = "PORTRAIT_MANIFOLDS"
GROUP_NAME = "Portrait Manifolds"
"""Node group of a portrait's look."""
