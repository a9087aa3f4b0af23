"""Keyframes in every Blender from 4.2 on: 5.0 took `action.fcurves` away."""

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
    """All curves of an item's action, or None."""
    animation = item.animation_data
    if animation is None or animation.action is None:
        return None
    if hasattr(animation.action, "fcurves"):
        return animation.action.fcurves
    from bpy_extras.anim_utils import action_get_channelbag_for_slot

    bag = action_get_channelbag_for_slot(animation.action, animation.action_slot)
    return bag.fcurves if bag is not None else None


def clear_keys(item: bpy.types.ID) -> None:
    """Removes an item's action."""
    if item.animation_data is not None:
        item.animation_data.action = None
