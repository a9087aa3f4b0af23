"""Splits, shards, photographs, and whole subjects from a stand-in head and wardrobe."""

import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training_stand_in import Everywhere, StandInDetector, write_stand_in

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.training import cli, network_cli, photos
from portrait_manifolds.backend.training import subject as subject_module
from portrait_manifolds.backend.training.assets import load_head_model, load_wardrobe
from portrait_manifolds.backend.training.atlas import make_skin_atlas
from portrait_manifolds.backend.training.cli import ShownExamples, SourceConfig, TrainData
from portrait_manifolds.backend.training.correspondence import sparse_map
from portrait_manifolds.backend.training.example_maker import ExampleMaker
from portrait_manifolds.backend.training.examples import DEPTH_UNIT_M, Example, Shards, save_shard
from portrait_manifolds.backend.training.fitting import fit_faces
from portrait_manifolds.backend.training.hair import GROWN_SHARES
from portrait_manifolds.backend.training.hair_shell import make_shell
from portrait_manifolds.backend.training.head_pieces import HeadParts
from portrait_manifolds.backend.training.library import Library
from portrait_manifolds.backend.training.network_cli import TrainExamples
from portrait_manifolds.backend.training.posture import Posture
from portrait_manifolds.backend.training.scalp import make_scalp
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


def maker_of(library: Library, seed: int = 0) -> ExampleMaker:
    return ExampleMaker(library, Everywhere(), size_px=48, novel_views=2, seed=seed)


@pytest.fixture(scope="module")
def maker(library: Library) -> ExampleMaker:
    return maker_of(library)


@pytest.fixture(scope="module")
def example(maker: ExampleMaker) -> Example:
    return maker.subject("train", 5)


def test_splits_share_nothing_and_lose_nothing() -> None:
    names = [f"p{i:03d}.jpg" for i in range(720)]
    hair, clothes = [*GROWN_SHARES, *(f"h{i}" for i in range(10))], [f"c{i}" for i in range(12)]
    splits = make_splits(names, hair, clothes)
    assert [len(splits[name].photos) for name in ("test", "validation", "train")] == [72, 36, 612]
    for kind, everything in (("photos", names), ("hair", hair), ("clothes", clothes)):
        counts = Counter(name for split in SPLITS for name in getattr(splits[split], kind))
        assert counts == Counter(everything)
        assert all(getattr(splits[split], kind) for split in SPLITS)
    assert make_splits(names[::-1], hair[::-1], clothes[::-1]) == splits


def test_few_photographs_all_go_to_training() -> None:
    assert divide(["a", "b"]) == {"train": ("a", "b"), "validation": (), "test": ()}


def test_subjects_of_different_splits_share_no_part(library: Library, maker: ExampleMaker) -> None:
    seen: dict[str, set[str]] = {}
    shapes = {}
    for name, part in maker.splits.items():
        subjects = [sample_subject(library.studio, part, i, seed=3) for i in range(4)]
        seen[name] = {subject.ids.hair for subject in subjects} | {subject.ids.clothes for subject in subjects} - {""}
        assert seen[name] <= {*part.hair, *part.clothes}
        shapes[name] = {subject.landmarks_m.tobytes() for subject in subjects}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not shapes["train"] & shapes["test"]


def test_skins_are_of_a_splits_own_photographs(library: Library, maker: ExampleMaker, tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(6)]
    for name in names:
        Image.new("RGB", (64, 64), (190, 150, 130)).save(tmp_path / f"{name}.webp")
    tones = dict.fromkeys(names, np.array([0.5, 0.3, 0.22], np.float32))
    studio = replace(library.studio, skins=SkinLibrary(tmp_path, tones))
    part = replace(maker.splits["train"], photos=tuple(names[:2]))
    ids = [sample_subject(studio, part, index, seed=3).ids for index in range(12)]
    assert {one.photo for one in ids} | {one.second_photo for one in ids} == {"", *part.photos}
    assert any(one.second_photo for one in ids)


def values(example: Example) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in vars(example).items()}


def test_the_same_seed_gives_the_same_bytes(library: Library, example: Example) -> None:
    again = maker_of(library)
    again.subject("train", 7)  # what was made before must not matter
    assert values(again.subject("train", 5)) == values(example)
    for other in (maker_of(library, seed=1).subject("train", 5), again.subject("test", 5), again.subject("train", 6)):
        assert other.photo.tobytes() != example.photo.tobytes()


def test_an_example_is_whole(example: Example) -> None:
    assert example.photo.shape == (48, 48, 3)
    assert example.rgba.shape == (3, 48, 48, 4)
    for view in range(3):
        opaque = example.rgba[view, ..., 3] == 255
        assert 0.15 < opaque.mean() < 0.98
        depth_m = example.depth[view] * DEPTH_UNIT_M
        assert ((depth_m > 0) == (example.rgba[view, ..., 3] > 0)).mean() > 0.98
        distance_m = np.linalg.norm(example.camera(view).position_m)
        assert np.abs(depth_m[opaque] - distance_m).max() < 0.5
    assert 0.07 < example.radius_m[32, 32] < 0.16


