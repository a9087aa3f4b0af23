"""Camera paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.frames.camera_paths import PATHS, dolly_zoom, orbit, path_cameras, swing

fields_of_view = st.floats(3.0, 60.0)


@given(fields_of_view, fields_of_view, st.integers(1, 40), st.floats(-0.05, 0.05), st.floats(-40, 40))
def test_a_dolly_zoom_keeps_the_subjects_size_and_place(
    start: float, end: float, frames: int, aside_m: float, yaw: float
) -> None:
    camera = look_at((0, 0, 1.2), (aside_m, 0.5 * aside_m, 0), fov_deg=15, width_px=1920, height_px=1080).orbited(yaw)
    right, up = camera.camera_to_world[:3, 0], camera.camera_to_world[:3, 1]
    probes = np.array([np.zeros(3), 0.1 * right, -0.1 * up])  # at the head's centre, 20 cm across
    expected, _ = camera.project(probes)
    for one in dolly_zoom(camera, frames, start, end):
        pixels, _ = one.project(probes)
        assert np.abs(pixels - expected).max() < 0.5  # the promise; in fact rounding only:
        assert np.abs(pixels - expected).max() < 1e-6


def test_a_dolly_zoom_goes_from_lens_to_lens() -> None:
    camera = look_at((0, 0, 1.2), fov_deg=15)
    cameras = dolly_zoom(camera, 9, 15, 45)
    assert [cameras[0].fov_deg, cameras[-1].fov_deg] == pytest.approx([15, 45])
    distances = [np.linalg.norm(one.position_m) for one in cameras]
    assert distances[0] == pytest.approx(1.2)
    assert all(np.diff(distances) < 0)


def test_loops_return_to_their_start_and_stay_within_the_promised_views() -> None:
    camera = look_at((0, 0, 1.2))
    for path in (orbit, swing):
        cameras = path(camera, 24)
        assert cameras[0].position_m == pytest.approx(camera.position_m)
        x, y, z = np.array([one.position_m for one in cameras]).T
        assert np.degrees(np.abs(np.arctan2(x, z))).max() <= 45
        assert np.degrees(np.abs(np.arcsin(y / 1.2))).max() <= 25
        assert len({tuple(one.position_m.round(6)) for one in cameras}) > 10


def test_bad_paths_are_refused_with_their_fix() -> None:
    camera = look_at((0, 0, 1.2))
    for frames in (0, -1, 10**9):
        for path in PATHS.values():
            with pytest.raises(InputError, match="frames"):
                path(camera, frames)
    with pytest.raises(InputError, match="inside the head"):
        dolly_zoom(camera, 10, 15, 140)
    for fov_start_deg, fov_end_deg in ((15.0, 140.0), (140.0, 15.0)):
        with pytest.raises(InputError, match=r"of 140\.0 degrees .*: give at most 80 degrees"):
            dolly_zoom(camera, 10, fov_start_deg, fov_end_deg)
    dolly_zoom(camera, 10, 15.0, 80.0)
    with pytest.raises(InputError, match="looks away"):
        dolly_zoom(look_at((0, 0, 1.2), (0, 0, 3)), 10)
    with pytest.raises(InputError, match="orbit, swing"):
        path_cameras("spiral", camera, 10)
