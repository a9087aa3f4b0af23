"""The look of a portrait: an unlit node group with the artist's controls, and the material that feeds it."""

import bpy

from .naming import GROUP_NAME

_MIN_SOFTNESS = 1e-4
_CONTROLS = {"Exposure", "Tint", "Opacity", "Edge Softness"}


def portrait_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A material of the atlas `image` that every engine draws as the backend does."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # since then materials always have nodes
        material.use_nodes = True
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = True
    material.use_backface_culling = True
    # Hundreds of thousands of unlit triangles are no lamps: sampling them as such would only cost time.
    if hasattr(material, "cycles"):
        material.cycles.emission_sampling = "NONE"
    tree = material.node_tree
    tree.nodes.clear()
    texture = _node(tree, "ShaderNodeTexImage", -300, image=image, interpolation="Linear", extension="EXTEND")
    group = _node(tree, "ShaderNodeGroup", 0, node_tree=portrait_node_group(), label=GROUP_NAME, name=GROUP_NAME)
    output = _node(tree, "ShaderNodeOutputMaterial", 250)
    tree.links.new(texture.outputs["Color"], group.inputs["Color"])
    tree.links.new(texture.outputs["Alpha"], group.inputs["Alpha"])
    tree.links.new(group.outputs["Shader"], output.inputs["Surface"])
    return material


def look_group(material: bpy.types.Material | None) -> bpy.types.Node | None:
    """The node group of a portrait's material, renamed or copied or not; None where it was removed or replaced."""
    if material is None or material.node_tree is None:
        return None
    shown = shown_by(material)
    takes = set(shown.inputs.keys()) if shown and shown.bl_idname == "ShaderNodeGroup" else set()
    return shown if takes >= _CONTROLS else material.node_tree.nodes.get(GROUP_NAME)


def look_inputs(material: bpy.types.Material | None) -> list[bpy.types.NodeSocket]:
    """The artist's controls of a portrait's material, whether nodes feed them or not."""
    group = look_group(material)
    return [socket for socket in group.inputs if not socket.hide_value] if group else []


def look_sockets(material: bpy.types.Material | None) -> list[bpy.types.NodeSocket]:
    """Those that no node feeds."""
    return [socket for socket in look_inputs(material) if source_of(socket) is None]


def source_of(socket: bpy.types.NodeSocket) -> bpy.types.NodeSocket | None:
    """What feeds an input, reroutes passed over; None where nothing does."""
    link = next((link for link in socket.links if link.is_valid and not link.is_muted), None)
    if link is None or link.from_node.bl_idname != "NodeReroute":
        return link.from_socket if link else None
    return source_of(link.from_node.inputs[0])


def shown_by(material: bpy.types.Material) -> bpy.types.Node | None:
    """The node whose shader is a material's surface, not those before it; None where there is none."""
    output = material.node_tree.get_output_node("ALL")
    source = source_of(output.inputs["Surface"]) if output else None
    return source.node if source else None


def atlas_nodes(material: bpy.types.Material | None) -> list[bpy.types.Node]:
    """The node of the sheets' textures in a portrait's material; empty where its nodes were replaced."""
    group = look_group(material)
    nodes = [link.from_node for link in group.inputs["Alpha"].links] if group else []
    return [node for node in nodes if node.bl_idname == "ShaderNodeTexImage"]


