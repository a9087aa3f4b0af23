"""Textures: the photograph's colour where it shows the surface from the front, the networks' own elsewhere."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, WIDE_HALF_EXTENT
from portrait_manifolds.backend.networks.chart_maps import chart_angles_deg, texel_directions
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.inversion import Inversion
from portrait_manifolds.backend.networks.painted_sheets import PaintedSheets
from portrait_manifolds.backend.networks.resampling import resampled
from portrait_manifolds.backend.networks.sheet_geometry import SheetGeometry
from portrait_manifolds.backend.networks.visibility import scalp_maps
from portrait_manifolds.backend.photo.input_view import WIDER, InputView
from portrait_manifolds.backend.photo.matting import Foreground
from portrait_manifolds.backend.texture import texturing
from portrait_manifolds.backend.texture.beard import Beard
from portrait_manifolds.backend.texture.hidden_scalp import Seen
from portrait_manifolds.backend.texture.side_of_face import Sides

SIZE = 64


def untrained() -> Inversion:
    torch.manual_seed(0)
    return Inversion(inversion_config("small")).eval()


@pytest.fixture(scope="module", params=[CHART_HALF_EXTENT, WIDE_HALF_EXTENT])
def painted(request: pytest.FixtureRequest) -> tuple[PaintedSheets, InputView]:
    """A grey painting of a head before a white photograph."""
    camera = look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=64, height_px=64)
    with torch.inference_mode():
        painting = untrained()(torch.full((2, 4, 64, 64), 0.5), [camera, camera]).first()
    geometry = painting.geometry
    solid = (geometry.offsets_m < 1e-3).float()[:, None, None].expand_as(painting.opacity)
    geometry = replace(geometry, half_extent=request.param)
    painting = replace(painting, opacity=solid.contiguous(), geometry=geometry)
    wide = look_at((0.0, 0.0, 1.4), fov_deg=16.0 * WIDER, width_px=96, height_px=96)
    white, all_of_it = np.full((96, 96, 3), 255, np.uint8), np.ones((96, 96), np.float32)
    view = InputView(wide, white, all_of_it > 0, Foreground(all_of_it, np.ones((96, 96, 3), np.float32)))
    return painting, view


def textures_of(
    painting: PaintedSheets,
    view: InputView,
    size: int,
    farthest_m: float = 1.0,
    ears: float = 0.0,
    believed: float = 1.0,
    sideburns: float = 0.0,
) -> np.ndarray:
    farthest = torch.full(painting.opacity.shape[-2:], farthest_m)
    everywhere = torch.full_like(painting.radius_m, ears)
    innermost = resampled(painting.painted[0], size)
    sides = Sides(torch.full((size, size), believed), torch.full((size, size), sideburns))
    return texturing.paint_textures(painting, view, innermost, everywhere, farthest, sides).numpy()


def front(textures: np.ndarray) -> float:
    """Mean colour of what is opaque in the middle of the chart."""
    middle = textures[:, SIZE // 2 - 4 : SIZE // 2 + 4, SIZE // 2 - 4 : SIZE // 2 + 4]
    return float(middle[middle[..., 3] > 200][:, :3].mean())


def test_what_is_seen_along_its_side_keeps_the_networks_colour(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch
) -> None:
    painting, view = painted
    believed = front(textures_of(painting, view, SIZE))
    monkeypatch.setattr(texturing, "surface_turned_to", lambda *given: torch.zeros(1, SIZE, SIZE))
    assert front(textures_of(painting, view, SIZE)) < believed - 40.0


def test_the_photograph_lies_where_the_camera_sees_it(painted: tuple[PaintedSheets, InputView]) -> None:
    painting, view = painted
    stripe = ((np.arange(96) >= 50) & (np.arange(96) < 60))[:, None]
    foreground = Foreground(view.foreground.opacity, np.where(stripe, view.foreground.rgb, 0.0).astype(np.float32))
    striped = replace(view, picture=np.where(stripe, view.picture, 0).astype(np.uint8), foreground=foreground)
    painting = replace(painting, confidence=torch.ones_like(painting.confidence))
    textures = textures_of(painting, striped, SIZE)
    drawn = painting.geometry.render(
        torch.from_numpy(textures).float() / 255.0, painting.radius_m, view.camera.resized(384, 384)
    ).numpy()
    middle = drawn[188:196, :, 1].mean(0)
    bright = np.flatnonzero(middle > 0.3)  # linear light
    assert abs(bright[0] / 4 - 50) < 1.0 and abs(bright[-1] / 4 - 60) < 1.0


def test_strands_shade_what_is_hidden_and_not_the_photograph(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch
) -> None:
    painting, view = painted
    plain = textures_of(painting, view, SIZE).astype(float)
    monkeypatch.setattr(texturing, "hair_shade", lambda *given: torch.full((SIZE, SIZE), 0.5))
    shaded = textures_of(painting, view, SIZE).astype(float)
    hidden = plain[0][plain[0, ..., 3] > 200][:, :3]  # the innermost sheet lies behind the face
    np.testing.assert_allclose(shaded[0][plain[0, ..., 3] > 200][:, :3], 0.5 * hidden, atol=1.0)
    assert front(shaded) > 0.5 * front(plain) + 5.0


def test_what_is_clear_has_no_colour(painted: tuple[PaintedSheets, InputView]) -> None:
    painting, view = painted
    half = view.foreground.opacity * (np.arange(96) < 48)
    textures = textures_of(painting, replace(view, foreground=replace(view.foreground, opacity=half)), SIZE)
    clear = textures[..., 3] == 0
    assert not textures[clear].any() and textures[~clear].any() and clear[12, SIZE // 2, SIZE * 5 // 8 :].any()


@torch.inference_mode()
def test_on_the_face_no_sheet_is_hardly_opaque(painted: tuple[PaintedSheets, InputView]) -> None:
    """A shell before the skin is a second edge from beside; beside the face hair may be thin."""
    painting, view = painted
    shell, skin = (painting.geometry.offsets_m > limit for limit in (0.004, -0.001))
    opacity = torch.where(shell, 0.2, torch.where(skin, 0.9, 1.0))[:, None, None].expand_as(painting.opacity)
    textures = textures_of(replace(painting, opacity=opacity.contiguous()), view, SIZE)[..., 3]
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, painting.geometry.half_extent)
    on_face = (azimuth_deg < 25.0) & (np.abs(elevation_deg) < 15.0)
    assert not textures[shell.numpy()][:, on_face].any() and (textures[~shell.numpy()][:, on_face][1:] > 250).all()
    outside = textures[:, elevation_deg > 60.0]
    assert np.median(outside[shell.numpy()]) == pytest.approx(255 * (0.2 - 0.02) / 0.98, abs=2)


def test_the_photograph_reaches_deeper_where_sheets_lie_farther_apart(
    painted: tuple[PaintedSheets, InputView],
) -> None:
    painting, view = painted
    # The same sheets, told as five times as far apart by offsets a fifth as large.
    usually = painting.geometry
    spread, offsets_m = 5.0 * usually.spread, usually.offsets_m / 5.0
    apart = replace(painting, geometry=replace(usually, spread=spread, offsets_m=offsets_m))
    centre = (0, slice(SIZE // 2 - 4, SIZE // 2 + 4), slice(SIZE // 2 - 4, SIZE // 2 + 4))  # of the innermost sheet
    usual, deep = (textures_of(one, view, SIZE)[centre][..., :3] for one in (painting, apart))
    assert deep.mean() > usual.mean() + 40.0
    pictures, camera = torch.full((2, 4, 64, 64), 0.5), view.camera.resized(64, 64)

    def share(geometry: SheetGeometry) -> torch.Tensor:
        network = untrained()
        network.geometry.spread, network.geometry.offsets_m = geometry.spread, geometry.offsets_m
        half = network.config.chart * 2
        return network(pictures, [camera, camera]).visible[0, 0, half, half]

    usual_share, deep_share = (share(one.geometry) for one in (painting, apart))
    assert usual_share < 0.05 < 0.3 < deep_share


@pytest.mark.parametrize("painted", [CHART_HALF_EXTENT], indirect=True)  # it counts that chart's texels
@torch.inference_mode()
def test_the_innermost_sheet_ends_a_little_beside_the_person_and_the_others_at_the_matte(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch
) -> None:
    painting, view = painted
    half = replace(view.foreground, opacity=view.foreground.opacity * (np.arange(96) < 48))
    ends = []
    for share in (0.0, 0.1):
        monkeypatch.setattr(texturing, "BESIDE_SHARE", share)
        opaque = textures_of(painting, replace(view, foreground=half), SIZE)[..., 3] > 128
        ends.append([int(np.flatnonzero(sheet[SIZE // 2]).max()) for sheet in opaque[:3]])
    (innermost, *others), (wider, *same) = ends
    assert wider > innermost + 3 and wider < SIZE - 8
    assert others == same


def test_what_is_farther_out_behind_lobes_than_the_head_goes_on_is_clear(
    painted: tuple[PaintedSheets, InputView],
) -> None:
    offsets = painted[0].geometry.offsets_m
    sheet = int((offsets < 1e-3).sum()) - 1  # the outermost that is solid
    endless, ended = (textures_of(*painted, SIZE, farthest_m)[sheet, ..., 3] for farthest_m in (1.0, 0.08))
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, painted[0].geometry.half_extent)
    behind = (azimuth_deg > 93.0) & (elevation_deg > -27.0) & (elevation_deg < -22.0)
    assert ended[behind].max() < 64 < 192 < endless[behind].max()  # reducing blurs its edges
    np.testing.assert_array_equal(ended[azimuth_deg < 75.0], endless[azimuth_deg < 75.0])
    on_ears = textures_of(*painted, SIZE, 0.08, ears=1.0)[sheet, ..., 3]
    before = (azimuth_deg < 75.0) & (elevation_deg > -27.0) & (elevation_deg < -22.0)
    assert on_ears[before].max() < 64 < 192 < endless[before].max()


def test_the_hidden_scalp_has_the_photograph_s_colours(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch
) -> None:
    painting, view = painted
    half_extent = painting.geometry.half_extent
    monkeypatch.setattr(texturing, "scalp_colours", lambda seen, *given: torch.ones_like(seen.colour))
    white = textures_of(painting, view, SIZE)
    monkeypatch.setattr(texturing, "scalp_colours", lambda seen, *given: torch.zeros_like(seen.colour))
    black = textures_of(painting, view, SIZE)
    sides = (scalp_maps(SIZE, half_extent)[0] == 1.0).numpy() & (
        texel_directions(SIZE, half_extent)[..., 2].numpy() < -0.2
    )
    azimuth_deg, elevation_deg = chart_angles_deg(SIZE, half_extent)
    nape, front = (azimuth_deg > 100.0) & (elevation_deg > -20.0) & (elevation_deg < -12.0), azimuth_deg < 80.0
    on_neck = (white[0, ..., :3].astype(int) - black[0, ..., :3])[white[0, ..., 3] > 200]
    hairy, bare = (on_neck[where[white[0, ..., 3] > 200]] for where in (nape, front))
    assert len(hairy) and hairy.min() > 240 and np.abs(bare).max() == 0  # the innermost has colours of its own
    white, black = white[1:], black[1:]
    opaque = (white[..., 3] > 200) & sides
    assert white[opaque][:, :3].min() > 245 and black[opaque][:, :3].max() < 10
    assert (white == black)[:, (scalp_maps(SIZE, half_extent)[0] == 0.0).numpy()].mean() > 0.99


def test_sideburns_are_painted_as_hidden_scalp(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its colours, with its strands."""
    monkeypatch.setattr(texturing, "scalp_colours", lambda seen, sideburns, half_extent: sideburns.expand(3, -1, -1))
    monkeypatch.setattr(texturing, "hair_shade", lambda seen, coarse, scalp, hidden, half_extent: 1.0 - 0.8 * hidden)
    given = dict(size=SIZE, believed=0.0)
    without, hair = (front(textures_of(*painted, **given, sideburns=share)[1:]) for share in (0.0, 1.0))
    assert hair == pytest.approx(51.0, abs=2.0) and without > 100.0


