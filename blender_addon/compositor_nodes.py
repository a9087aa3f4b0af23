"""Compositor trees in every Blender from 4.2 on. 5.0 made them node groups and took shader nodes for the arithmetic."""

from collections.abc import Iterable

import bpy

from ..backend.errors import InputError

NODE_NAME = "Portrait Manifolds"
_IS_GROUP = bpy.app.version >= (5, 0, 0)
_OUTPUT = "NodeGroupOutput" if _IS_GROUP else "CompositorNodeComposite"


def switch_blends(scene: bpy.types.Scene, kind: str, on: bool) -> None:
    """Has our nodes of a kind of `Compositor.blend` take their second colour, at the user's share of it, or none."""
    tree = _tree(scene)
    for node in tree.nodes if tree is not None else ():
        if node.name.startswith(NODE_NAME) and getattr(node, "blend_type", "") == kind:
            factor = next(socket for socket in node.inputs if socket.enabled)
            if on != (factor.default_value > 0.0):
                factor.default_value = 1.0 if on else 0.0


def check_one_output(scene: bpy.types.Scene) -> None:
    """Raises InputError where it cannot be told which of several nodes puts the scene's picture out."""
    tree = _tree(scene)
    if tree is not None:
        _output_node(tree)


class Compositor:
    """Builds on a scene's compositor, removing what an earlier set-up left."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self.scene = scene
        if _IS_GROUP:
            if scene.compositing_node_group is None:
                scene.compositing_node_group = bpy.data.node_groups.new(scene.name, "CompositorNodeTree")
            self.tree = scene.compositing_node_group
        else:
            scene.use_nodes = True
            self.tree = scene.node_tree
        self._before, self._fed = self._take_out_earlier()

    def scene_picture(self) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
        """What the compositor put out before, and the scene's depth: the least of the layers in that picture."""
        shown = self._layers(_behind(self._before)) or self._layers(self.tree.nodes)[:1]
        if not shown:
            shown = [self.add("CompositorNodeRLayers", 0, 0)]
            shown[0].scene = self.scene
        depth = shown[0].outputs["Depth"]
        for k, layer in enumerate(shown[1:]):
            depth = self.math("MINIMUM", depth, layer.outputs["Depth"], 150, -900 - 200 * k)
        return self._before or shown[0].outputs["Image"], depth

    def _layers(self, nodes: Iterable[bpy.types.Node]) -> list[bpy.types.Node]:
        """The Render Layers of the scene among some nodes, without layers that are not rendered."""
        rendered = {layer.name for layer in self.scene.view_layers if layer.use}
        shown = (node for node in nodes if node.type == "R_LAYERS" and node.scene == self.scene)
        return [node for node in shown if node.layer in rendered]

    def add(self, kind: str, x: float, y: float) -> bpy.types.Node:
        """A node of ours."""
        node = self.tree.nodes.new(kind)
        node.name, node.location = NODE_NAME, (x, y)
        return node

    def alpha_over(
        self, under: bpy.types.NodeSocket, over: bpy.types.NodeSocket, x: float, y: float
    ) -> bpy.types.NodeSocket:
        """`over` over `under`, both premultiplied."""
        node = self.add("CompositorNodeAlphaOver", x, y)
        below, above = _pictures(node)
        self.tree.links.new(under, below)
        self.tree.links.new(over, above)
        return node.outputs[0]

    def math(
        self, kind: str, a: bpy.types.NodeSocket, b: bpy.types.NodeSocket, x: float, y: float
    ) -> bpy.types.NodeSocket:
        """Of two numbers: LESS_THAN (1 where a < b, else 0) or MINIMUM."""
        node = self.add("ShaderNodeMath" if _IS_GROUP else "CompositorNodeMath", x, y)
        node.operation = kind
        self.tree.links.new(a, node.inputs[0])
        self.tree.links.new(b, node.inputs[1])
        return node.outputs[0]

    def mix(
        self, factor: bpy.types.NodeSocket, a: bpy.types.NodeSocket, b: bpy.types.NodeSocket, x: float, y: float
    ) -> bpy.types.NodeSocket:
        """a where the factor is 0, b where it is 1, alpha included."""
        _, sockets, result = self._mix_node(x, y)
        for source, socket in zip((factor, a, b), sockets, strict=True):
            self.tree.links.new(source, socket)
        return result

    def blend(
        self, kind: str, a: bpy.types.NodeSocket, b: bpy.types.NodeSocket | tuple, x: float, y: float
    ) -> bpy.types.NodeSocket:
        """Colours of a and b (a socket or four numbers) blended wholly, as MULTIPLY or DARKEN; alpha is that of a."""
        node, (factor, *colours), result = self._mix_node(x, y)
        node.blend_type, factor.default_value = kind, 1.0
        for source, socket in zip((a, b), colours, strict=True):
            if isinstance(source, tuple):
                socket.default_value = source
            else:
                self.tree.links.new(source, socket)
        return result

    def _mix_node(self, x: float, y: float) -> tuple[bpy.types.Node, list[bpy.types.NodeSocket], bpy.types.NodeSocket]:
        """A node that mixes colours; its sockets for the factor and two colours, and that of the result."""
        node = self.add("ShaderNodeMix" if _IS_GROUP else "CompositorNodeMixRGB", x, y)
        if _IS_GROUP:
            node.data_type = "RGBA"  # this disables the sockets for numbers and vectors
        inputs, outputs = ([socket for socket in each if socket.enabled] for each in (node.inputs, node.outputs))
        return node, inputs, outputs[0]

    def finish(self, picture: bpy.types.NodeSocket) -> None:
        """Puts the picture out, or into the user's nodes that took ours before."""
        for socket in self._fed:
            self.tree.links.new(picture, socket)

    def _output(self) -> bpy.types.NodeSocket:
        node = _output_node(self.tree)
        if _IS_GROUP and not any(item.in_out == "OUTPUT" for item in self.tree.interface.items_tree):
            self.tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        if node is None:
            node = self.tree.nodes.new(_OUTPUT)
            node.location = (900, 0)
        return node.inputs[0]

    def _take_out_earlier(self) -> tuple[bpy.types.NodeSocket | None, list[bpy.types.NodeSocket]]:
        """Removes our nodes. Returns what fed them, if anything, and what they fed; at first, those of the output."""
        output = self._output()
        ours = [node for node in self.tree.nodes if node.name.startswith(NODE_NAME)]
        last = [node for node in ours if not _takers(node) & set(ours)]
        fed = [link.to_socket for link in self.tree.links if link.from_node in last]
        source: bpy.types.NodeSocket | None = output
        if set(ours) & set(_behind(output)):
            over = next((node for node in ours if node.bl_idname == "CompositorNodeAlphaOver"), None)
            source = _pictures(over)[0] if over is not None else None  # the user may have deleted it
        else:
            fed.append(output)
        before = source.links[0].from_socket if source is not None and source.is_linked else None
        if before is not None and before.node in ours:
            before = None
        for node in ours:
            self.tree.nodes.remove(node)
        return before, fed or [output]  # the user may have put out another of our nodes than the last