def test_some_show_bare_shoulders(library: Library, maker: ExampleMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    people, part = [], maker.splits["train"]
    for share in (0.0, 1.0):
        monkeypatch.setattr(subject_module, "BARE_SHARE", share)
        people.append(sample_subject(library.studio, part, 0, seed=5))
    dressed, bare = people
    assert dressed.ids.clothes in part.clothes and not bare.ids.clothes
    assert len(bare.mesh.triangles) < len(dressed.mesh.triangles)


def test_depth_agrees_with_rays(library: Library, maker: ExampleMaker) -> None:
    """Every opaque pixel's ray is cast at all triangles by Moeller and Trumbore's formula, which shares no code."""
    subject = sample_subject(library.studio, maker.splits["train"], 2, seed=0)
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


def test_shards_keep_examples_exactly(tmp_path: Path, maker: ExampleMaker, example: Example) -> None:
    examples = [example, maker.subject("train", 0), maker.subject("train", 1)]
    save_shard(tmp_path / "train-00-00000.safetensors", examples[:2])
    save_shard(tmp_path / "train-00-00001.safetensors", examples[2:])
    save_shard(tmp_path / "test-00-00000.safetensors", examples[:1])
    stored = Shards(tmp_path, "train")
    assert len(stored) == 3
    for index, kept in enumerate(examples):
        for name, value in vars(kept).items():
            found = getattr(stored[index], name)
            assert found.dtype == value.dtype
            np.testing.assert_array_equal(found, value)


def test_a_cut_shard_is_refused(tmp_path: Path, example: Example) -> None:
    path = tmp_path / "train-00-00000.safetensors"
    save_shard(path, [example])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="delete it"):
        Shards(tmp_path, "train")


def test_a_full_disk_leaves_no_shard(tmp_path: Path, example: Example) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(ProcessingError, match="free some space"):
            save_shard(tmp_path / "train-00-00000.safetensors", [example])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_unreadable_faceless_and_many_faced_photographs_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class CountingDetector(StandInDetector):
        """Finds as many faces as the first pixel's red says."""

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


def test_a_sheet_shows_subjects_and_tells_what_it_lacks(
    library: Library, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SourceConfig, "open", lambda self: library)
    monkeypatch.setattr(cli, "LandmarkDetector", Everywhere)

    def show(count: int, **which: object) -> np.ndarray:
        shown = ShownExamples(size_px=48, **which)
        TrainData(examples=shown, preview=tmp_path / "sheet.png", preview_count=count, preview_tile_px=48).run()
        with Image.open(tmp_path / "sheet.png") as picture:
            return np.asarray(picture)

    picture = show(6)
    assert picture.shape == (2 * 48, 4 * 3 * 48, 3)
    np.testing.assert_array_equal(picture[48:, 3 * 48 : 4 * 48], example.photo)  # the sixth, whose number is five
    with pytest.raises(InputError, match="at least three"):
        show(6, kind="portraits", split="test")
    with pytest.raises(InputError, match="at least 1"):
        show(0)


def test_few_photographs_make_no_shards_for_test(
    library: Library, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = replace(library, faces=replace(library.faces, names=("a.jpg", "b.jpg")))
    monkeypatch.setattr(SourceConfig, "open", lambda self: two)
    monkeypatch.setattr(network_cli, "LandmarkDetector", Everywhere)
    monkeypatch.setattr(ExampleMaker, "photograph", lambda self, name: example)
    network_cli._draw((TrainExamples(tmp_path), [(part, "real", 0) for part in SPLITS]))
    assert [path.name for path in tmp_path.iterdir()] == ["real-train-00000.safetensors"]
    assert len(Shards(tmp_path, "real-train")) == 2 and not len(Shards(tmp_path, "real-test"))


def test_a_wardrobe_too_small_to_divide_is_told(library: Library) -> None:
    wardrobe = library.studio.wardrobe
    coats = dict(list(wardrobe.clothes.items())[:2])
    studio = replace(library.studio, wardrobe=replace(wardrobe, clothes=coats))
    with pytest.raises(InputError, match="whole wardrobe"):
        maker_of(replace(library, studio=studio)).subject("test", 0)


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
    library: Library, maker: ExampleMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = []
    for back_m in (0.0, 0.05):
        monkeypatch.setattr(subject_module, "sample_posture", lambda rng, back_m=back_m: Posture(back_m, 0.0))
        people.append(sample_subject(library.studio, maker.splits["train"], 0, seed=5))
    upright, leaning = (person.mesh.vertices_m for person in people)
    body, head = upright[:, 1] < -0.24, upright[:, 1] > -0.05
    np.testing.assert_allclose(upright[body, 2] - leaning[body, 2], 0.05, atol=1e-6)
    np.testing.assert_array_equal(upright[head], leaning[head])
    np.testing.assert_array_equal(people[0].landmarks_m, people[1].landmarks_m)
