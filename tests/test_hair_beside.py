"""Hair beside a face lies on an ellipse that ends with the silhouette; the face, the back and bare heads stay."""

from dataclasses import replace

import pytest
import torch
from conftest import needs_weights
from test_ears import EAR_M, FACE_M, HAIR_M, landmarks_px, picture_of, surface
from test_neck import camera
from test_surface_following import SIZE, about_ball, painting

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.reconstruct import reconstruct
from portrait_manifolds.backend.shape import head
from portrait_manifolds.backend.shape.face_end import BEYOND_M, FaceEnd
from portrait_manifolds.backend.shape.hair_beside import AXIS_M, BEHIND_DEG, FRONT_M, TOP_M, with_hair_beside
from portrait_manifolds.backend.shape.hair_beside import FACE_M as FROM_FACE_M
from portrait_manifolds.backend.shape.neck_column import Silhouette

HEAD_M = 0.14
AZIMUTH_DEG = torch.tensor(chart_angles_deg(128, CHART_HALF_EXTENT)[0])


def haired(beside_m: float) -> tuple[PaintedSheets, PaintedSheets]:
    """Before, and after: a ball as large as the hair."""
    person = picture_of(camera(), beside_m)[:, 3:]
    before = replace(painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE)), matte=person[0, 0])
    silhouette = Silhouette.of(person[0, 0].numpy(), camera())
    return before, with_hair_beside(before, FaceEnd.both(camera(), landmarks_px(camera()), silhouette))


def test_hair_lies_on_the_ellipse_beside_the_face() -> None:
    before, after = haired(HAIR_M)
    x, _, z = surface(after).unbind(-1)
    across, y, _ = surface(before).unbind(-1)
    beside = (across.abs() > FACE_M + FROM_FACE_M[1]) & (BEHIND_DEG[1] > AZIMUTH_DEG)
    beside &= (y > -0.02) & (y < TOP_M[1])
    moved = beside & (after.radius_m < before.radius_m - 1e-4)
    level = (x / (HAIR_M + BEYOND_M)) ** 2 + ((z - AXIS_M) / (FRONT_M - AXIS_M)) ** 2
    pixel = 0.05  # to which the silhouette's end is told
    assert moved.sum() > 300 and float((level[moved] - 1.0).abs().max()) < pixel
    assert float(level[beside].max()) < 1.0 + pixel
    torch.testing.assert_close(after.geometry.radius_m, after.radius_m)


def test_the_face_and_what_is_behind_stay() -> None:
    before, after = haired(HAIR_M)
    x, y, _ = surface(before).abs().unbind(-1)
    same = (x < FACE_M + FROM_FACE_M[0]) | (BEHIND_DEG[0] < AZIMUTH_DEG) | (y > 0.115)
    torch.testing.assert_close(after.radius_m[same], before.radius_m[same])
    assert bool((after.radius_m <= before.radius_m).all())


def test_heads_with_bare_ears_stay() -> None:
    before, after = haired(EAR_M)
    torch.testing.assert_close(after.radius_m, before.radius_m)


@pytest.mark.parametrize("inner_m", [0.06, 0.05])
def test_hair_that_is_farther_in_stays(inner_m: float) -> None:
    before, _ = haired(HAIR_M)
    small = replace(before, radius_m=torch.full_like(before.radius_m, inner_m))
    silhouette = Silhouette.of(before.matte.numpy(), camera())
    after = with_hair_beside(small, FaceEnd.both(camera(), landmarks_px(camera()), silhouette))
    torch.testing.assert_close(after.radius_m, small.radius_m)


@needs_weights
def test_a_portrait_s_hair_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    data = pytest.importorskip("skimage.data")
    after = reconstruct(data.astronaut(), texture_size=256).manifolds.total_radius_m()
    monkeypatch.setattr(head, "with_hair_beside", lambda painting, ends: painting)
    before = reconstruct(data.astronaut(), texture_size=256).manifolds.total_radius_m()
    assert (before - after).max() > 0.02
