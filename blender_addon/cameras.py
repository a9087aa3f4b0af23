"""Blender's cameras to the backend's pinhole `Camera` in portrait space, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import sqrt

import bpy
import numpy as np
from mathutils import Matrix

from ..backend.camera import Camera
from ..backend.conventions import PORTRAIT_TO_BLENDER, PROMISED_PITCH_DEG, PROMISED_YAW_DEG
from ..backend.errors import InputError
from .drawable import check_drawable
from .native_object import keep_look_evaluated, portrait_above
from .steps import Step, Steps

SENSOR_WIDTH_MM = 36.0
SHEAR = 1e-3
"""Cosine between a camera's axes from which on it is no rotation: less moves no pixel of 1000 by one."""
_TO_BLENDER = Matrix(PORTRAIT_TO_BLENDER.tolist()).to_4x4()


def render_size(scene: bpy.types.Scene) -> tuple[int, int]:
    """Width and height of the scene's renders in pixels; Blender cuts off fractions."""
    render = scene.render
    scale = render.resolution_percentage / 100.0
    return max(1, int(render.resolution_x * scale + 1e-6)), max(1, int(render.resolution_y * scale + 1e-6))


def on_render_pixels(scene: bpy.types.Scene, view_of: Callable[[int, int], Camera]) -> Camera:
    """The camera that `view_of` gives for a width and height in square pixels, on the scene's own, which may not be."""
    width, height = render_size(scene)
    aspect = scene.render.pixel_aspect_y / scene.render.pixel_aspect_x  # height of a pixel over its width
    view = view_of(width, max(1, round(height * aspect)))
    shift = (view.cy_px - 0.5 * view.height_px) / aspect
    return replace(view, fy_px=view.fy_px / aspect, cy_px=0.5 * height + shift, height_px=height)


def check_one_view(scene: bpy.types.Scene) -> None:
    """Raises InputError for scenes that are rendered for two eyes."""
    if scene.render.use_multiview:
        raise InputError("Portraits are drawn for one eye: switch Stereoscopy off in the output properties.")


def camera_from_blender(
    camera: bpy.types.Object,
    root: bpy.types.Object,
    depsgraph: bpy.types.Depsgraph,
    size: tuple[int, int] | None = None,
) -> tuple[Camera, float]:
    """What `camera` sees of the portrait at `root` in the depsgraph's frame, and the portrait's scale.

    Lens, shifts, sensor fit, pixel aspect and whatever moves either object are Blender's own: the projection is the
    one it renders with. One metre of the portrait is `scale` of Blender's units. Raises InputError for cameras that
    are not perspective or mirrored or sheared, and for portraits scaled unevenly or whose sheets were moved apart.
    """
    scene = depsgraph.scene
    if camera is None or camera.type != "CAMERA":
        raise InputError("The scene has no camera: add one, or press Match Photo Camera.")
    seen = camera.evaluated_get(depsgraph)
    if seen.data.type != "PERSP":
        raise InputError(f"{camera.name} is not perspective: portraits are drawn with perspective cameras only.")
    width, height = size or render_size(scene)
    if not root.evaluated_get(depsgraph).is_evaluated:
        raise InputError(f"{root.name} is hidden from the viewport, so that its movement is not known: show it.")
    check_drawable(root, depsgraph)
    aspects = {"scale_x": scene.render.pixel_aspect_x, "scale_y": scene.render.pixel_aspect_y}
    projection = np.array(seen.calc_matrix_camera(depsgraph, x=width, y=height, **aspects))
    _check_rigid(seen.matrix_world, camera.name)
    pose, scale = _pose_in_portrait(seen.matrix_world, root.evaluated_get(depsgraph).matrix_world, root.name)
    return _pinhole(projection, pose, (width, height)), scale


