"""Sheet meshes, GLB and PLY, each opened by a program that did not write it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from made_portrait_truth import entries_m
from numpy.lib.stride_tricks import sliding_window_view
from plyfile import PlyData

from portrait_manifolds.backend.camera import Camera, save_cameras
from portrait_manifolds.backend.conventions import linear_to_srgb, srgb_to_linear
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.made.made_portrait import made_camera, made_offsets_m, made_portrait
from portrait_manifolds.backend.manifolds import direction_to_chart
from portrait_manifolds.backend.outputs.glb import export_glb
from portrait_manifolds.backend.outputs.ply import SIGMA_TEXELS, export_ply, overlap_opacity, visible_texels
from portrait_manifolds.backend.outputs.provenance import DIGITAL_SOURCE_TYPE
from portrait_manifolds.backend.outputs.sheets import dilated_colour, sheet_mesh
from portrait_manifolds.backend.portrait import Portrait

SKIN = int(np.flatnonzero(made_offsets_m(24) == 0.0)[0])


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return made_portrait(256)


@pytest.fixture
def empty(portrait: Portrait) -> Portrait:
    return replace(portrait, textures=np.zeros_like(portrait.textures))


def test_mesh_lies_on_the_manifold(portrait: Portrait) -> None:
    """Between its vertices too, the mesh is within a tenth of a millimetre of the surface, on every sheet."""
    weights = np.random.default_rng(0).dirichlet(np.ones(3), 4)  # [4, 3], points inside each triangle
    for sheet in np.flatnonzero(portrait.textures[..., 3].any(axis=(1, 2))):
        vertices, uv, faces = sheet_mesh(portrait, sheet)
        points = np.einsum("kc,fcd->kfd", weights, vertices[faces].astype(np.float64))
        directions = points / np.linalg.norm(points, axis=-1, keepdims=True)
        surface = portrait.manifolds.points(sheet, direction_to_chart(directions))
        assert np.linalg.norm(points - surface, axis=-1).max() < 1e-4
        assert uv.min() >= 0.0 and uv.max() <= 1.0 and len(np.unique(faces)) == len(vertices)


def test_mesh_faces_outwards(portrait: Portrait) -> None:
    vertices, _, faces = sheet_mesh(portrait, SKIN)
    a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
    assert (np.sum(np.cross(b - a, c - a) * a, axis=1) > 0).all()


def test_mesh_covers_exactly_the_opacity(portrait: Portrait) -> None:
    """One opaque texel is covered with its bilinear footprint, and little more."""
    textures = np.zeros_like(portrait.textures)
    textures[SKIN, 100, 60] = 255
    _, uv, faces = sheet_mesh(replace(portrait, textures=textures), SKIN)
    assert uv.min(axis=0) @ [256, 0] <= 59.5 and uv.max(axis=0) @ [256, 0] >= 61.5
    assert uv.min(axis=0) @ [0, 256] <= 99.5 and uv.max(axis=0) @ [0, 256] >= 101.5
    assert len(faces) == 2 * 3 * 3
    for cells in (64, 512):  # fewer and more cells than texels
        assert len(sheet_mesh(replace(portrait, textures=textures), SKIN, cells)[2]) <= 2 * 6 * 6
    assert all(len(part) == 0 for part in sheet_mesh(portrait, 0)), "an empty sheet has no mesh"


def test_dilation_keeps_colour_and_spreads_it() -> None:
    textures = np.zeros((2, 64, 64, 4), np.uint8)
    textures[0, 20:30, 20:40] = (200, 100, 50, 255)
    textures[0, 20:30, 20] = (10, 220, 30, 1)
    colour = dilated_colour(textures)
    painted = textures[0, ..., 3] > 0
    np.testing.assert_array_equal(colour[0][painted], textures[0, ..., :3][painted])
    np.testing.assert_allclose(colour[0, 31, 30], (200, 100, 50), atol=2)
    assert (colour[0].sum(-1) > 0).all() and not colour[1].any()


def test_glb_opens_in_trimesh(portrait: Portrait, tmp_path: Path) -> None:
    path = tmp_path / "head.glb"
    export_glb(portrait, path)
    assert path.stat().st_size < 20e6
    scene = trimesh.load_scene(path)
    parts = list(scene.geometry.values())
    assert len(parts) == np.count_nonzero(portrait.textures[..., 3].any(axis=(1, 2)))
    radii = [np.linalg.norm(part.vertices, axis=1).min() for part in parts]
    assert np.argmin(radii) == 0, "innermost first"
    skin = parts[0]
    np.testing.assert_allclose(skin.vertices, sheet_mesh(portrait, SKIN)[0], atol=1e-7)
    image = np.asarray(skin.visual.material.baseColorTexture)
    np.testing.assert_array_equal(image[..., 3], portrait.textures[SKIN, ..., 3])
    np.testing.assert_array_equal(image[..., :3], dilated_colour(portrait.textures[SKIN : SKIN + 1])[0])


def test_glb_says_what_it_is(portrait: Portrait, tmp_path: Path) -> None:
    export_glb(portrait, tmp_path / "head.glb")
    data = (tmp_path / "head.glb").read_bytes()
    assert data[:4] == b"glTF" and int.from_bytes(data[8:12], "little") == len(data)
    document = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    assert document["asset"]["version"] == "2.0"
    assert document["asset"]["extras"]["digitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert document["asset"]["copyright"] == portrait.provenance
    for material in document["materials"]:
        assert material["alphaMode"] == "BLEND" and not material.get("doubleSided", False)
        assert "KHR_materials_unlit" in material["extensions"]
    assert document["samplers"] == [{"magFilter": 9729, "minFilter": 9729, "wrapS": 33071, "wrapT": 33071}]


def test_empty_portraits_and_paths_that_cannot_be_written_are_refused_and_leave_nothing(
    portrait: Portrait, empty: Portrait, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    for export in (export_glb, export_ply):
        with pytest.raises(InputError, match="empty"):
            export(empty, tmp_path / "empty.out")
        for path in (tmp_path, file / "below"):
            with pytest.raises((InputError, ProcessingError)):
                export(portrait, path)
    assert os.listdir(tmp_path) == ["file"]


def test_sheets_with_nothing_on_the_sphere_are_left_out_of_a_glb(portrait: Portrait, tmp_path: Path) -> None:
    wide = replace(portrait.manifolds, half_extent=2.0)
    textures = np.zeros_like(portrait.textures)
    textures[0, :4, :4] = textures[SKIN, 100:104, 60:64] = 255
    export_glb(replace(portrait, manifolds=wide, textures=textures), tmp_path / "head.glb")
    drawn = trimesh.load_scene(tmp_path / "head.glb").geometry.values()
    assert [mesh.visual.material.name for mesh in drawn] == [f"sheet {SKIN:02d}"]
    textures[SKIN] = 0
    with pytest.raises(InputError, match="empty"):
        export_glb(replace(portrait, manifolds=wide, textures=textures), tmp_path / "none.glb")


def test_cycles_draws_the_glb_as_the_renderer_draws_the_portrait(portrait: Portrait, tmp_path: Path) -> None:
    """From the input camera and at 25 degrees: mean below 1/255 everywhere, largest below 8/255 off silhouettes.

    Cycles ignores a material's backface culling, so the backs of the sheets are hidden by a node; as imported, what
    lies in front of an opaque pixel is the same anyway.
    """
    pytest.importorskip("bpy")
    cameras = [made_camera().resized(256, 256), made_camera().orbited(25.0).resized(256, 256)]
    export_glb(portrait, tmp_path / "head.glb")
    save_cameras(tmp_path / "cameras.json", cameras)
    imported, culled = _cycles(tmp_path)
    for camera, with_backs_hidden, as_imported in zip(cameras, culled, imported, strict=True):
        rgba, _ = portrait.render(camera)
        error = _difference(rgba, with_backs_hidden)
        silhouette = _near_silhouettes(entries_m(camera))
        assert silhouette.mean() < 0.45
        assert error.mean() < 1.0 / 255.0 and error[~silhouette].max() < 8.0 / 255.0
        front = ~silhouette & (rgba[..., 3] > 254.5 / 255.0)
        assert front.sum() > 10000 and _difference(rgba, as_imported)[front].max() < 8.0 / 255.0


def test_splat_fields_and_axes(portrait: Portrait, tmp_path: Path) -> None:
    """The 3DGS layout; discs are tangent to their sheets, thin, and as wide as the texels need."""
    export_ply(portrait, tmp_path / "head.ply")
    ply = PlyData.read(tmp_path / "head.ply")
    assert not ply.text and ply.byte_order == "<" and any(DIGITAL_SOURCE_TYPE in line for line in ply.comments)
    splats = ply["vertex"]
    names = [p.name for p in splats.properties]
    assert names[:9] == ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"] and names[9:54] == [
        f"f_rest_{i}" for i in range(45)
    ]
    assert names[54:] == ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    assert splats.count == visible_texels(portrait).sum()
    values = {name: np.asarray(splats[name], np.float64) for name in names}
    assert all(np.isfinite(column).all() for column in values.values())
    rotation = _rotations(values)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-5)
    normal = np.stack([values[name] for name in ("nx", "ny", "nz")], axis=1)
    np.testing.assert_allclose(rotation[:, :, 2], normal, atol=1e-5)
    outward = np.stack([values[name] for name in "xyz"], axis=1)
    assert (np.sum(normal * outward, axis=1) > 0).all()
    scale = np.exp(np.stack([values[f"scale_{i}"] for i in range(3)], axis=1))
    assert scale[:, 2].max() < 1e-4 < scale[:, :2].min()


def test_splats_are_as_large_as_their_texels(tmp_path: Path) -> None:
    """A disc's two deviations, over SIGMA_TEXELS, span its texel: together the area of the mesh."""
    skin = made_portrait(128, sheets=1)
    export_ply(skin, tmp_path / "skin.ply")
    splats = PlyData.read(tmp_path / "skin.ply")["vertex"]
    area = np.exp(splats["scale_0"].astype(np.float64) + splats["scale_1"]).sum() / SIGMA_TEXELS**2
    vertices, _, faces = sheet_mesh(skin, 0)
    a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
    mesh_area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()
    assert 0.95 < area / mesh_area < 1.0  # the mesh has a texel's margin


