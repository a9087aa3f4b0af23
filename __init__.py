"""Portrait Manifolds: one portrait photograph to a 3D portrait a camera can move around.

The folder is both a Python package (`portrait_manifolds`) and a Blender extension. Nothing is imported until it is
asked for: Blender must not load the backend, and the backend must not load torch to draw a picture.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backend.camera import Camera
    from .backend.portrait import Portrait
    from .backend.reconstruct import reconstruct

__all__ = ["Camera", "Portrait", "reconstruct"]

_HOMES = {"Camera": ".backend.camera", "Portrait": ".backend.portrait", "reconstruct": ".backend.reconstruct"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def register() -> None:
    """Blender enables the extension."""
    from . import blender_addon

    blender_addon.register()


def unregister() -> None:
    """Blender disables it."""
    from . import blender_addon

    blender_addon.unregister()
