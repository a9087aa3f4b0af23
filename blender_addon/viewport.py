"""The viewport's Rendered mode: the backend draws at the region's size beside Blender's work, shown when it arrives."""

import tempfile
from pathlib import Path
from typing import Any

import bpy
import gpu
import numpy as np
from gpu_extras.presets import draw_texture_2d

from ..backend.camera import Camera
from ..backend.errors import InputError, ProcessingError
from .backend_process import Cancelled, Job, backend
from .cameras import view_from_matrices
from .native_object import light_factor, portrait_path, portraits

TICK_S = 0.05
MAX_SIDE_PX = 1600
"""Larger regions are drawn coarser: a picture while one moves about should take a fraction of a second."""


class ViewportPicture:
    """The last picture of a viewport and the one under way; nothing here waits for the backend."""

    def __init__(self) -> None:
        self.problem = ""
        self._texture: gpu.types.GPUTexture | None = None
        self._wanted: Any = None
        self._shown: Any = None
        self._job: Job | None = None
        self._asked: Any = None
        self._factor = np.ones(3, np.float32)
        self._folder = tempfile.TemporaryDirectory(prefix="portrait_manifolds_")

    def draw(self, context: bpy.types.Context, depsgraph: bpy.types.Depsgraph) -> bool:
        """Shows what there is, asks for what there should be; whether it must be called again for news."""
        region, view = context.region, context.region_data
        try:
            self._wanted = self._request(depsgraph, view, (region.width, region.height))
            self._take()
            if self._job is None and self._wanted != self._shown and self._wanted is not None:
                self._ask()
            self.problem = ""
        except (InputError, ProcessingError, Cancelled) as error:
            self._job, self.problem = None, str(error)
            self._shown = self._wanted  # not again for the same view
        if self._texture is not None:
            gpu.state.blend_set("ALPHA_PREMULT")
            draw_texture_2d(self._texture, (0, 0), region.width, region.height)
            gpu.state.blend_set("NONE")
        return self._job is not None

    def _request(self, depsgraph: bpy.types.Depsgraph, view: bpy.types.RegionView3D, size: tuple[int, int]) -> Any:
        """Portrait, camera and light, in plain values that can be compared; None without a portrait."""
        root = next((item for item in portraits(depsgraph.scene) if not item.hide_get()), None)
        if root is None:
            return None
        scale = min(1.0, MAX_SIDE_PX / max(size))
        size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        seen: Camera = view_from_matrices(view.view_matrix, view.window_matrix, root.evaluated_get(depsgraph), size)
        return str(portrait_path(root)), seen.to_dict(), tuple(light_factor(root).tolist())

    def _ask(self) -> None:
        portrait, view, _ = self._asked = self._wanted
        output = str(Path(self._folder.name) / "view.npy")
        params = {"portrait": portrait, "camera": view, "output": output, "samples": 1}
        self._job = backend().request("render", params, "View")

    def _take(self) -> None:
        if self._job is None or not self._job.poll():
            return
        job, self._job = self._job, None
        picture = np.load(job.result()["output"])[::-1, :, :4].astype(np.float32)
        picture[..., :3] *= np.array(self._asked[2], np.float32)
        height, width = picture.shape[:2]
        pixels = gpu.types.Buffer("FLOAT", picture.size, np.ascontiguousarray(picture).ravel())
        self._texture = gpu.types.GPUTexture((width, height), format="RGBA16F", data=pixels)
        self._shown = self._asked


def redraw_viewports() -> None:
    """A timer's work, once: drawing looks whether the picture has come."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
