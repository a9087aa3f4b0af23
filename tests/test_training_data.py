"""Splits, shards, photographs, and whole subjects from a stand-in head and wardrobe."""

import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training_stand_in import write_stand_in

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.training import photos, subject
from portrait_manifolds.backend.training import subject as subject_module
from portrait_manifolds.backend.training.assets import load_head_model, load_wardrobe
from portrait_manifolds.backend.training.atlas import make_skin_atlas
from portrait_manifolds.backend.training.correspondence import sparse_map
from portrait_manifolds.backend.training.dataset import CachedDataset, DataConfig, PortraitDataset, decoded_names
from portrait_manifolds.backend.training.fitting import fit_faces
from portrait_manifolds.backend.training.hair import GROWN_STYLES, make_shell
from portrait_manifolds.backend.training.head_pieces import HeadParts
from portrait_manifolds.backend.training.library import Library
from portrait_manifolds.backend.training.posture import Posture
from portrait_manifolds.backend.training.scalp import make_scalp
from portrait_manifolds.backend.training.shards import read_example, write_shard
from portrait_manifolds.backend.training.skins import fill_in
from portrait_manifolds.backend.training.splits import SPLITS, divide, make_splits
from portrait_manifolds.backend.training.studio import SkinLibrary, Studio
from portrait_manifolds.backend.training.subject import sample_subject
from portrait_manifolds.backend.training.template import MAX_LOG_SLOPE, landmark_template, log_slope, mean_radius_m
from portrait_manifolds.backend.training.views import render_view


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A studio without photographs: all skins are painted."""
    folder = write_stand_in(tmp_path_factory.mktemp("data"))
    head, wardrobe = load_head_model(folder), load_wardrobe(folder)
    landmark_map = sparse_map(head)
    studio = Studio(
        head=head, wardrobe=wardrobe, parts=HeadParts(head), atlas=make_skin_atlas(head, 64),
        scalp=make_scalp(head, wardrobe), shells={name: make_shell(g) for name, g in wardrobe.hair.items()},
        landmark_map=landmark_map, skins=SkinLibrary(folder, {}), fitted_expressions={}, hair_colours={},
        backgrounds={},
    )  # fmt: skip
    none = photos.PhotoFaces(folder, (), np.zeros((0, 478, 2), np.float32), np.zeros((0, 2), np.int32), ())
    return Library(studio, none, fit_faces(head, landmark_map, none.points_px), {}, folder)


@pytest.fixture(scope="module")
def dataset(library: Library) -> PortraitDataset:
    return PortraitDataset(library, DataConfig(size_px=48, novel_size_px=32, novel_views=2), length=40)


def test_splits_share_nothing_and_lose_nothing() -> None:
    names = [f"p{i:03d}.jpg" for i in range(720)]
    hair, clothes = [*GROWN_STYLES, *(f"h{i}" for i in range(10))], [f"c{i}" for i in range(12)]
    splits = make_splits(names, hair, clothes)
    assert [len(splits[name].photos) for name in ("test", "validation", "train")] == [72, 36, 612]
    for kind, everything in (("photos", names), ("hair", hair), ("clothes", clothes)):
        counts = Counter(name for split in SPLITS for name in getattr(splits[split], kind))
        assert counts == Counter(everything)
        assert all(getattr(splits[split], kind) for split in SPLITS)
    assert make_splits(names[::-1], hair[::-1], clothes[::-1]) == splits


def test_few_photographs_all_go_to_training() -> None:
    assert divide(["a", "b"]) == {"train": ("a", "b"), "validation": (), "test": ()}


def test_subjects_of_different_splits_share_no_part(library: Library) -> None:
    seen: dict[str, set[str]] = {}
    shapes = {}
    for name in SPLITS:
        part = PortraitDataset(library, DataConfig(split=name, size_px=32, novel_size_px=32, novel_views=0), length=6)
        subjects = [sample_subject(library.studio, part.split, i, seed=3) for i in range(4)]
        seen[name] = {subject.ids.hair for subject in subjects} | {subject.ids.clothes for subject in subjects} - {""}
        shapes[name] = {subject.landmarks_m.tobytes() for subject in subjects}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not shapes["train"] & shapes["test"]


def test_the_same_seed_gives_the_same_bytes(library: Library, dataset: PortraitDataset) -> None:
    again = PortraitDataset(library, dataset.config, length=40)
    other = PortraitDataset(library, DataConfig(size_px=48, novel_size_px=32, seed=1), length=40)
    again[7]  # what was made before must not matter
    first, second, third = dataset[5], again[5], other[5]
    assert {name: value.tobytes() for name, value in first.items()} == {n: v.tobytes() for n, v in second.items()}
    assert first["photo"].tobytes() != third["photo"].tobytes()


def test_an_example_is_whole(dataset: PortraitDataset) -> None:
    example = dataset[0]
    assert example["photo"].shape == (48, 48, 3)
    assert example["novel_rgba"].shape == (2, 32, 32, 4)
    opaque = example["input_rgba"][..., 3] == 255
    assert 0.15 < opaque.mean() < 0.98
    depth_m = example["input_depth"] * 1e-4
    assert ((depth_m > 0) == (example["input_rgba"][..., 3] > 0)).mean() > 0.98
    distance = np.linalg.norm(example["cameras"][0][:3, 3])
    assert np.abs(depth_m[opaque] - distance).max() < 0.5
    centre = example["radius"][32, 32]
    assert 0.07 < centre < 0.16
    names = decoded_names(example["names"])
    assert names[0] == "0"
    assert names[3] in dataset.split.hair
    assert names[4] in (*dataset.split.clothes, "")


def test_some_show_bare_shoulders(library: Library, dataset: PortraitDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    people = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(subject, "BARE_SHARE", share)
        people.append(sample_subject(library.studio, dataset.split, 0, seed=5))
    dressed, bare = people
    assert dressed.ids.clothes in dataset.split.clothes and not bare.ids.clothes
    assert len(bare.mesh.triangles) < len(dressed.mesh.triangles)


def test_depth_agrees_with_rays(library: Library) -> None:
    """Every opaque pixel's ray is cast at all triangles by Moeller and Trumbore's formula, which shares no code."""
    split = PortraitDataset(library, DataConfig(), length=9).split
    subject = sample_subject(library.studio, split, 2, seed=0)
    camera = look_at((0.2, 0.1, 1.2), fov_deg=14.0, width_px=20, height_px=20)
    view = render_view(subject, camera, None, samples=1)
    mesh, opaque_texture = subject.mesh, np.array([texture.opaque for texture in subject.textures] + [True])
    solid = mesh.triangles[opaque_texture[mesh.texture_of_triangle]]
    a, b, c = (mesh.vertices_m[solid[:, k]].astype(np.float64) for k in range(3))
    origin, directions = camera.rays()
    checked = 0
    for row, column in np.argwhere(view.rgba[..., 3] == 255)[::7]:
        direction = directions[row, column]
        p = np.cross(direction, c - a)
        determinant = ((b - a) * p).sum(1)
        determinant = np.where(np.abs(determinant) < 1e-14, np.inf, determinant)
        u = ((origin - a) * p).sum(1) / determinant
        q = np.cross(origin - a, b - a)
        v = (q @ direction) / determinant
        t = ((c - a) * q).sum(1) / determinant
        hits = t[(u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)]
        if len(hits) and view.depth_m[row, column] > hits.min() - 1e-3:  # no translucent layer in front
            assert view.depth_m[row, column] == pytest.approx(hits.min(), abs=2e-3)
            checked += 1
    assert checked > 10


def test_shards_keep_examples_exactly(tmp_path: Path, dataset: PortraitDataset) -> None:
    examples = [dataset[i] for i in range(3)]
    write_shard(tmp_path / "shard-00000.safetensors", examples[:2], {"plan": "x"})
    write_shard(tmp_path / "shard-00001.safetensors", examples[2:], {"plan": "x"})
    cached = CachedDataset(tmp_path)
    assert len(cached) == 3
    for index, example in enumerate(examples):
        stored = cached[index]
        assert stored.keys() == example.keys()
        for name, value in example.items():
            assert stored[name].dtype == value.dtype
            np.testing.assert_array_equal(stored[name], value)


def test_a_cut_shard_is_refused(tmp_path: Path, dataset: PortraitDataset) -> None:
    path = tmp_path / "shard-00000.safetensors"
    write_shard(path, [dataset[0]], {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="delete it"):
        read_example(path, 0)
    with pytest.raises(InputError, match="no shards"):
        CachedDataset(tmp_path / "empty")


def test_a_full_disk_leaves_no_shard(tmp_path: Path, dataset: PortraitDataset) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    example = dataset[0]
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(ProcessingError, match="free some space"):
            write_shard(tmp_path / "shard-00000.safetensors", [example], {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_unreadable_faceless_and_many_faced_photographs_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class CountingDetector:
        """Finds as many faces as the first pixel's red says."""

        def __enter__(self) -> "CountingDetector":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def faces(self, photo: np.ndarray) -> np.ndarray:
            return np.zeros((int(photo[0, 0, 0]), 478, 2), np.float32)

    for name, faces in (("none.png", 0), ("one.png", 1), ("two.png", 2)):
        Image.fromarray(np.full((20, 20, 3), faces, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("no picture at all")
    monkeypatch.setattr(photos, "LandmarkDetector", CountingDetector)
    found = photos.find_faces(tmp_path, photos.photo_names(tmp_path))
    assert found.names == ("one.png",)
    assert len(found.skipped) == 3
    assert "skipped 3 of 4 photographs" in caplog.text
    for name in ("broken.jpg", "none.png", "two.png"):
        assert sum(name in line for line in found.skipped) == 1


def test_missing_and_empty_photo_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unitedstates/images"):
        photos.photo_names(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no picture"):
        photos.photo_names(tmp_path)


def test_a_user_without_photographs_is_told(library: Library) -> None:
    with pytest.raises(InputError, match="at least three"):
        PortraitDataset(library, DataConfig(kind="portraits", split="test"))


def test_filling_keeps_what_is_known_and_invents_nothing_extreme() -> None:
    rng = np.random.default_rng(0)
    picture = rng.uniform(0.3, 0.6, (64, 64, 3)).astype(np.float32)
    weight = (rng.random((64, 64)) < 0.2).astype(np.float32)
    filled = fill_in(picture * weight[..., None], weight, np.zeros(3))
    np.testing.assert_allclose(filled[weight > 0], picture[weight > 0], atol=1e-6)
    assert filled.min() > 0.29
    assert filled.max() < 0.61


def test_the_shipped_radius_is_smooth_and_the_template_is_a_face(library: Library) -> None:
    studio = library.studio
    radius = mean_radius_m(studio.head, studio.wardrobe, 64)
    template = landmark_template(studio.head, studio.landmark_map)
    assert 0.059 < radius.min() < radius.max() < 0.27
    u = (np.arange(64) + 0.5) / 32 - 1
    disc = np.hypot(*np.meshgrid(u, u)) < 0.95
    assert log_slope(np.log(radius))[disc].max() < MAX_LOG_SLOPE + 0.05
    np.testing.assert_allclose(radius[disc], radius[:, ::-1][disc], rtol=0.05)
    assert (template.weights >= 0).all()
    assert template.weights.max() == 1.0


def test_subjects_hold_their_heads_as_their_posture_says(
    library: Library, dataset: PortraitDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = []
    for back_m in (0.0, 0.05):
        monkeypatch.setattr(subject_module, "sample_posture", lambda rng, back_m=back_m: Posture(back_m, 0.0))
        people.append(sample_subject(library.studio, dataset.split, 0, seed=5))
    upright, leaning = (person.mesh.vertices_m for person in people)
    body, head = upright[:, 1] < -0.24, upright[:, 1] > -0.05
    np.testing.assert_allclose(upright[body, 2] - leaning[body, 2], 0.05, atol=1e-6)
    np.testing.assert_array_equal(upright[head], leaning[head])
    np.testing.assert_array_equal(people[0].landmarks_m, people[1].landmarks_m)
