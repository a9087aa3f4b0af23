"""What the backend's renderer draws, for scripts inside Blender: through the backend's own process."""

from pathlib import Path

import numpy as np

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.blender_addon.backend_process import backend
from portrait_manifolds.blender_addon.pictures import picture_request, read_picture


def op_picture(folder: Path, portrait: Path, camera: Camera, samples: int = 1) -> np.ndarray:
    """[H, W, 5] float32: premultiplied linear RGBA and depth, first row at the top."""
    layer = {"portrait": str(portrait), "camera": camera.to_dict()}
    answer = backend().request("render", picture_request([layer], samples, folder / "op.npy"), "test").wait()
    part = read_picture(answer)
    picture = np.zeros((camera.height_px, camera.width_px, 5), np.float32)
    picture[..., 4] = np.inf
    rows, columns = part.depth.shape
    window = slice(part.bottom_px, part.bottom_px + rows), slice(part.left_px, part.left_px + columns)
    picture[window] = np.dstack([part.rgba, part.depth])
    return picture[::-1]
