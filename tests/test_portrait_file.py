"""The .portrait file: round trips, size, and what is refused."""

import gc
import json
import pickle
import weakref
from copy import deepcopy
from dataclasses import replace
from errno import EACCES
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from conftest import random_portrait
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, WIDE_HALF_EXTENT
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.portrait import Portrait


def same(a: Portrait, b: Portrait) -> bool:
    visible = a.textures[..., 3] > 0
    return (
        np.array_equal(a.textures[..., 3], b.textures[..., 3])
        and np.array_equal(a.textures[visible], b.textures[visible])
        and all(
            np.array_equal(x, y) for x, y in zip(vars(a.manifolds).values(), vars(b.manifolds).values(), strict=True)
        )
        and a.input_camera == b.input_camera
        and np.array_equal(a.crop.to_photo, b.crop.to_photo)
        and (a.photo_sha256, a.weights_id, a.provenance) == (b.photo_sha256, b.weights_id, b.provenance)
    )


def test_a_portrait_comes_back_as_it_was(tmp_path: Path) -> None:
    portrait = replace(random_portrait(), photo_sha256="ab" * 32, weights_id="none")
    path = tmp_path / "Ünï cødé" / "a b.portrait"
    portrait.save(path)
    assert same(portrait, Portrait.load(path))
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # no temporary left


def test_the_same_portrait_is_the_same_file(tmp_path: Path) -> None:
    for name in "abcd":
        random_portrait().save(tmp_path / name)
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


def test_a_portrait_can_be_pickled_and_copied_once_it_is_drawn() -> None:
    portrait = random_portrait()
    expected, _ = portrait.render(portrait.input_camera)
    for other in (pickle.loads(pickle.dumps(portrait)), deepcopy(portrait)):
        assert same(portrait, other) and np.array_equal(other.render(other.input_camera)[0], expected)
        assert other != portrait and len({other, portrait}) == 2


def test_what_was_pickled_and_copied_is_as_read_only_as_it_was() -> None:
    """Else a write would change what is saved and not what is drawn."""
    portrait = random_portrait()
    for other in (pickle.loads(pickle.dumps(portrait)), deepcopy(portrait)):
        arrays = (other.textures, other.crop.to_photo, other.input_camera.camera_to_world)
        manifolds = other.manifolds
        arrays += (manifolds.radius_m, manifolds.spread, manifolds.displacement_m, manifolds.offsets_m)
        assert not [array for array in arrays if array.flags.writeable]


def test_a_portrait_that_was_drawn_goes_with_its_last_user() -> None:
    gc.disable()  # which would find a portrait and a renderer that keep each other, but only some day
    try:
        portrait = random_portrait()
        recoloured = portrait.recoloured(255 - portrait.textures)
        gone = []
        for drawn in (portrait, recoloured):
            drawn.render(drawn.input_camera)
            gone += [weakref.ref(drawn), weakref.ref(drawn.renderer)]
        del portrait, recoloured, drawn
        assert [reference() for reference in gone] == 4 * [None]
    finally:
        gc.enable()


def test_what_a_picture_was_prepared_from_cannot_be_written_into() -> None:
    given = random_portrait().textures.copy()
    portrait = replace(random_portrait(), textures=given)
    names = ("radius_m", "spread", "displacement_m", "offsets_m")
    for values in (portrait.textures, *(getattr(portrait.manifolds, name) for name in names)):
        with pytest.raises(ValueError, match="read-only"):
            values[:] = 0
    given[:] = 0  # what is given stays its owner's


