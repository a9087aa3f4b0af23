"""The networks: shapes, geometry that agrees with the rest, visibility, weights and checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch

from portrait_manifolds.backend.camera import Camera, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.manifolds import Manifolds, chart_to_direction, map_grid
from portrait_manifolds.backend.networks.cameras import CameraBatch
from portrait_manifolds.backend.networks.config import inversion_config
from portrait_manifolds.backend.networks.decoder import HULL_LOG_RADII, silhouette_end
from portrait_manifolds.backend.networks.detail import sample_voxel
from portrait_manifolds.backend.networks.inversion import Inversion, as_input
from portrait_manifolds.backend.networks.precision import autocast, bfloat16_is_fast
from portrait_manifolds.backend.networks.push_pull import push_pull
from portrait_manifolds.backend.networks.resampling import calmed
from portrait_manifolds.backend.networks.visibility import (
    clean_foreground,
    scalp_maps,
    shown,
    surroundings,
    turned_to,
    visibility,
)
from portrait_manifolds.backend.networks.weights import load_weights, save_weights
from portrait_manifolds.backend.photo.alignment import LandmarkTemplate
from portrait_manifolds.backend.training.checkpoint import MovingAverage, load_checkpoint, save_checkpoint
from portrait_manifolds.backend.training.loop import TrainConfig, train

CONFIG = inversion_config("small")


@pytest.fixture(scope="module")
def network() -> Inversion:
    torch.manual_seed(0)
    return Inversion(CONFIG).eval()


def camera(yaw_deg: float = 10.0) -> Camera:
    return look_at((0.0, 0.0, 1.4), fov_deg=16.0, width_px=64, height_px=64).orbited(yaw_deg)


def pictures(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 4, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("capabilities", "fast"), [({"avx2": True, "amx_bf16": True}, True), ({"avx2": True}, False)])
def test_half_precision_is_for_processors_that_have_it(
    monkeypatch: pytest.MonkeyPatch, network: Inversion, capabilities: dict[str, bool], fast: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    bfloat16_is_fast.cache_clear()
    seen: list[torch.dtype] = []
    hooks = [
        part.register_forward_hook(lambda *call: seen.append(call[2].dtype))
        for part in (network.decoder.hidden, network.encoder_detail.matte)
    ]
    try:
        network(pictures(), [camera(), camera()])
        assert seen == 2 * [torch.bfloat16 if fast else torch.float32]
        with autocast(pictures()):
            assert torch.is_autocast_enabled("cpu") == fast
        with autocast(pictures().double()):
            assert not torch.is_autocast_enabled("cpu")
    finally:
        bfloat16_is_fast.cache_clear()
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("fine", [False, True])
def test_a_forward_pass_paints_every_sheet(network: Inversion, fine: bool) -> None:
    painting = network(pictures(), [camera(), camera(-20)], fine=fine)
    side = CONFIG.chart * (4 if fine else 2)
    textures = painting.textures().detach()
    assert textures.shape == (2, CONFIG.sheets, side, side, 4)
    assert float(textures.min()) >= 0.0 and float(textures.max()) <= 1.0
    assert painting.displacement_m.shape == (2, CONFIG.chart, CONFIG.chart)


def test_the_silhouette_ends_where_the_matte_does() -> None:
    radii = torch.tensor(HULL_LOG_RADII)[None, :, None, None]
    ends = torch.tensor([[-0.31, 0.0], [0.2, 0.6]])
    inside = torch.where(radii <= ends, 1.0, 0.0)
    back_in = inside.clone()
    back_in[:, -1] = 1.0  # what lies behind a gap does not count
    for matte in (inside, back_in):
        torch.testing.assert_close(silhouette_end(matte)[0], ends, atol=0.03, rtol=0.0)


def test_cameras_know_where_they_are() -> None:
    cameras = [camera(), camera(-20)]
    expected = np.stack([one.position_m for one in cameras])
    np.testing.assert_allclose(CameraBatch.of(cameras).position().numpy(), expected, atol=1e-6)


def test_a_sphere_is_turned_to_the_camera_in_the_middle_and_not_at_its_rim() -> None:
    directions = torch.tensor(chart_to_direction(map_grid(64)), dtype=torch.float32)
    turned = turned_to(0.1 * directions[None], torch.tensor([[0.0, 0.0, 1000.0]]))[0]
    cosine = directions[..., 2]
    assert float(turned[cosine > 0.32].min()) == 1.0
    assert float(turned[cosine < 0.06].max()) == 0.0


def test_the_shape_alone_is_the_painting_s(network: Inversion) -> None:
    cameras = [camera(), camera(-20)]
    painting, shape = network(pictures(), cameras), network.shape(pictures(), cameras)
    for name in ("displacement_m", "coarse_displacement_m", "matte"):
        torch.testing.assert_close(getattr(shape, name), getattr(painting, name))


def test_a_crop_and_its_person_become_one_picture() -> None:
    rng = np.random.default_rng(4)
    photo, person = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), rng.random((8, 8))
    picture = as_input(photo, person)
    assert picture.shape == (1, 4, 8, 8)
    np.testing.assert_allclose(picture[0, :3].permute(1, 2, 0) * 255.0, photo, atol=1e-4)
    np.testing.assert_allclose(picture[0, 3], person, atol=1e-6)


def test_sheets_are_calm_below_the_jaw_alone() -> None:
    rough = 0.1 * torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(5))
    calm = calmed(rough)
    assert torch.equal(calm[:, :38], rough[:, :38])  # above the jaw
    chest = (slice(None), slice(56, 62), slice(20, 44))
    assert calm[chest].diff(dim=-1).abs().mean() < 0.2 * rough[chest].diff(dim=-1).abs().mean()
    constant = torch.full((1, 32, 32), -2.0)
    torch.testing.assert_close(calmed(constant), constant)


def test_every_weight_gets_a_gradient(network: Inversion) -> None:
    painting = network(pictures(), [camera(), camera()], fine=False)
    drawn = painting.geometry.render(painting.textures()[0], painting.radius_m[0], camera(0))
    target = torch.rand(drawn.shape, generator=torch.Generator().manual_seed(2))
    ((drawn - target).square().mean() + (painting.displacement_m - 0.01).square().sum()).backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    network.zero_grad(set_to_none=True)
    assert without == []


def test_opacity_can_be_mixed_with_its_start() -> None:
    torch.manual_seed(6)
    decoder, offsets = Inversion(CONFIG).decoder, Inversion(CONFIG).geometry.offsets_m
    features = torch.randn(1, CONFIG.super_resolution[1], 8, 8)
    with torch.no_grad():
        decoder.opacity_prior.add_(torch.randn_like(decoder.opacity_prior))
        trained = decoder(features)[0]
        decoder.solidify(offsets, 0.5)
        mixed = decoder(features)[0]
        decoder.solidify(offsets, 1.0)
        start = decoder(features)[0]
    assert float(start[0, 0].std()) < 1e-6 and float(start[0, 0].mean()) > 3.0 and float(start[0, -1].mean()) < -3.0
    torch.testing.assert_close(mixed, 0.5 * (trained + start), atol=1e-4, rtol=1e-4)


def test_cameras_project_as_the_backend_does() -> None:
    one = camera(25.0)
    points = np.random.default_rng(0).normal(size=(7, 3)) * 0.1
    pixels, depth = one.project(points)
    projected, depth_here = CameraBatch.of([one]).project(torch.tensor(points, dtype=torch.float32)[None])
    assert np.allclose((projected[0].numpy() + 1.0) * 32.0, pixels, atol=1e-3)
    assert np.allclose(depth_here[0].numpy(), depth, atol=1e-5)


def test_sheets_lie_where_the_renderer_looks_for_them(network: Inversion) -> None:
    geometry = network.geometry.sheets()
    displacement = 0.01 * torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(3))
    manifolds = Manifolds(geometry.radius_m, geometry.spread, displacement[0], geometry.offsets_m, CHART_HALF_EXTENT)
    points = geometry.points(displacement, 128)[0, 5].numpy()
    assert np.allclose(points, manifolds.points(5, map_grid(128)), atol=1e-5)


def test_a_voxel_is_sampled_at_a_points_projection_and_depth() -> None:
    voxel = torch.zeros(1, 2, 4, 8, 8)
    voxel[0, 1, 3, 2, 6] = 1.0  # far, upper right
    projected = torch.tensor([[(6 + 0.5) / 4 - 1, (2 + 0.5) / 4 - 1]]).reshape(1, 1, 1, 1, 2)
    depth = torch.tensor(0.75 * 0.16).reshape(1, 1, 1, 1)
    assert sample_voxel(voxel, projected, depth, 0.16).flatten().tolist() == pytest.approx([0.0, 1.0], abs=1e-5)


def test_what_lies_behind_the_surface_or_on_the_outline_is_not_shown() -> None:
    opacity, depth = torch.zeros(1, 1, 32, 32), torch.full((1, 1, 32, 32), 1.3)
    opacity[..., 8:24, 8:24] = 1.0
    seen = shown(opacity, depth)
    places = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.47, 0.0], [0.9, 0.0]]).reshape(1, 1, 1, 4, 2)
    depths = torch.tensor([1.3, 1.36, 1.3, 1.3]).reshape(1, 1, 1, 4)
    in_front, behind, outline, outside = visibility(seen, places, depths, torch.ones(1)).flatten().tolist()
    assert in_front > 0.9 and behind < 0.01 and outline < 0.5 and outside < 0.01
    spread = torch.tensor([1.0, 8.0, 1.0, 1.0])  # where sheets lie eight times as far apart, the same depth is shown
    assert float(visibility(seen, places, depths, spread)[..., 1]) > 0.9


def test_no_background_is_left_in_a_clean_foreground() -> None:
    photo = torch.zeros(1, 3, 64, 64)
    photo[:, 1] = 1.0  # a green background
    photo[:, :, 16:48, 16:48] = torch.tensor([0.8, 0.1, 0.3])[:, None, None]
    sure = torch.zeros(1, 1, 64, 64)
    sure[..., 18:46, 18:46] = 1.0
    clean = clean_foreground(photo, sure)
    assert float((clean - torch.tensor([0.8, 0.1, 0.3])[:, None, None]).abs().max()) < 0.02


def test_weights_come_back_and_damage_is_noticed(network: Inversion, tmp_path: Path) -> None:
    template = LandmarkTemplate(np.zeros((478, 3), np.float32), np.ones(478, np.float32))
    save_weights(tmp_path, "tiny", "small", network, template)
    loaded = load_weights(folder=tmp_path)
    assert loaded.identity.startswith("tiny-")
    for name, value in network.state_dict().items():
        assert torch.allclose(loaded.network.state_dict()[name], value, atol=2e-3), name
    data = bytearray((tmp_path / "tiny.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "tiny.safetensors").write_bytes(data)
    load_weights.cache_clear()
    with pytest.raises(ProcessingError, match="damaged"):
        load_weights(folder=tmp_path)
    load_weights.cache_clear()


def test_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    def run(module: torch.nn.Linear, optimiser: torch.optim.AdamW, steps: int) -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            module(torch.ones(1, 3)).square().sum().backward()
            optimiser.step()

    def fresh() -> tuple[torch.nn.Linear, torch.optim.AdamW, MovingAverage]:
        torch.manual_seed(4)
        module = torch.nn.Linear(3, 2)
        return module, torch.optim.AdamW(module.parameters(), 1e-2), MovingAverage(module, 0.9)

    straight, optimiser, _ = fresh()
    run(straight, optimiser, 6)
    first, optimiser, average = fresh()
    run(first, optimiser, 3)
    save_checkpoint(tmp_path / "c.safetensors", first, average, optimiser, 3, 1.5)
    torch.manual_seed(9)
    again = torch.nn.Linear(3, 2)
    optimiser = torch.optim.AdamW(again.parameters(), 1e-2)
    step, seconds = load_checkpoint(tmp_path / "c.safetensors", again, MovingAverage(again, 0.9), optimiser)
    assert (step, seconds) == (3, 1.5)
    run(again, optimiser, 3)
    assert torch.allclose(again.weight, straight.weight, atol=1e-6)
    with pytest.raises(InputError, match="no checkpoint"):
        load_checkpoint(tmp_path / "missing.safetensors", again, MovingAverage(again, 0.9), optimiser)


def test_hidden_texels_go_on_with_their_own_sheet() -> None:
    red, green = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    photographed = torch.stack([red, green, torch.zeros(3)])[None, :, :, None, None].expand(1, 3, 3, 16, 16)
    weight = torch.zeros(1, 3, 16, 16)
    weight[:, :2, :, :8] = 0.9  # the left half of two sheets is seen, nothing of the third
    filled = surroundings(photographed, weight)[..., scalp_maps(16, CHART_HALF_EXTENT)[0] == 0]  # [1, 3, 3, N]
    assert (filled[0, 0] - red[:, None]).abs().max() < 0.02
    assert (filled[0, 1] - green[:, None]).abs().max() < 0.02
    assert (filled[0, 2] - 0.5 * (red + green)[:, None]).abs().max() < 0.02


def test_the_scalp_goes_on_behind_the_ears() -> None:
    behind, scalp = scalp_maps(64, CHART_HALF_EXTENT)
    skin, hair = torch.tensor([0.9, 0.6, 0.5])[:, None, None], torch.tensor([0.2, 0.1, 0.1])[:, None, None]
    weight = (behind == 0).float()[None, None].repeat(1, 2, 1, 1)  # all that a photograph from the front may show
    for top in (hair, skin):  # also of a bald head
        photographed = torch.where(scalp > 0.05, top, skin).repeat(1, 2, 1, 1, 1)
        filled = surroundings(photographed, weight)
        assert (filled[0, ..., behind == 1] - top[..., 0]).abs().max() < 0.05


def test_what_is_near_outweighs_what_is_much() -> None:
    colour, weight = torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    weight[..., :40] = 1.0  # a wide bright field, then a narrow dark rim beside the gap
    colour[..., :32] = 1.0
    assert push_pull(colour, weight)[..., 44:].max() < 0.25


def test_a_hidden_place_looks_like_its_mirror_image_in_its_own_side_s_light() -> None:
    size = 32
    pattern = torch.rand(1, 1, 3, size, size, generator=torch.Generator().manual_seed(5)) * 0.3 + 0.3
    head = 0.5 * (pattern + pattern.flip(-1))
    head[..., size // 2 :] *= 1.25  # lit from one side
    seen = torch.ones(1, 1, size, size)
    seen[:, :, 10:14, size - 8 :] = 0.0
    filled = surroundings(head * seen[:, :, None], seen)
    hidden = filled[0, 0, :, 10:14, size - 8 :] - head[0, 0, :, 10:14, size - 8 :]
    assert float(hidden.abs().mean()) < 0.03 < 0.3 * float(head[0, 0, :, 10:14, size - 8 :].std() * 2.0)


def test_weights_to_start_with_bring_their_own_mean_head(tmp_path: Path) -> None:
    theirs, other = np.full((128, 128), 0.12, np.float32), np.full((128, 128), 0.10, np.float32)
    started = Inversion(CONFIG)
    started.geometry.set_mean(theirs)
    save_weights(tmp_path / "weights", "test", "small", started, LandmarkTemplate(np.zeros((478, 3)), np.ones(478)))
    for start, expected in ((tmp_path / "weights", theirs), (None, other)):
        out = tmp_path / f"run {start is None}"
        config = TrainConfig(tmp_path, out, size="small", start=start, minutes=1e-9, device="cpu")
        np.testing.assert_allclose(train(config, other, []).geometry.radius_m.numpy(), expected)
