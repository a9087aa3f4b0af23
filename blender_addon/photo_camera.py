"""Match Photo Camera: a camera with the photograph's framing and lens, and the photograph behind the picture."""

import json

import bpy
import numpy as np

from ..backend.camera import Camera, look_at
from ..backend.errors import InputError
from .cameras import set_blender_camera, set_render_size
from .job_operator import checked
from .native_object import active_portrait, collection_for_new, part_of, place_found
from .steps import removed_on_failure
from .upright_photo import is_turned_copy, upright_image

SHAPE_TOLERANCE = 0.02
"""By how much a picture's width over its height may differ from the photograph's: it may have been scaled."""


class PORTRAIT_MANIFOLDS_OT_match_photo_camera(bpy.types.Operator):
    """Look through the camera that took the photograph: same place, lens and framing, and its size for renders"""

    bl_idname = "portrait_manifolds.match_photo_camera"
    bl_label = "Match Photo Camera"
    bl_options = {"REGISTER", "UNDO"}

    set_resolution: bpy.props.BoolProperty(
        name="Set Render Size", description="Give the scene's renders the photograph's size", default=True
    )

    @checked
    def execute(self, context: bpy.types.Context) -> set[str]:
        root = active_portrait(context)
        view = photo_view(root)
        camera = part_of(root, "PHOTO_CAMERA") or add_camera(f"{root.name} photo camera", root, context)
        camera.portrait_manifolds.role = "PHOTO_CAMERA"
        set_blender_camera(camera, view)
        if self.set_resolution:
            set_render_size(context.scene, view)
        try:
            _show_photo(camera, root, view)
        except InputError as error:  # the camera is of use without
            fix = "choose a PNG of it under Background Images in the camera's properties"
            self.report({"WARNING"}, f"{error}, so it is not behind the picture: {fix}.")
        context.scene.camera = camera
        return {"FINISHED"}


def photo_view(root: bpy.types.Object) -> Camera:
    """The photograph's camera in portrait space, on the photograph's pixels."""
    return Camera.from_dict(json.loads(root.portrait_manifolds.input_camera or "null"))


def head_view(root: bpy.types.Object, width_px: int, height_px: int) -> Camera:
    """From where the photograph was taken, aimed at the head: upright, hair and shoulders in the smaller side.

    The whole photograph instead for portraits that do not know where their head is.
    """
    photo, crop = photo_view(root), root.portrait_manifolds.head_crop
    if not crop:
        return photo.resized(width_px, height_px)
    crop_to_photo = np.array(json.loads(crop))
    centre_m = photo.unproject(crop_to_photo[:, 2], photo.project(np.zeros(3))[1])
    lens = photo.cropped(crop_to_photo, width_px, height_px)
    return look_at(list(photo.position_m), list(centre_m), fov_deg=lens.fov_deg, width_px=width_px, height_px=height_px)


def add_camera(name: str, parent: bpy.types.Object, context: bpy.types.Context) -> bpy.types.Object:
    """A camera under `parent`, with clipping that suits heads."""
    with removed_on_failure() as made:
        data = bpy.data.cameras.new(name)
        made.append(data)
        data.clip_start = 0.01
        camera = bpy.data.objects.new(name, data)
        made.append(camera)
        camera.parent = parent
        collection_for_new(context).objects.link(camera)
    return camera


def _show_photo(camera: bpy.types.Object, root: bpy.types.Object, view: Camera) -> None:
    """The photograph as the camera's background, where its file is still there.

    Raises InputError, without an end, where it cannot be shown as the camera saw it.
    """
    _hide_photo(camera)
    path, data = place_found(root, "photo"), camera.data
    if path is None:
        return
    image = upright_image(path)
    width, height = image.size
    if abs(width / height * view.height_px / view.width_px - 1.0) > SHAPE_TOLERANCE:
        _remove_unused(image)
        raise InputError(f"{path.name} has another shape than the photograph of {root.name}")
    there = (background for background in data.background_images if background.image == image)
    background = next(there, None) or data.background_images.new()
    background.image = camera.portrait_manifolds.shown_photo = image
    background.alpha, background.display_depth, background.frame_method = 0.5, "BACK", "STRETCH"
    data.show_background_images = True


def _hide_photo(camera: bpy.types.Object) -> None:
    """Takes away the photograph shown before, and none of the backgrounds that are the artist's."""
    shown, camera.portrait_manifolds.shown_photo = camera.portrait_manifolds.shown_photo, None
    for background in list(camera.data.background_images):
        image = background.image
        if image is not None and (image == shown or is_turned_copy(image)):
            camera.data.background_images.remove(background)
            if is_turned_copy(image):
                _remove_unused(image)


def _remove_unused(image: bpy.types.Image) -> None:
    """Removes an image that nothing shows; `users` counts what has ceased to."""
    if not bpy.data.user_map(subset={image}).get(image):
        bpy.data.images.remove(image)