def test_where_the_photograph_is_not_believed_the_networks_colour_stays(
    painted: tuple[PaintedSheets, InputView],
) -> None:
    painting, view = painted
    believed, doubted = (textures_of(painting, view, SIZE, believed=share) for share in (1.0, 0.0))
    assert front(believed) > front(doubted) + 40.0
    assert np.array_equal(believed[..., 3], doubted[..., 3])


@pytest.mark.parametrize("shade", ["skin_shade", "jaw_shadow"])
def test_grain_and_shadow_shade_what_the_photograph_does_not_show(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch, shade: str
) -> None:
    painting, view = painted
    plain = front(textures_of(painting, view, SIZE, believed=0.0))
    monkeypatch.setattr(texturing, shade, lambda *given: torch.full((SIZE, SIZE), 0.5))
    assert front(textures_of(painting, view, SIZE, believed=0.0)) == pytest.approx(0.5 * plain, abs=2.0)


def test_beards_are_painted_and_shaded_where_the_photograph_shows_nothing(
    painted: tuple[PaintedSheets, InputView], monkeypatch: pytest.MonkeyPatch
) -> None:
    painting, view = painted

    def fronts(grey: float, contrast: float) -> tuple[np.ndarray, float]:
        def beard(seen: Seen, coarse: Seen, half_extent: float) -> Beard:
            return Beard(1.0 - coarse.known, torch.full_like(coarse.colour, grey), torch.tensor(contrast))

        monkeypatch.setattr(texturing, "hidden_beard", beard)
        hidden, seen = (textures_of(painting, view, SIZE, believed=share)[1:] for share in (0.0, 1.0))
        return hidden, front(seen)

    (black, seen), (grey, _), (rough, seen_rough) = fronts(0.0, 0.0), fronts(0.5, 0.0), fronts(0.5, 0.5)
    assert front(black) < 5.0 and front(grey) == pytest.approx(127.5, abs=2.0)
    assert min(seen, seen_rough) > front(black) + 150.0
    solid = grey[..., 3] > 200
    assert rough[solid][:, 0].std() > grey[solid][:, 0].std() + 15.0