def test_a_file_that_may_not_be_read_is_not_called_missing(
    tmp_path: Path, saved: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.portrait").write_bytes(saved)
    monkeypatch.setattr(Path, "open", Mock(side_effect=PermissionError(EACCES, "Permission denied")))
    with pytest.raises(InputError, match="Permission denied"):
        Portrait.load(tmp_path / "a.portrait")


def test_a_portrait_at_the_default_size_is_small(tmp_path: Path, head: Portrait) -> None:
    head.save(tmp_path / "head.portrait")
    assert (tmp_path / "head.portrait").stat().st_size < 30e6
    full = replace(head, textures=np.maximum(head.textures, 1))  # nothing to leave out: the largest there can be
    full.save(tmp_path / "full.portrait")
    assert (tmp_path / "full.portrait").stat().st_size < 30e6
    assert same(head, Portrait.load(tmp_path / "head.portrait"))


def test_the_chart_comes_back_and_files_without_one_have_that_of_before(tmp_path: Path) -> None:
    portrait = random_portrait(texture_size=32)
    wide = replace(portrait, manifolds=replace(portrait.manifolds, half_extent=WIDE_HALF_EXTENT))
    wide.save(tmp_path / "wide.portrait")
    assert same(wide, Portrait.load(tmp_path / "wide.portrait"))
    saved = (tmp_path / "wide.portrait").read_bytes()
    first = rewritten(tmp_path / "first.portrait", saved, metadata={"format_version": "1"})
    assert Portrait.load(first).manifolds.half_extent == CHART_HALF_EXTENT < WIDE_HALF_EXTENT


def test_an_empty_portrait_is_a_portrait(tmp_path: Path) -> None:
    portrait = random_portrait(texture_size=32)
    portrait = replace(portrait, textures=np.zeros_like(portrait.textures))
    portrait.save(tmp_path / "empty.portrait")
    assert same(portrait, Portrait.load(tmp_path / "empty.portrait"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("saved") / "a.portrait"
    random_portrait(texture_size=32).save(path)
    return path.read_bytes()


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_damaged_file_is_refused_or_read_never_worse(
    tmp_path_factory: pytest.TempPathFactory, saved: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(saved[: data.draw(st.integers(0, len(saved)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, min(len(damaged) - 1, 3000)))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.portrait"
    path.write_bytes(damaged)
    try:
        assert isinstance(Portrait.load(path), Portrait)
    except InputError as error:
        assert str(path) in str(error)  # names the file it is about


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_file_cut_short_is_refused(tmp_path: Path, saved: bytes, share: float) -> None:
    path = tmp_path / "short.portrait"
    path.write_bytes(saved[: int(share * len(saved))])
    with pytest.raises(InputError, match="cut short"):
        Portrait.load(path)


def rewritten(path: Path, saved: bytes, tensors: dict | None = None, metadata: dict | None = None) -> Path:
    path.write_bytes(saved)
    header = json.loads(saved[8 : 8 + int.from_bytes(saved[:8], "little")])
    save_file(load_file(path) | (tensors or {}), path, header["__metadata__"] | (metadata or {}))
    return path


@pytest.mark.parametrize(
    ("tensors", "metadata", "word"),
    [
        ({}, {"format_version": "3"}, "version '3'"),
        ({}, {"chart_half_extent": "2.5"}, "chart"),
        ({}, {"chart_half_extent": "nan"}, "chart"),
        ({}, {"chart_half_extent": "wide"}, "damaged"),
        ({}, {"format": "other"}, "not a portrait"),
        ({}, {"texture_size": "48000"}, "not possible"),
        ({}, {"texture_size": "16"}, "tiles"),
        ({}, {"input_camera": "{}"}, "lacks"),
        ({}, {"provenance": "two\nlines"}, "provenance"),
        ({}, {"alignment": "[[0, 0, 0], [0, 0, 0]]"}, "alignment"),
        ({"radius": np.zeros((4, 4), np.float64)}, {}, "float64"),
        ({"radius": np.full((12, 12), np.inf, np.float32)}, {}, "finite"),
        ({"offsets": np.zeros(3, np.float32)}, {}, "ascending"),
        ({"tile_index": np.array([7, 3], np.int32)}, {}, "tiles"),
        ({"radius": np.zeros((2048, 2048), np.float32)}, {}, "wide"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, saved: bytes, tensors: dict, metadata: dict, word: str) -> None:
    with pytest.raises(InputError, match=word):
        Portrait.load(rewritten(tmp_path / "a.portrait", saved, tensors, metadata))


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"provenance": "two\nlines"}, "line of text"),
        ({"provenance": "long " * 1000}, "line of text"),
        ({"photo_sha256": None}, "line of text"),
        ({"weights_id": 3}, "line of text"),
        ({"textures": np.broadcast_to(np.zeros(4, np.uint8), (17, 2048, 2048, 4))}, "together"),
    ],
    ids=["lines", "length", "nothing", "number", "texels"],
)
def test_what_could_not_be_read_again_is_no_portrait(parts: dict, word: str) -> None:
    """Else it would be lost once it is saved."""
    portrait = random_portrait(sheets=17 if "textures" in parts else 3)
    with pytest.raises(InputError, match=word):
        replace(portrait, **parts)


def test_a_map_that_could_not_be_read_again_is_none() -> None:
    manifolds = random_portrait(texture_size=32).manifolds
    with pytest.raises(InputError, match="wide"):
        replace(manifolds, displacement_m=np.zeros((1025, 1025), np.float32))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot read"):
        Portrait.load(tmp_path / "missing.portrait")
    (tmp_path / "picture.portrait").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match="not a portrait"):
        Portrait.load(tmp_path / "picture.portrait")
    with pytest.raises(InputError):
        Portrait.load(tmp_path)


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder"):
        random_portrait().save(tmp_path / "file" / "a.portrait")
    with pytest.raises(InputError, match="folder"):
        random_portrait().save(tmp_path)


@pytest.mark.parametrize(
    ("textures", "word"),
    [
        (np.zeros((2, 16, 16, 4), np.uint8), "one a sheet"),
        (np.zeros((3, 16, 32, 4), np.uint8), "square"),
        (np.zeros((3, 24, 24, 4), np.uint8), "square"),
        (np.zeros((3, 16, 16, 3), np.uint8), "RGBA"),
        (np.zeros((3, 8, 8, 4), np.uint8), "16 to 2048"),
        (np.zeros((3, 16, 16, 4), np.float32), "8-bit"),
    ],
)
def test_textures_that_do_not_fit_are_refused(textures: np.ndarray, word: str) -> None:
    with pytest.raises(InputError, match=word):
        replace(random_portrait(), textures=textures)
