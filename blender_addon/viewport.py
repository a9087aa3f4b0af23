"""The viewport's Rendered mode: the backend draws at the region's size beside Blender's work, shown when it arrives."""

import bpy
import gpu
from gpu_extras.presets import draw_texture_2d

from ..backend.camera import Camera
from ..backend.errors import InputError
from .cameras import view_from_matrices
from .drawable import check_drawable
from .live_picture import LivePicture, Wanted
from .native_object import portraits
from .pictures import Picture, layers

TICK_S = 0.05
MAX_SIDE_PX = 1600
"""Larger regions are drawn coarser: a picture while one moves about should take a fraction of a second."""


class ViewportPicture:
    """The last picture of a viewport, on the graphics card."""

    def __init__(self) -> None:
        self.problem = ""
        self._live = LivePicture()
        self._uploaded: Picture | None = None
        self._texture: gpu.types.GPUTexture | None = None

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> bool:
        """Shows what there is, asks for what there should be; whether it must be called again for news."""
        region_size = (context.region.width, context.region.height)
        drawn_scale = _scale(region_size)
        try:
            wanted = viewport_request(depsgraph, context.region_data, region_size, context.space_data)
            waiting = self._live.follow(wanted)
            self.problem = self._live.problem
        except InputError as error:
            waiting, self.problem = False, str(error)
        if self._live.picture is not self._uploaded:
            self._upload(self._live.picture)
        if self._uploaded is not None and self._texture is not None:
            place = (self._uploaded.left_px / drawn_scale, self._uploaded.bottom_px / drawn_scale)
            gpu.state.blend_set("ALPHA_PREMULT")
            size = (self._texture.width / drawn_scale, self._texture.height / drawn_scale)
            draw_texture_2d(self._texture, place, *size)
            gpu.state.blend_set("NONE")
        return waiting

    def _upload(self, picture: Picture | None) -> None:
        self._uploaded, self._texture = picture, None
        if picture is not None:
            height, width = picture.depth.shape
            buffer = gpu.types.Buffer("FLOAT", picture.rgba.size, picture.rgba.ravel())
            self._texture = gpu.types.GPUTexture((width, height), format="RGBA16F", data=buffer)


def viewport_request(
    depsgraph: bpy.types.Depsgraph,
    view: bpy.types.RegionView3D,
    region_size: tuple[int, int],
    space: bpy.types.SpaceView3D | None = None,
) -> Wanted:
    """What a region of a size in pixels should show through `view`; a `space` may be in local view.

    Raises InputError for views that are not drawn.
    """
    scale = _scale(region_size)
    size = (max(1, round(region_size[0] * scale)), max(1, round(region_size[1] * scale)))
    scene = depsgraph.scene
    visible = [root for root in portraits(scene) if root.visible_get(view_layer=depsgraph.view_layer, viewport=space)]

    def seen(root: bpy.types.Object) -> tuple[Camera, float]:
        check_drawable(root, depsgraph)
        return view_from_matrices(view.view_matrix, view.window_matrix, root.evaluated_get(depsgraph), size)

    return layers(visible, depsgraph, seen), size


def _scale(region_size: tuple[int, int]) -> float:
    """Pixels of the picture along one of the region's."""
    return min(1.0, MAX_SIDE_PX / max(region_size))


def redraw_viewports() -> None:
    """A timer's work, once: drawing looks whether the picture has come."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
