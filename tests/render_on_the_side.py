"""What the backend's renderer draws, for scripts inside Blender: through the backend's own process."""

from pathlib import Path

import numpy as np

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.blender_addon.backend_process import backend


def op_picture(folder: Path, portrait: Path, camera: Camera, samples: int = 1) -> np.ndarray:
    """[H, W, 5] float32: premultiplied linear RGBA and depth."""
    output = folder / "op.npy"
    params = {"portrait": str(portrait), "camera": camera.to_dict(), "samples": samples, "output": str(output)}
    backend().request("render", params, "test").wait()
    return np.load(output)