def portrait_node_group() -> bpy.types.NodeTree:
    """The group "Portrait Manifolds", made once a file."""
    existing = bpy.data.node_groups.get(GROUP_NAME)
    if existing is not None and existing.library is None and existing.bl_idname == "ShaderNodeTree":
        return existing
    tree = bpy.data.node_groups.new(GROUP_NAME, "ShaderNodeTree")
    _interface(tree)
    given = _node(tree, "NodeGroupInput", -900)
    result = _node(tree, "NodeGroupOutput", 700)
    link = tree.links.new

    # Light: colour x tint x 2^exposure, emitted.
    tinted = _node(tree, "ShaderNodeVectorMath", -300, 200, operation="MULTIPLY")
    strength = _math(tree, "POWER", -300, 0, first=2.0)
    emission = _node(tree, "ShaderNodeEmission", 300, 100)
    link(given.outputs["Color"], tinted.inputs[0])
    link(given.outputs["Tint"], tinted.inputs[1])
    link(given.outputs["Exposure"], strength.inputs[1])
    link(tinted.outputs["Vector"], emission.inputs["Color"])
    link(strength.outputs[0], emission.inputs["Strength"])

    # Cover: alpha x opacity, faded where a sheet is seen edge-on.
    cover = _math(tree, "MULTIPLY", -300, -200)
    link(given.outputs["Alpha"], cover.inputs[0])
    link(given.outputs["Opacity"], cover.inputs[1])
    facing = _node(tree, "ShaderNodeLayerWeight", -600, -400)  # Facing is 1 - |cos| at a blend of one half
    facing.inputs["Blend"].default_value = 0.5
    cosine = _math(tree, "SUBTRACT", -400, -400, first=1.0)
    width = _math(tree, "MAXIMUM", -400, -600, second=_MIN_SOFTNESS)
    fade = _node(tree, "ShaderNodeMapRange", -150, -400, interpolation_type="SMOOTHSTEP", clamp=True)
    link(facing.outputs["Facing"], cosine.inputs[1])
    link(given.outputs["Edge Softness"], width.inputs[0])
    link(cosine.outputs[0], fade.inputs["Value"])
    link(width.outputs[0], fade.inputs["From Max"])
    soft = _math(tree, "MULTIPLY", 50, -200)
    link(cover.outputs[0], soft.inputs[0])
    link(fade.outputs["Result"], soft.inputs[1])

    # Backs are hidden by a node because Cycles culls none: from the front, the far inside of the hair would show.
    geometry = _node(tree, "ShaderNodeNewGeometry", 50, -400)
    front = _math(tree, "SUBTRACT", 250, -400, first=1.0)
    alpha = _math(tree, "MULTIPLY", 300, -200)
    link(geometry.outputs["Backfacing"], front.inputs[1])
    link(soft.outputs[0], alpha.inputs[0])
    link(front.outputs[0], alpha.inputs[1])

    clear = _node(tree, "ShaderNodeBsdfTransparent", 300, 0)
    mix = _node(tree, "ShaderNodeMixShader", 500)
    link(alpha.outputs[0], mix.inputs["Fac" if "Fac" in mix.inputs else 0])
    link(clear.outputs[0], mix.inputs[1])
    link(emission.outputs[0], mix.inputs[2])
    link(mix.outputs[0], result.inputs["Shader"])
    return tree


def _interface(tree: bpy.types.NodeTree) -> None:
    def socket(name: str, kind: str, description: str, default: object, **limits: float) -> bpy.types.NodeTreeInterface:
        item = tree.interface.new_socket(name, in_out="INPUT", socket_type=kind)
        item.description, item.default_value = description, default
        for limit, value in limits.items():
            setattr(item, limit, value)
        return item

    white = (1.0, 1.0, 1.0, 1.0)
    socket("Color", "NodeSocketColor", "The sheets' colour", white).hide_value = True
    socket("Alpha", "NodeSocketFloat", "The sheets' opacity", 1.0).hide_value = True
    socket("Exposure", "NodeSocketFloat", "Brightness in stops", 0.0, min_value=-10.0, max_value=10.0)
    socket("Tint", "NodeSocketColor", "Multiplies the colour; white keeps it", white)
    socket("Opacity", "NodeSocketFloat", "Thins every sheet; 1 keeps it", 1.0, min_value=0.0, max_value=1.0)
    soft = "Softens outlines: fades the sheets where they are seen edge-on; 0 keeps them"
    socket("Edge Softness", "NodeSocketFloat", soft, 0.0, min_value=0.0, max_value=1.0)
    tree.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")


def _node(tree: bpy.types.NodeTree, kind: str, x: float, y: float = 0.0, **settings: object) -> bpy.types.Node:
    node = tree.nodes.new(kind)
    node.location = (x, y)
    for name, value in settings.items():
        setattr(node, name, value)
    return node


def _math(tree: bpy.types.NodeTree, operation: str, x: float, y: float, **values: float) -> bpy.types.Node:
    """A math node; `first` and `second` set its inputs."""
    node = _node(tree, "ShaderNodeMath", x, y, operation=operation)
    for index, name in enumerate(("first", "second")):
        if name in values:
            node.inputs[index].default_value = values[name]
    return node
