"""Keyframes in every Blender from 4.2 on: 4.4 gave actions slots, 5.0 took `action.fcurves` away."""

from collections.abc import Sequence

import bpy

Key = tuple[float, float, str, str]
"""Frame, value, interpolation and easing of the stretch that starts there."""


def set_keys(item: bpy.types.ID, path: str, index: int, keys: Sequence[Key]) -> bpy.types.FCurve:
    """Replaces all keys of one animated number by `keys`; its modifiers stay."""
    curve = fcurve(item, path, index)
    if curve is None:
        item.keyframe_insert(path, index=index, frame=keys[0][0])
        curve = fcurve(item, path, index)
        assert curve is not None
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(keys))
    for point, (frame, value, interpolation, easing) in zip(curve.keyframe_points, keys, strict=True):
        point.co = (frame, value)
        point.interpolation, point.easing = interpolation, easing
        point.handle_left_type = point.handle_right_type = "AUTO_CLAMPED"
    curve.update()
    return curve


def fcurve(item: bpy.types.ID, path: str, index: int) -> bpy.types.FCurve | None:
    """The curve of one animated number, or None."""
    curves = fcurves(item)
    return curves.find(path, index=index) if curves is not None else None


def fcurves(item: bpy.types.ID) -> "bpy.types.bpy_prop_collection | None":
    """All curves of an item's action, of its own slot where actions have slots, or None."""
    animation = item.animation_data
    if animation is None or animation.action is None:
        return None
    if not hasattr(animation, "action_slot"):
        return animation.action.fcurves
    slot = animation.action_slot
    strips = (strip for layer in animation.action.layers for strip in layer.strips)
    bags = (strip.channelbag(slot) for strip in strips if slot is not None)
    return next((bag.fcurves for bag in bags if bag is not None), None)


def clear_keys(item: bpy.types.ID) -> None:
    """Removes an item's keys; those of others in the same action stay, linked duplicates of the item included."""
    animation = item.animation_data
    if animation is None:
        return
    if not hasattr(animation, "action_slot"):
        animation.action = None  # without slots the whole action may be another's as well
        return
    if animation.action_slot is not None and len(animation.action_slot.users()) > 1:
        animation.action = animation.action.copy()
    # An action that is only unassigned would be found again by the next key, with its old keys.
    curves = fcurves(item)
    if curves is not None:
        curves.clear()