def _tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    return scene.compositing_node_group if _IS_GROUP else scene.node_tree


def _output_node(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """The node that puts a tree's picture out, if there is one; InputError as `check_one_output`.

    Of several Composite nodes it is the one clicked last, which Blender before 5.0 tells nobody.
    """
    nodes = [node for node in tree.nodes if node.bl_idname == _OUTPUT]
    if len(nodes) < 2:
        return next(iter(nodes), None)
    chosen = [node for node in nodes if getattr(node, "is_active_output", node == tree.nodes.active)]
    if not chosen:
        fix = "click the one that is to count, or delete the others, and press this again"
        raise InputError(f"The compositor has {len(nodes)} {nodes[0].bl_label} nodes: {fix}.")
    return chosen[0]


def _pictures(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """What an Alpha Over takes: the picture below and the one above."""
    inputs = node.inputs
    return (inputs["Background"], inputs["Foreground"]) if "Background" in inputs else (inputs[1], inputs[2])


def _takers(node: bpy.types.Node) -> set[bpy.types.Node]:
    return {link.to_node for socket in node.outputs for link in socket.links}


def _behind(socket: bpy.types.NodeSocket | None) -> list[bpy.types.Node]:
    """The nodes that a socket's value comes from, the nearest first."""
    if socket is None:
        return []
    found: list[bpy.types.Node] = []
    waiting = [socket.node] if socket.is_output else [link.from_node for link in socket.links]
    for node in waiting:  # which grows
        if node not in found:
            found.append(node)
            waiting += [link.from_node for each in node.inputs for link in each.links]
    return found
