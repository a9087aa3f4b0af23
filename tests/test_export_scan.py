"""Scans as folders of true views; MediaPipe is told where the eyes are, since no scan comes with this package."""

import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from training_stand_in import StandInDetector

from portrait_manifolds.backend.camera import load_cameras
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.training import export_scan
from portrait_manifolds.backend.training.export_scan import LEFT_EYE, RIGHT_EYE, TrainExportScan

SIZE_PX = 128


class TwoEyes(StandInDetector):
    """Sees eyes at a red and at a green spot."""

    def faces(self, picture: np.ndarray) -> np.ndarray:
        points = np.zeros((1, 478, 2))
        for index, channel in ((RIGHT_EYE, 0), (LEFT_EYE, 1)):
            others = np.delete(picture, channel, 2).max(2).astype(int)
            y, x = np.nonzero(picture[..., channel].astype(int) - others > 60)
            points[0, index] = x.mean() + 0.5, y.mean() + 0.5
        return points


@pytest.fixture
def scan(tmp_path: Path) -> TrainExportScan:
    """A grey ball of 800 units with a red and a green spot in front, standing somewhere."""
    ball = trimesh.creation.uv_sphere(radius=800.0, count=(48, 96))
    direction = ball.vertices / 800.0
    x, y = direction[:, :2].T
    uv = np.stack([0.5 + 0.4 * x, 0.5 + 0.4 * y], 1)  # the picture lies over the front, and over the back too
    ball.visual = trimesh.visual.TextureVisuals(uv=uv)
    ball.apply_translation([300.0, -5000.0, 70.0])
    ball.export(tmp_path / "ball.glb")
    texels = np.full((256, 256, 3), 128, np.uint8)
    rows, columns = np.mgrid[:256, :256]
    for colour, u in (((255, 0, 0), 0.5 - 0.4 * 0.4), ((0, 255, 0), 0.5 + 0.4 * 0.4)):
        texels[np.hypot(columns + 0.5 - 256 * u, rows + 0.5 - 256 * (0.5 - 0.4 * 0.3)) < 8] = colour
    Image.fromarray(texels).save(tmp_path / "colours.png")
    return TrainExportScan(tmp_path / "ball.glb", tmp_path / "colours.png", tmp_path / "views", size_px=SIZE_PX)


def test_a_scan_is_put_where_its_eyes_say_and_seen_from_all_sides(
    scan: TrainExportScan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_scan, "LandmarkDetector", TwoEyes)
    scan.run()
    cameras = load_cameras(scan.output / "cameras.json")
    assert len(cameras) == 7
    # Eyes 0.8 radii apart are to be 9 cm apart, 3 cm above the middle and 7.5 cm before it.
    radius_m = 0.09 / 0.8
    eyes = np.array([[-0.045, 0.03, 0.075], [0.045, 0.03, 0.075]])
    for index, camera in enumerate(cameras):
        name = "input.png" if index == 0 else f"view_{index:02d}.png"
        picture = np.array(Image.open(scan.output / name))
        seen = TwoEyes().faces(picture[..., :3])[0, [RIGHT_EYE, LEFT_EYE]]
        expected, _ = camera.project(eyes)
        assert np.abs(seen - expected).max() < 2.0, name
        if index:
            depth_m = np.array(Image.open(scan.output / f"depth_{index:02d}.png")) * 1e-4
            middle_m = eyes.mean(0) - radius_m * np.array([0.0, 0.3, np.sqrt(1.0 - 0.16 - 0.09)])
            nearest = camera.project(middle_m)[1] - radius_m
            assert abs(depth_m[depth_m > 0].min() - nearest) < 1e-3, name


def test_what_is_no_scan_of_a_face_is_refused(scan: TrainExportScan, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No face"):
        scan.run()
    trimesh.creation.box().export(tmp_path / "bare.ply")
    with pytest.raises(InputError, match="texture coordinates"):
        TrainExportScan(tmp_path / "bare.ply", scan.texture, scan.output).run()
    with pytest.raises(InputError, match="as a mesh"):
        TrainExportScan(tmp_path / "nothing.glb", scan.texture, scan.output).run()
    with pytest.raises(InputError, match="as a picture"):
        TrainExportScan(scan.scan, scan.scan, scan.output).run()
    assert not scan.output.exists()


def test_without_what_reads_meshes_it_is_said_how_to_get_it(
    scan: TrainExportScan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trimesh", None)  # as if it were not installed
    with pytest.raises(ProcessingError, match=r"trimesh is missing: pip install 'portrait-manifolds\[train\]'"):
        scan.run()