def test_overlapping_splats_let_through_what_the_sheet_does() -> None:
    peaks = overlap_opacity(np.array([0.0, 0.3, 0.9, 1.0]))
    assert (np.diff(peaks) > 0).all() and 0.0 < peaks[0] < 2e-4 and peaks[-1] < 1.0
    x = np.arange(-4, 5)
    for offset in (0.0, 0.5):  # on a texel's centre, and on the corner between four
        gaussian = np.exp(-0.5 * ((x[:, None] - offset) ** 2 + (x - offset) ** 2) / SIGMA_TEXELS**2)
        assert 1.0 - np.prod(1.0 - peaks[-1] * gaussian) > 0.98
        assert abs(1.0 - np.prod(1.0 - peaks[1] * gaussian) - 0.3) < 0.06


def test_splats_show_the_portrait(tmp_path: Path) -> None:
    """A small independent splatter draws the file; it looks like the renderer's picture and has no holes."""
    portrait, camera = made_portrait(128), made_camera().resized(128, 128)
    export_ply(portrait, tmp_path / "head.ply")
    drawn, opacity = _splat(tmp_path / "head.ply", camera)
    rgba, _ = portrait.render(camera)
    inside = (rgba[..., 3] > 0.995) & ~_near_silhouettes(entries_m(camera))
    assert inside.sum() > 2500
    assert opacity[inside].min() > 0.97, "a hole"
    error = np.abs(drawn / np.maximum(opacity, 1e-6)[..., None] - rgba[..., :3])[inside]
    # The splats blur by 0.7 texel and blend encoded values: eyes and lashes differ, skin does not.
    assert error.mean() < 0.02 and np.median(error) < 0.01


