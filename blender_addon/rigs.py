"""Camera rigs: a pivot under the portrait's empty, a camera under the pivot, and ordinary keyframes on both.

A rig starts from the photograph's camera. Its parameters are properties of the pivot; changing one writes the
keyframes anew, and whatever the user does to keyframes stays until then. The pivot carries the turning (Z: yaw, X:
pitch), the camera's own Z the distance to the pivot, which is where a dolly zoom keeps its size.
"""

import json
from collections.abc import Callable
from math import atan2, radians

import bpy
from mathutils import Vector

from ..backend.camera import Camera, focal_px
from ..backend.errors import InputError
from ..backend.frames.camera_paths import NEAREST_M
from .cameras import SENSOR_WIDTH_MM, pose_to_blender, set_blender_camera
from .keyframes import Key, clear_keys, set_keys

RIG_TYPES = (
    ("ORBIT", "Orbit", "An ellipse around the photograph's view: right, up, left, back"),
    ("SWING", "Swing", "From side to side"),
    ("PUSH_IN", "Push-in", "Towards the face"),
    ("DOLLY_ZOOM", "Dolly Zoom", "Distance and lens change together; the face keeps its size"),
    ("HANDHELD", "Handheld", "The small movements of a camera held by hand"),
)
EASES = (
    ("SINE", "Gentle", "Starts and ends slowly"),
    ("CUBIC", "Strong", "Starts and ends very slowly"),
    ("LINEAR", "None", "As fast at the ends as in the middle"),
)


def rebuild(pivot: bpy.types.Object) -> None:
    """Writes the rig's keyframes and drivers from its parameters; InputError where they do not work out."""
    rig = pivot.portrait_rig
    check_frames(rig.frame_start, rig.frame_end)
    camera = rig_camera(pivot)
    if camera.data.users - camera.data.use_fake_user > 1:  # a linked duplicate has its lens from the same data
        camera.data = camera.data.copy()
    view = Camera.from_dict(json.loads(rig.base_camera))
    azimuth = atan2(view.position_m[0], view.position_m[2])
    clear_keys(pivot)
    clear_keys(camera)
    camera.data.driver_remove("lens")
    pivot.location = _pivot_place(view, rig)
    pivot.rotation_mode = "XYZ"  # the matrix is Rz Ry Rx: pitch first, then yaw
    pivot.rotation_euler = (0.0, 0.0, azimuth) if rig.type != "DOLLY_ZOOM" else pose_to_blender(view).to_euler("XYZ")
    set_blender_camera(camera, view)
    camera.matrix_local = pivot.matrix_basis.inverted() @ pose_to_blender(view)
    camera.rotation_mode = "XYZ"
    _BUILDERS[rig.type](pivot, camera)


def rig_camera(pivot: bpy.types.Object) -> bpy.types.Object:
    """The rig's own camera under a pivot; InputError if it was taken away."""
    cameras = [child for child in pivot.children if child.type == "CAMERA"]
    if not cameras:
        raise InputError(f"{pivot.name} has lost its camera: delete the rig and add it again.")
    # Rigs of before had no role: theirs is the first.
    return next((camera for camera in cameras if camera.portrait_manifolds.role == "RIG_CAMERA"), cameras[0])


def check_frames(start: int, end: int) -> None:
    """Raises InputError for a rig that would end before it has begun."""
    if end <= start:
        raise InputError(f"A rig cannot run from frame {start} to {end}: give a later end.")


def _orbit(pivot: bpy.types.Object, camera: bpy.types.Object) -> None:
    _swing(pivot, camera)
    rig = pivot.portrait_rig
    start, half, _ = _phases(rig, 2)
    keys = []
    for cycle in range(rig.cycles):
        at = cycle * (rig.frame_end + 1 - rig.frame_start) / rig.cycles
        keys += [(start + at, 0.0, "SINE", "EASE_IN_OUT"), (half + at, -radians(rig.pitch_deg), "SINE", "EASE_IN_OUT")]
    set_keys(pivot, "rotation_euler", 0, [*keys, (rig.frame_end + 1, 0.0, "SINE", "EASE_IN_OUT")])


def _swing(pivot: bpy.types.Object, camera: bpy.types.Object) -> None:
    """A sine exactly: its quarters are Blender's SINE easing. The loop ends one frame before it starts again."""
    rig = pivot.portrait_rig
    rest, reach = pivot.rotation_euler[2], radians(rig.yaw_deg)
    keys: list[Key] = []
    for cycle in range(rig.cycles):
        at = cycle * (rig.frame_end + 1 - rig.frame_start) / rig.cycles
        for frame, side, easing in zip(
            _phases(rig, 4), (0, 1, 0, -1), ("EASE_OUT", "EASE_IN", "EASE_OUT", "EASE_IN"), strict=False
        ):
            keys.append((frame + at, rest + side * reach, "SINE", easing))
    set_keys(pivot, "rotation_euler", 2, [*keys, (rig.frame_end + 1, rest, "SINE", "EASE_OUT")])


