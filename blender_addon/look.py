"""What the artist's controls of a portrait mean to the backend, at a frame."""

from dataclasses import dataclass

import bpy

from ..backend.errors import InputError
from .materials import look_group, look_inputs, shown_by, source_of
from .native_object import sheets_material

_KNOWN_SOURCES = {"VALUE": ("ShaderNodeValue",), "RGBA": ("ShaderNodeValue", "ShaderNodeRGB")}
"""Nodes whose number or colour is known without drawing, for each kind of control."""

_FIX = "take it off, or use Cycles or EEVEE"


@dataclass(frozen=True)
class ShownLook:
    """The look's values at one frame."""

    exposure: float
    tint: tuple[float, float, float]
    opacity: float
    edge_softness: float

    def to_dict(self) -> dict:
        """As backend/picture/look.py reads it."""
        gain = [2.0**self.exposure * value for value in self.tint]
        return {"gain": gain, "opacity": self.opacity, "softness": self.edge_softness}


def drawn_look(root: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> dict:
    """The look in the depsgraph's frame as the backend reads it; InputError where only Blender can draw it."""
    check_look(root)
    return shown_look(root, depsgraph).to_dict()


def check_look(root: bpy.types.Object) -> None:
    """Raises InputError for nodes that the backend does not know; a material of the artist's own is not looked at."""
    material = sheets_material(root)
    group = look_group(material)
    if group is None:
        return
    if group.mute:
        raise InputError(f"The node {group.name} in {root.name}'s material is muted: switch it on, or use Cycles.")
    for socket in group.inputs:
        source = source_of(socket)
        known = ("ShaderNodeTexImage",) if socket.hide_value else _KNOWN_SOURCES.get(socket.type, ())
        if source is not None and source.node.bl_idname not in known:
            raise InputError(
                f"The node {source.node.name} feeds {socket.name} of {root.name}, which Blender alone draws: {_FIX}."
            )
    shown = shown_by(material)
    if shown is not None and shown != group:
        raise InputError(f"The node {shown.name} makes {root.name}'s surface, which Blender alone draws: {_FIX}.")


def shown_look(root: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> ShownLook:
    """The look of the portrait at `root` in the depsgraph's frame; neutral where its nodes were replaced."""
    material = sheets_material(root)
    sockets = {socket.name: socket for socket in look_inputs(material.evaluated_get(depsgraph) if material else None)}

    def channels(name: str, neutral: tuple[float, ...]) -> tuple[float, ...]:
        return _channels(sockets[name]) if name in sockets else neutral

    red, green, blue = channels("Tint", (1.0, 1.0, 1.0))
    (exposure,), (opacity,), (softness,) = (
        channels(name, (neutral,)) for name, neutral in (("Exposure", 0.0), ("Opacity", 1.0), ("Edge Softness", 0.0))
    )
    return ShownLook(exposure, (red, green, blue), opacity, softness)


def _channels(socket: bpy.types.NodeSocket) -> tuple[float, ...]:
    """The number, or the red, green and blue, of an input or of what feeds it."""
    value = (source_of(socket) or socket).default_value
    if socket.type != "RGBA":
        return (value,)
    return (value,) * 3 if isinstance(value, float) else tuple(value[:3])
