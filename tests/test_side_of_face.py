"""Sides of the face before the ears: the cheek goes on to them, whatever else the contour's pixels show."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import needs_weights
from test_ears import EAR_M, FACE_M, HAIR_M, Sides, picture_of, sided
from test_neck import PX, camera
from test_surface_following import SIZE
from torch import Tensor

from portrait_manifolds.backend import reconstruct as reconstructing
from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.networks.resampling import resampled
from portrait_manifolds.backend.texture import side_of_face
from portrait_manifolds.backend.texture.side_of_face import with_sides

AZIMUTH_DEG, ELEVATION_DEG = (torch.tensor(x) for x in chart_angles_deg(SIZE, CHART_HALF_EXTENT))
SIDE = (AZIMUTH_DEG > 66.0) & (AZIMUTH_DEG < 74.0) & (ELEVATION_DEG < 4.0) & (ELEVATION_DEG > -14.0)
TURNED_M = 0.87 * FACE_M  # seen from 28 degrees, what ends here ends at the landmarks
ON_THE_RIGHT = torch.arange(SIZE) < SIZE // 2  # columns of the person's right


def continued(sides: Sides, view: Camera, picture: Tensor) -> tuple[PaintedSheets, PaintedSheets, Tensor]:
    """Before and after, and what is believed."""
    before, after, made = with_what_was_made(sides, view, picture)
    return before, after, made.believed


def with_what_was_made(
    sides: Sides, view: Camera, picture: Tensor
) -> tuple[PaintedSheets, PaintedSheets, side_of_face.Sides]:
    _, before, _, ears = sides
    return before, *with_sides(before, view, picture, ears)


def test_sides_take_the_faces_colour_not_the_ears_and_the_face_stays() -> None:
    before, after, believed = continued(sided(camera(), EAR_M), camera(), picture_of(camera(), EAR_M))
    red, green, blue = after.painted[:, :, SIDE].mean((0, 2))
    assert red > 2.0 * green and red > 4.0 * blue
    assert believed[SIDE].max() < 0.2
    front = (AZIMUTH_DEG < 20.0) & (ELEVATION_DEG.abs() < 30.0)
    torch.testing.assert_close(after.painted[..., front], before.painted[..., front])
    assert believed[front].min() == 1.0


def test_what_else_is_seen_at_the_contour_is_not_drawn_out() -> None:
    """The face's last six millimetres show an earring."""
    view = camera()
    picture = picture_of(view, EAR_M, face_m=FACE_M - 0.006)
    _, after, _ = continued(sided(view, EAR_M), view, picture)
    red, green, _ = after.painted[:, :, SIDE].mean((0, 2))
    assert red > 2.0 * green