def _push_in(pivot: bpy.types.Object, camera: bpy.types.Object) -> None:
    """Straight towards the pivot."""
    rig = pivot.portrait_rig
    near = camera.location.normalized() * max(camera.location.length * rig.push, NEAREST_M)
    for axis in range(3):
        keys = [
            (rig.frame_start, camera.location[axis], rig.ease, "EASE_IN_OUT"),
            (rig.frame_end, near[axis], rig.ease, "EASE_IN_OUT"),
        ]
        set_keys(camera, "location", axis, keys)


def _dolly_zoom(pivot: bpy.types.Object, camera: bpy.types.Object) -> None:
    """Keys on the distance; a driver keeps lens / distance constant, so whatever the keys do, the size holds."""
    rig = pivot.portrait_rig
    view = Camera.from_dict(json.loads(rig.base_camera))
    distance, lens = camera.location.z, camera.data.lens
    if distance <= 0.0:
        raise InputError("The locked depth is behind the camera: make the subject's depth smaller.")
    keys = []
    for frame, fov_deg in ((rig.frame_start, rig.fov_start_deg), (rig.frame_end, rig.fov_end_deg)):
        wanted = _lens_mm(view, fov_deg)
        if distance * wanted / lens < NEAREST_M:
            raise InputError(f"A lens of {fov_deg:.0f} degrees puts the camera inside the head: use a narrower one.")
        keys.append((frame, distance * wanted / lens, rig.ease, "EASE_IN_OUT"))
    set_keys(camera, "location", 2, keys)
    driver = camera.data.driver_add("lens").driver
    driver.type = "SCRIPTED"
    variable = driver.variables.new()
    variable.name, variable.type = "distance", "SINGLE_PROP"
    variable.targets[0].id, variable.targets[0].data_path = camera, "location[2]"
    driver.expression = f"{lens / distance!r} * distance"  # simple: runs without Auto Run Python Scripts


def _handheld(pivot: bpy.types.Object, camera: bpy.types.Object) -> None:
    """A key at rest, and noise on top as F-curve modifiers: turning of the camera, sway of the pivot."""
    rig = pivot.portrait_rig
    sway, turn = 0.02 * rig.strength, radians(0.35) * rig.strength
    for axis in range(3):
        for item, path, strength, seed in (
            (pivot, "rotation_euler", sway, axis),
            (camera, "rotation_euler", turn, axis + 3),
        ):
            curve = set_keys(item, path, axis, [(rig.frame_start, getattr(item, path)[axis], "CONSTANT", "AUTO")])
            for octave, share in ((1.0, 0.75), (0.3, 0.25)):
                noise = curve.modifiers.new("NOISE")
                noise.scale = rig.period_frames * octave
                noise.strength, noise.phase = 2.0 * strength * share, 1.0 + 31.7 * seed + 7.3 * rig.seed
                noise.use_restricted_range = True
                noise.frame_start, noise.frame_end = rig.frame_start, rig.frame_end


_BUILDERS: dict[str, Callable[[bpy.types.Object, bpy.types.Object], None]] = {
    "ORBIT": _orbit,
    "SWING": _swing,
    "PUSH_IN": _push_in,
    "DOLLY_ZOOM": _dolly_zoom,
    "HANDHELD": _handheld,
}


def _phases(rig: bpy.types.PropertyGroup, parts: int) -> list[float]:
    """Frames at which a loop's parts begin, and the one at which it would begin again."""
    length = (rig.frame_end + 1 - rig.frame_start) / rig.cycles
    return [rig.frame_start + length * part / parts for part in range(parts + 1)]


def _pivot_place(view: Camera, rig: bpy.types.PropertyGroup) -> Vector:
    """The head's origin; for a dolly zoom moved along the optical axis to the locked depth, towards the camera."""
    if rig.type != "DOLLY_ZOOM":
        return Vector((0.0, 0.0, 0.0))
    pose = pose_to_blender(view)
    return pose.to_3x3() @ Vector((0.0, 0.0, rig.subject_depth_m))


def _lens_mm(view: Camera, fov_deg: float) -> float:
    """Focal length of a lens with a vertical field of view on the photograph's shape."""
    return focal_px(fov_deg, view.height_px) * (view.fx_px / view.fy_px) / view.width_px * SENSOR_WIDTH_MM