def view_from_matrices(
    view: Matrix, window: Matrix, root: bpy.types.Object, size: tuple[int, int]
) -> tuple[Camera, float]:
    """What a viewport with a view and a window (projection) matrix sees of the evaluated portrait at `root`; its scale.

    Raises InputError for an orthographic view, or through a mirrored or sheared camera.
    """
    if abs(window[3][3]) > 0.5:
        raise InputError("Portraits are drawn in perspective: press 5 on the number pad.")
    _check_rigid(view, "The viewport's camera")
    pose, scale = _pose_in_portrait(view.inverted(), root.matrix_world, root.name)
    return _pinhole(np.array(window), pose, size), scale


def _pinhole(projection: np.ndarray, pose: np.ndarray, size: tuple[int, int]) -> Camera:
    """Column vectors, clip w = -z: pixel = (ndc + 1) / 2 from the left, (1 - ndc) / 2 from the top."""
    width, height = size
    fx, fy = 0.5 * width * projection[0, 0], 0.5 * height * projection[1, 1]
    cx, cy = 0.5 * width * (1.0 - projection[0, 2]), 0.5 * height * (1.0 + projection[1, 2])
    return Camera(pose, fx, fy, cx, cy, width, height)


def set_blender_camera(camera: bpy.types.Object, view: Camera) -> None:
    """Gives a camera object, below a portrait's empty or free, the lens and the place of `view`.

    The picture's shape is the scene's matter: see `set_render_size`.
    """
    data = camera.data
    data.type, data.sensor_fit, data.sensor_width = "PERSP", "HORIZONTAL", SENSOR_WIDTH_MM
    data.lens = view.fx_px / view.width_px * SENSOR_WIDTH_MM
    data.shift_x = 0.5 - view.cx_px / view.width_px
    # Blender measures both shifts in widths of the picture, whose pixels may be taller than wide.
    data.shift_y = (view.cy_px - 0.5 * view.height_px) / view.width_px * (view.fx_px / view.fy_px)
    root, pose = portrait_above(camera), pose_to_blender(view)
    if root is not None and camera.parent != root:  # a controller stands between
        pose = camera.parent.matrix_world.inverted_safe() @ root.matrix_world @ pose
    camera.matrix_local = pose


def pose_to_blender(view: Camera) -> Matrix:
    """`camera_to_world` in Blender's axes. A camera's own axes are the same in both."""
    return _TO_BLENDER @ Matrix(view.camera_to_world.tolist())


def set_render_size(scene: bpy.types.Scene, view: Camera) -> None:
    """Gives the scene's renders the size and pixel aspect of `view`."""
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = view.width_px, view.height_px, 100
    aspect = view.fx_px / view.fy_px  # height of a pixel over its width
    render.pixel_aspect_x, render.pixel_aspect_y = (1.0, aspect) if aspect >= 1.0 else (1.0 / aspect, 1.0)


def beyond_promise(view: Camera, photo: Camera) -> bool:
    """Whether a view lies outside the yaw and pitch, from the photograph's, within which portraits hold up."""
    angles = [_yaw_pitch_deg(camera) for camera in (view, photo)]
    yaw = abs((angles[0][0] - angles[1][0] + 180.0) % 360.0 - 180.0)
    return bool(yaw > PROMISED_YAW_DEG + 1e-6 or abs(angles[0][1] - angles[1][1]) > PROMISED_PITCH_DEG + 1e-6)


def asked_frames(scene: bpy.types.Scene, first: int, last: int) -> tuple[int, int]:
    """An operator's first and last frame, of which -1 stands for the scene's; InputError for others below zero."""
    if min(first, last) < -1:
        raise InputError(f"Frames {first} to {last} are below zero: give frames from 0 on, or -1 for the scene's.")
    return scene.frame_start if first == -1 else first, scene.frame_end if last == -1 else last