def _cycles(folder: Path) -> np.ndarray:
    script = Path(__file__).with_name("blender_render_glb.py")
    names = ("head.glb", "cameras.json", "frames.npy")
    command = [sys.executable, str(script), *(str(folder / name) for name in names)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr[-2000:]
    return np.load(folder / "frames.npy")


def _difference(rgba: np.ndarray, premultiplied: np.ndarray) -> np.ndarray:
    """Largest difference [H, W] over black and over white, sRGB-encoded, of straight sRGB and linear premultiplied."""
    ours = np.concatenate([srgb_to_linear(rgba[..., :3]) * rgba[..., 3:], rgba[..., 3:]], axis=-1)
    over = [
        np.stack([linear_to_srgb(image[..., :3] + (1.0 - image[..., 3:]) * background) for background in (0.0, 1.0)])
        for image in (ours, premultiplied)
    ]
    return np.abs(over[0] - over[1]).max(axis=(0, -1))


def _near_silhouettes(entries: np.ndarray, reach_px: int = 2, jump_m: float = 0.02) -> np.ndarray:
    """Pixels [H, W] within `reach_px` of an outline of a sheet, or of a jump in its depth; entries [P, H, W]."""
    far = np.where(np.isfinite(entries), entries, 9.0)
    near = far = np.pad(far, ((0, 0), (reach_px, reach_px), (reach_px, reach_px)), mode="edge")
    for axis in (1, 2):
        near = sliding_window_view(near, 2 * reach_px + 1, axis).min(axis=-1)
        far = sliding_window_view(far, 2 * reach_px + 1, axis).max(axis=-1)
    return (far - near > jump_m).any(axis=0)


def _rotations(values: dict[str, np.ndarray]) -> np.ndarray:
    w, x, y, z = (values[f"rot_{i}"] for i in range(4))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _splat(path: Path, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Draws a 3DGS file as 3DGS does (EWA splatting, encoded colour, no culling): premultiplied [H, W, 3], [H, W]."""
    vertex = PlyData.read(path)["vertex"]
    values = {p.name: np.asarray(vertex[p.name], np.float64) for p in vertex.properties}
    points = np.stack([values[name] for name in "xyz"], axis=1)
    centre, depth = camera.project(points)
    scales = np.exp(np.stack([values[f"scale_{i}"] for i in range(3)], axis=1))
    axes = camera.camera_to_world[:3, :3].T @ (_rotations(values) * scales[:, None, :])  # [N, 3, 3], camera axes
    slope = (centre - [camera.cx_px, camera.cy_px]) / depth[:, None]
    projected = np.stack([camera.fx_px * axes[:, 0], -camera.fy_px * axes[:, 1]], axis=1) / depth[:, None, None]
    projected = projected + slope[:, :, None] * axes[:, None, 2]
    covariance = projected @ projected.transpose(0, 2, 1) + 0.05 * np.eye(2)  # a little low-pass, as 3DGS has
    inverse = np.linalg.inv(covariance)
    alpha = 1.0 / (1.0 + np.exp(-values["opacity"]))
    colour = np.clip(0.5 + 0.28209479177387814 * np.stack([values[f"f_dc_{i}"] for i in range(3)], axis=1), 0.0, 1.0)

    steps = np.stack(np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)), axis=-1).reshape(-1, 2)  # pixels of each splat
    pixel = np.floor(centre)[:, None].astype(int) + steps
    away = pixel + 0.5 - centre[:, None]
    weight = alpha[:, None] * np.exp(-0.5 * np.einsum("nki,nij,nkj->nk", away, inverse, away))
    size = np.array([camera.width_px, camera.height_px])
    splat, step = np.nonzero((weight > 1e-3) & ((pixel >= 0) & (pixel < size)).all(axis=-1))
    flat = pixel[splat, step] @ [1, camera.width_px]
    order = np.lexsort((depth[splat], flat))
    splat, flat, weight = splat[order], flat[order], np.minimum(weight[splat, step][order], 0.999)
    # Transmittance before each sample: a running sum of logs, restarted at each pixel.
    log = np.log1p(-weight)
    before = np.cumsum(log) - log
    first = np.searchsorted(flat, flat)
    contribution = weight * np.exp(before - before[first])
    count = camera.width_px * camera.height_px
    sums = [np.bincount(flat, contribution * channel, count) for channel in (*colour[splat].T, 1.0)]
    image = np.stack(sums, axis=-1).reshape(camera.height_px, camera.width_px, 4)
    return image[..., :3], image[..., 3]