def test_cheeks_go_on_as_light_as_they_are_at_their_height() -> None:
    view = camera()
    picture = picture_of(view, EAR_M)
    picture[:, 0, : PX // 2] = 0.3  # above the head's centre; below it 0.9
    _, after, _ = continued(sided(view, EAR_M), view, picture)
    side = (AZIMUTH_DEG > 66.0) & (AZIMUTH_DEG < 74.0)
    upper, lower = (side & ((ELEVATION_DEG - middle).abs() < 2.0) for middle in (8.0, -16.0))
    assert float(after.painted[:, 0, upper].max()) < 0.5 < 0.8 < float(after.painted[:, 0, lower].min())


def test_the_side_that_is_turned_away_is_the_cheek_and_the_other_ears_mirror_image() -> None:
    view = camera(15.0)
    sides = sided(view, EAR_M)
    _, after, believed = continued(sides, view, picture_of(view, EAR_M))
    far = SIDE & ON_THE_RIGHT
    red, green, _ = after.painted[:, :, far].mean((0, 2))
    assert red > 2.0 * green and float(believed[far].max()) < 0.2
    ear = (resampled(sides[-1].solid, SIZE) > 0.99) & (ELEVATION_DEG.abs() < 10.0)
    red, green, _ = after.painted[0]
    seen = ear & (green > red)  # its front, which is all that is turned to the camera
    assert seen.sum() > 10 and (green > red)[seen.flip(-1)].all()
    back = ear & (green < 0.2)
    assert back.sum() > 10 and (red > green)[back.flip(-1)].all()


def test_hair_stays() -> None:
    view = camera()
    before, after, believed = continued(sided(view, HAIR_M), view, picture_of(view, HAIR_M))
    stays = ELEVATION_DEG > -12.0  # below hair faces have sides
    torch.testing.assert_close(after.painted[..., stays], before.painted[..., stays])
    assert believed[stays].min() == 1.0


@pytest.mark.parametrize("yaw_deg", [28.0, -28.0])
def test_of_heads_that_are_turned_far_one_side_stays_and_the_other_is_the_cheek(yaw_deg: float) -> None:
    view = camera(yaw_deg)
    before, after, believed = continued(sided(view, TURNED_M), view, picture_of(view, TURNED_M))
    away = ON_THE_RIGHT if yaw_deg > 0.0 else ~ON_THE_RIGHT
    torch.testing.assert_close(after.painted[..., ~away], before.painted[..., ~away])
    assert believed[:, ~away].min() == 1.0
    red, green, _ = after.painted[:, :, SIDE & away & (AZIMUTH_DEG < 68.0)].mean((0, 2))
    assert red > 2.0 * green


def test_where_hair_hangs_on_the_side_that_is_turned_away_it_stays() -> None:
    view = camera(28.0)
    before, after, believed = continued(sided(view, HAIR_M), view, picture_of(view, HAIR_M))
    stays = ELEVATION_DEG > -12.0
    torch.testing.assert_close(after.painted[..., stays], before.painted[..., stays])
    assert believed[stays].min() == 1.0


def test_hair_goes_on_before_ears_but_not_where_it_hangs_there() -> None:
    view = camera()
    _, _, bare = with_what_was_made(sided(view, EAR_M), view, picture_of(view, EAR_M))
    _, _, covered = with_what_was_made(sided(view, HAIR_M), view, picture_of(view, HAIR_M))
    before_ears = (AZIMUTH_DEG > 74.0) & (AZIMUTH_DEG < 80.0) & (ELEVATION_DEG > 4.0) & (ELEVATION_DEG < 20.0)
    assert float(bare.sideburns[before_ears].min()) > 0.99
    assert float(bare.sideburns[(AZIMUTH_DEG < 54.0) | (ELEVATION_DEG < -14.0)].max()) == 0.0
    assert float(covered.sideburns.max()) == 0.0
    above_side = (ELEVATION_DEG > 18.0) & (ELEVATION_DEG < 22.0)  # which ends there
    at_contour = (AZIMUTH_DEG > 74.0) & (AZIMUTH_DEG < 80.0) & above_side
    assert float(bare.believed[at_contour].mean()) < 0.5 < float(covered.believed[at_contour].min())


def test_temples_go_on_to_the_sideburns_as_what_is_seen_around_them() -> None:
    view = camera()
    picture = picture_of(view, EAR_M, face_m=FACE_M - 0.004)  # the rest shows what lies behind
    _, after, made = with_what_was_made(sided(view, EAR_M), view, picture)
    contour = (AZIMUTH_DEG > 50.0) & (AZIMUTH_DEG < 56.0) & (ELEVATION_DEG > 13.0) & (ELEVATION_DEG < 15.0)
    red, green, _ = after.painted[:, :, contour].mean((0, 2))
    assert red > 3.0 * green and float(made.believed[contour].max()) < 0.1
    _, _, covered = with_what_was_made(sided(view, HAIR_M), view, picture_of(view, HAIR_M))
    assert float(covered.believed[contour].min()) == 1.0


def test_a_face_that_stands_out_beside_is_no_ear() -> None:
    """At the cheekbones, or where an ear is half told, what lies farther out is before the ears."""
    view = camera()
    *others, ears = sided(view, EAR_M)
    everywhere = replace(ears, off=torch.ones_like(ears.off), solid=torch.ones_like(ears.solid))
    _, after, believed = continued((*others, everywhere), view, picture_of(view, EAR_M))
    red, green, _ = after.painted[:, :, SIDE].mean((0, 2))
    assert red > 2.0 * green and float(believed[SIDE].max()) < 0.2


def test_where_no_cheek_is_seen_nothing_changes() -> None:
    first, portrait, *others = sided(camera(), EAR_M)
    unseen = replace(portrait, matte=torch.zeros_like(portrait.matte))
    before, after, believed = continued((first, unseen, *others), camera(), picture_of(camera(), EAR_M))
    torch.testing.assert_close(after.painted, before.painted)
    assert believed.min() == 1.0


@needs_weights
def test_a_portrait_is_painted_and_sharpened_where_the_photograph_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing believed, what sharpens would change no texel, and the face is the networks' own."""
    data = pytest.importorskip("skimage.data")
    found: dict[str, Any] = {}
    made, refine = side_of_face.with_sides, reconstructing.refine

    def doubting(*given: Any) -> tuple[PaintedSheets, side_of_face.Sides]:
        painting, sides = made(*given)
        return painting, replace(sides, believed=0.0 * sides.believed)

    def watched(portrait: Any, *given: Any) -> Any:
        found["before"], found["after"] = portrait, refine(portrait, *given)
        return found["after"]

    monkeypatch.setattr(reconstructing, "refine", watched)
    reconstructing.reconstruct(data.astronaut(), texture_size=256)
    sharpened, photographed = found["after"].textures, found["before"].textures
    monkeypatch.setattr(side_of_face, "with_sides", doubting)
    reconstructing.reconstruct(data.astronaut(), texture_size=256)
    assert not np.array_equal(sharpened, photographed)
    assert np.array_equal(found["after"].textures, found["before"].textures)
    face = (slice(None), slice(108, 148), slice(108, 148), slice(3))
    assert np.abs(found["before"].textures[face].astype(int) - photographed[face])[photographed[face] > 0].mean() > 3.0
