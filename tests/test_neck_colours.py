"""The colours around a neck: the photograph's, as fine as textures are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from neck_scene import BLUE, GREEN, HEAD_M, PERSON, PX, RED, WIDE, camera
from test_surface_following import SIZE, about_ball, painting

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.shape.neck import neck_share, with_neck
from portrait_manifolds.backend.shape.neck_column import Silhouette
from portrait_manifolds.backend.texture import neck_colours as neck_colours_module
from portrait_manifolds.backend.texture.neck_colours import INSET_M, neck_colours

NO_EARS = torch.zeros(128, 128)
COLLAR_M = -0.14


def test_a_collar_goes_on_around_the_neck() -> None:
    """In front the column has the picture's own colours, beside and behind those of the silhouette's edges."""
    bare = replace(painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE)), matte=PERSON)
    heights = np.linspace(PX, -PX, PX)[:, None] * 0.5 * (2.4 * np.tan(np.radians(12.0)) / PX)
    dressed = torch.tensor(heights < -0.14).expand(PX, PX)
    picture = torch.where(dressed, torch.tensor(GREEN)[:, None, None], torch.tensor(RED)[:, None, None])
    picture = torch.where(PERSON > 0.5, picture, torch.tensor(BLUE)[:, None, None])  # never seen on the neck
    picture = torch.cat([picture, PERSON[None]])
    silhouette = Silhouette.of(PERSON.numpy(), camera())
    after, _ = with_neck(bare, silhouette, NO_EARS)
    size = 4 * SIZE
    colours = neck_colours(after, silhouette, camera(), picture, size)
    points = after.geometry.points(after.displacement_m[None], size, after.geometry.offsets_m[:1])[0, 0]
    azimuth_deg = torch.tensor(chart_angles_deg(size, CHART_HALF_EXTENT)[0])
    beside = (azimuth_deg > 92.0) & (azimuth_deg < 109.0)
    skin, collar = (
        colours[:, beside & (points[..., 1] > low) & (points[..., 1] < high)].T
        for low, high in ((-0.105, -0.09), (-0.16, -0.135))
    )
    assert len(skin) and float((skin - skin.new_tensor(RED)).abs().max()) < 0.05
    assert len(collar) and float((collar - collar.new_tensor(GREEN)).abs().max()) < 0.05


def collared() -> tuple[PaintedSheets, Silhouette, Camera, torch.Tensor]:
    """A black neck in a collar that is white below COLLAR_M, and what `neck_colours` takes of it."""
    bare = replace(painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE)), matte=PERSON)
    row = round(float(camera().project(np.array([[0.0, COLLAR_M, 0.0]]))[0][0, 1]))
    striped = (torch.arange(PX) >= row).float()[:, None].expand(3, PX, PX)
    silhouette = Silhouette.of(PERSON.numpy(), camera())
    after, _ = with_neck(bare, silhouette, NO_EARS)
    return after, silhouette, camera(), torch.cat([striped, PERSON[None]])


def test_a_collar_s_edge_is_as_sharp_as_textures_are() -> None:
    """Between skin and collar no more than a centimetre is of neither colour, of which the picture's pixel is half."""
    after, *given = collared()
    size = 8 * SIZE
    colours = neck_colours(after, *given, size)[0]
    height_m = after.geometry.points(after.displacement_m[None], size, after.geometry.offsets_m[:1])[0, 0, ..., 1]
    azimuth_deg = torch.tensor(chart_angles_deg(size, CHART_HALF_EXTENT)[0])
    behind = (azimuth_deg > 92.0) & (azimuth_deg < 109.0) & (height_m > -0.17) & (height_m < -0.08)
    neither = height_m[behind & (colours > 0.1) & (colours < 0.9)]
    assert len(neither) and float(neither.max() - neither.min()) < 0.01
    assert float(neither.mean()) == pytest.approx(COLLAR_M + INSET_M[1], abs=0.006)  # higher than in front


def test_a_collar_s_edge_has_no_teeth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texels behind are high and narrow: with one look for each, neighbours fall to either side of an edge."""
    after, *given = collared()
    azimuth_deg = torch.tensor(chart_angles_deg(2 * SIZE, CHART_HALF_EXTENT)[0])
    behind = ((azimuth_deg > 92.0) & (azimuth_deg < 109.0))[:, 1:-1]

    def roughness() -> float:
        colours = neck_colours(after, *given, 2 * SIZE)[0]
        bends = colours[:, :-2] - 2.0 * colours[:, 1:-1] + colours[:, 2:]
        return float(bends[behind].square().sum())

    smooth = roughness()
    monkeypatch.setattr(neck_colours_module, "LEAST_SIZE", 2 * SIZE)
    assert smooth < 0.85 * roughness()


def test_what_is_not_the_neck_s_keeps_what_is_painted() -> None:
    before = replace(painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE)), matte=PERSON)
    silhouette = Silhouette.of(PERSON.numpy(), camera())
    after, _ = with_neck(before, silhouette, NO_EARS)
    picture = torch.ones(4, PX, PX)
    colours = neck_colours(after, silhouette, camera(), picture, SIZE)
    share = neck_share(SIZE, CHART_HALF_EXTENT)
    assert torch.equal(colours[:, share == 0.0], after.painted[0][:, share == 0.0])
    assert (share == 1.0).any() and float((colours[:, share == 1.0] - 1.0).abs().max()) < 1e-4


def test_hanging_hair_has_no_stripes_and_a_collar_has() -> None:
    striped = (torch.arange(PX) // 2 % 2 == 0).float()[:, None].expand(3, PX, PX)
    contrast = []
    for matte in (PERSON, WIDE):
        before = replace(painting(about_ball(HEAD_M), torch.zeros(SIZE, SIZE)), matte=matte[None, None])
        silhouette = Silhouette.of(matte.numpy(), camera())
        after, _ = with_neck(before, silhouette, NO_EARS)
        picture = torch.cat([striped, matte[None]])
        colours = neck_colours(after, silhouette, camera(), picture, 4 * SIZE)
        points = after.geometry.points(after.displacement_m[None], 4 * SIZE, after.geometry.offsets_m[:1])[0, 0]
        low = (points[..., 1] < -0.09) & (points[..., 1] > -0.14)
        contrast.append(
            float(colours[:, low & torch.tensor(chart_angles_deg(4 * SIZE, CHART_HALF_EXTENT)[0] > 100.0)].std())
        )
    assert contrast[1] < 0.25 < contrast[0]
