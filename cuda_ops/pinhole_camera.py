"""What the ops ask of a camera; the backend's Camera is one."""

from typing import Protocol

import numpy as np


class PinholeCamera(Protocol):
    """A camera that looks along its -z axis, x right and y up; the first pixel's centre is (0.5, 0.5)."""

    @property
    def camera_to_world(self) -> np.ndarray:
        """[4, 4], metres."""

    @property
    def position_m(self) -> np.ndarray:
        """[3], the last column of `camera_to_world`."""

    @property
    def fx_px(self) -> float: ...

    @property
    def fy_px(self) -> float: ...

    @property
    def cx_px(self) -> float: ...

    @property
    def cy_px(self) -> float: ...

    @property
    def width_px(self) -> int: ...

    @property
    def height_px(self) -> int: ...

    def rays(self) -> tuple[np.ndarray, np.ndarray]:
        """The position [3], and directions [H, W, 3] through the pixels' centres whose depth is one metre."""
