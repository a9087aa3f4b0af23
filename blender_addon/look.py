"""What the artist's controls of a portrait mean to the backend, at a frame."""

from dataclasses import dataclass

import bpy

from .keyframes import fcurve
from .materials import look_sockets
from .naming import GROUP_NAME
from .native_object import sheets_of


@dataclass(frozen=True)
class ShownLook:
    """The look's values at one frame."""

    exposure: float
    tint: tuple[float, float, float]
    opacity: float
    edge_softness: float

    def to_dict(self) -> dict:
        """As backend/look.py reads it."""
        gain = [2.0**self.exposure * value for value in self.tint]
        return {"gain": gain, "opacity": self.opacity, "softness": self.edge_softness}


def shown_look(root: bpy.types.Object, frame: float) -> ShownLook:
    """The look of the portrait at `root`, its keyframes read at `frame`; neutral where its nodes were replaced.

    The keyframes are read instead of Blender's evaluated copies, which lack what is hidden from renders, as
    Set Up Compositing hides the sheets. Of drivers, what they gave last counts.
    """
    material = sheets_of(root).active_material
    sockets = {socket.name: socket for socket in look_sockets(material)}

    def channels(name: str, neutral: tuple[float, ...]) -> tuple[float, ...]:
        return _values(material.node_tree, sockets[name], frame) if name in sockets else neutral

    red, green, blue = channels("Tint", (1.0, 1.0, 1.0))
    (exposure,), (opacity,), (softness,) = (
        channels(name, (neutral,)) for name, neutral in (("Exposure", 0.0), ("Opacity", 1.0), ("Edge Softness", 0.0))
    )
    return ShownLook(exposure, (red, green, blue), opacity, softness)


def _values(tree: bpy.types.NodeTree, socket: bpy.types.NodeSocket, frame: float) -> tuple[float, ...]:
    """The socket's number, or its red, green and blue."""
    index = list(socket.node.inputs).index(socket)
    path = f'nodes["{GROUP_NAME}"].inputs[{index}].default_value'
    now = socket.default_value[:3] if socket.type == "RGBA" else (socket.default_value,)
    curves = (fcurve(tree, path, channel) for channel in range(len(now)))
    return tuple(curve.evaluate(frame) if curve else value for curve, value in zip(curves, now, strict=True))
