"""Shadows that fall on the portrait: a view layer in which the stand-in catches what other objects cast on it.

Cycles' Shadow Catcher pass is the light with the scene's objects over the light without: one number a channel to
multiply the portrait by. The stand-in that casts shadows is left out of that layer, else it would shade its own twin.
"""

import bpy

from .native_object import part_of

LAYER_NAME = "Portrait shadows"


def add_shadow_catcher(scene: bpy.types.Scene, root: bpy.types.Object, stand_in: bpy.types.Object) -> None:
    """The stand-in's twin, seen only by the layer of shadows; found again where it is there."""
    catcher = part_of(root, "SHADOW_CATCHER")
    if catcher is None:
        catcher = bpy.data.objects.new(f"{root.name} shadow catcher", stand_in.data.copy())
        catcher.data.shade_smooth()  # else shadows would end along the edges of faces that turn from the light
        catcher.portrait_manifolds.role = "SHADOW_CATCHER"
        catcher.parent = root
        catcher.is_shadow_catcher = True
        catcher.display_type = "BOUNDS"
    casting, catching = _in_collection(scene, stand_in), _in_collection(scene, catcher)
    layer = shadow_layer(scene)
    for each in scene.view_layers:
        shown, left_out = (catching, casting) if each == layer else (casting, catching)
        each.layer_collection.children[shown.name].exclude = False
        each.layer_collection.children[left_out.name].exclude = True


def shadow_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """The view layer of shadows on portraits, made at first use."""
    layer = scene.view_layers.get(LAYER_NAME) or scene.view_layers.new(LAYER_NAME)
    layer.cycles.use_pass_shadow_catcher = True
    return layer


def catches_shadows(scene: bpy.types.Scene) -> bool:
    """Only Cycles has the pass."""
    return scene.render.engine == "CYCLES"


def _in_collection(scene: bpy.types.Scene, item: bpy.types.Object) -> bpy.types.Collection:
    """The object's own collection, directly under the scene's, because layers leave out whole collections.

    Copies of the object share it, and so do other scenes with the portrait, in which all else stays as it is.
    """
    collection = next(filter(_is_for_one_part, item.users_collection), None) or bpy.data.collections.new(item.name)
    if collection not in set(scene.collection.children):
        scene.collection.children.link(collection)
    for each in (scene.collection, *scene.collection.children_recursive):
        if each != collection and item in set(each.objects):
            each.objects.unlink(item)
    if item not in set(collection.objects):
        collection.objects.link(item)
    return collection


def _is_for_one_part(collection: bpy.types.Collection) -> bool:
    """Whether a collection is directly under a scene's and holds nothing but stand-ins, or catchers of shadows."""
    roles = {item.portrait_manifolds.role for item in collection.objects}
    return roles in ({"STAND_IN"}, {"SHADOW_CATCHER"}) and any(
        collection in set(scene.collection.children) for scene in bpy.data.scenes
    )
