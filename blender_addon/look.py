"""What the artist's controls of a portrait mean to the backend, at a frame."""

from dataclasses import dataclass

import bpy

from .keyframes import fcurve, is_played
from .materials import look_sockets
from .naming import GROUP_NAME
from .native_object import sheets_material


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


def shown_look(root: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> ShownLook:
    """The look of the portrait at `root` in the depsgraph's frame; neutral where its nodes were replaced.

    A depsgraph lacks what is hidden, as Set Up Compositing hides the sheets from renders. Then the keyframes are read
    here: NLA strips are not heard, and of drivers what they gave last counts.
    """
    material, frame = sheets_material(root), depsgraph.scene.frame_current_final
    seen = material.evaluated_get(depsgraph) if material else None
    sockets = {socket.name: socket for socket in look_sockets(seen)}

    def channels(name: str, neutral: tuple[float, ...]) -> tuple[float, ...]:
        if name not in sockets:
            return neutral
        now = _channels(sockets[name])
        return now if seen and seen.is_evaluated else _keyed(sockets[name], now, frame)

    red, green, blue = channels("Tint", (1.0, 1.0, 1.0))
    (exposure,), (opacity,), (softness,) = (
        channels(name, (neutral,)) for name, neutral in (("Exposure", 0.0), ("Opacity", 1.0), ("Edge Softness", 0.0))
    )
    return ShownLook(exposure, (red, green, blue), opacity, softness)


def _channels(socket: bpy.types.NodeSocket) -> tuple[float, ...]:
    """The socket's number, or its red, green and blue."""
    return tuple(socket.default_value[:3]) if socket.type == "RGBA" else (socket.default_value,)


def _keyed(socket: bpy.types.NodeSocket, now: tuple[float, ...], frame: float) -> tuple[float, ...]:
    """The same at a frame: by its keyframes where they are played, else as it is now."""
    index = list(socket.node.inputs).index(socket)
    path = f'nodes["{GROUP_NAME}"].inputs[{index}].default_value'
    curves = (fcurve(socket.id_data, path, channel) for channel in range(len(now)))
    return tuple(
        curve.evaluate(frame) if curve and is_played(curve) else value for curve, value in zip(curves, now, strict=True)
    )