def sample_animation(
    scene: bpy.types.Scene,
    root: bpy.types.Object,
    frames: range,
    also: Callable[[bpy.types.Depsgraph], object] = lambda depsgraph: None,
) -> Steps[tuple[list[Camera], float]]:
    """The scene's camera at each frame, cameras bound to markers included, and the portrait's scale.

    `also` is called at each frame, for what else is read of it. Leaves the scene at the frame it was on. Raises
    InputError as `camera_from_blender` does, and for a portrait whose scale changes.
    """
    keep_look_evaluated(root)
    before, subframe = scene.frame_current, scene.frame_subframe
    layer = bpy.context.view_layer  # the window may show another scene before all is read
    found: list[tuple[Camera, float]] = []
    with _evaluated(scene, root):
        try:
            for frame in frames:
                scene.frame_set(frame)
                found.append(camera_from_blender(scene.camera, root, layer.depsgraph))
                also(layer.depsgraph)
                if abs(found[-1][1] - found[0][1]) > 1e-4 * found[0][1]:
                    raise InputError(f"{root.name}'s scale is animated: keep it constant while rendering.")
                yield Step(len(found) / len(frames), "reading the scene")
        finally:
            scene.frame_set(before, subframe=subframe)
    return [view for view, _ in found], found[0][1]


@contextmanager
def _evaluated(scene: bpy.types.Scene, root: bpy.types.Object) -> Iterator[None]:
    """Has Blender move a portrait that is hidden from viewports too: for the sake of what is shown below it."""
    if root.evaluated_get(bpy.context.evaluated_depsgraph_get()).is_evaluated:
        yield
        return
    shown = bpy.data.objects.new(f"{root.name} shown", None)
    name, shown.parent = shown.name, root
    scene.collection.objects.link(shown)
    try:
        yield
    finally:
        if name in bpy.data.objects:  # else undo was before it
            bpy.data.objects.remove(bpy.data.objects[name])


def _check_rigid(matrix: Matrix, name: str) -> None:
    """Raises InputError for a camera whose axes are no rotation's; their lengths, which Blender ignores, may be any."""
    axes = np.array(matrix.to_3x3().normalized())
    if np.abs(axes.T @ axes - np.eye(3)).max() > SHEAR or np.linalg.det(axes) < 0.0:
        fix = "give it, and what it is parented to, even scales above zero"
        raise InputError(f"{name} is mirrored or sheared by its scale or its parents': {fix}.")


def scale_of(root: Matrix, name: str) -> float:
    """The scale of a portrait's empty in the world; raises InputError for several, negative ones, and shears."""
    place, turn, scales = root.decompose()
    largest, smallest = max(scales), min(scales)
    sheared = np.abs(np.array(root - Matrix.LocRotScale(place, turn, scales))).max() > 1e-4 * largest
    if smallest <= 0.0 or largest - smallest > 1e-4 * largest or sheared:
        raise InputError(f"{name} is scaled unevenly or mirrored: give its three scales one positive value.")
    return sqrt(largest * smallest)


def _pose_in_portrait(camera: Matrix, root: Matrix, name: str) -> tuple[np.ndarray, float]:
    scale = scale_of(root, name)
    place, turn, _ = root.decompose()
    unscaled = Matrix.LocRotScale(place, turn, None)
    rotation = (unscaled @ _TO_BLENDER).to_3x3().inverted() @ camera.to_3x3().normalized()
    pose = np.eye(4)
    pose[:3, :3] = _orthonormal(np.array(rotation))
    pose[:3, 3] = np.array((unscaled @ _TO_BLENDER).inverted() @ camera.translation) / scale
    return pose, scale


def _orthonormal(rotation: np.ndarray) -> np.ndarray:
    """The nearest rotation: Blender's matrices are single precision, and a camera's scale is ignored."""
    left, _, right = np.linalg.svd(rotation)
    return left @ right


def _yaw_pitch_deg(view: Camera) -> tuple[float, float]:
    x, y, z = view.position_m
    return float(np.degrees(np.arctan2(x, z))), float(np.degrees(np.arctan2(y, np.hypot(x, z))))
