"""Frames of an animation, read back whole however large, and files that only have their names."""

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from portrait_manifolds.backend.camera import MAX_SIDE_PX
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.frames.animation import render_frames
from portrait_manifolds.backend.frames.frame_files import made_of, read_frame
from portrait_manifolds.backend.outputs.exr import save_exr
from portrait_manifolds.backend.outputs.png import save_png
from portrait_manifolds.backend.portrait import Portrait


@pytest.mark.filterwarnings("error")
def test_a_frame_is_read_that_pillow_takes_for_an_attack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (30, 40, 4)).astype(np.float32) / 255.0
    save_png(tmp_path / "frame_0001.png", rgba, "of a test", "note")
    for limit in (1000, 100):  # warns above it, and refuses above twice as many
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        frame = read_frame(tmp_path / "frame_0001.png")
        np.testing.assert_array_equal(frame.rgba, rgba)
        assert (frame.provenance, made_of(tmp_path / "frame_0001.png")) == ("of a test", "note")


@pytest.mark.parametrize("kind", ["png", "exr"])
def test_what_is_no_frame_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"frame_0001.{kind}"
    save = save_png if kind == "png" else lambda path, rgba: save_exr(path, rgba, rgba[..., 0])
    save(path, np.zeros((8, 8, 4), np.float32))
    whole = path.read_bytes()
    if kind == "png":
        Image.new("1", (MAX_SIDE_PX + 1, 1)).save(path)
    else:
        OpenEXR.File({}, {"RGBA": np.zeros((1, MAX_SIDE_PX + 1, 4), np.float16)}).write(str(path))
    with pytest.raises(InputError, match="more than a frame has"):
        read_frame(path)
    for content in (b"", b"no picture", whole[:20], whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert made_of(path) is None
        with pytest.raises(InputError, match="draw it again"):
            read_frame(path)


@pytest.mark.parametrize("wrong", [{"samples": 9}, {"samples": 1.5}])
def test_an_option_that_cannot_be_drawn_leaves_finished_frames(
    tmp_path: Path, small_head: Portrait, wrong: dict[str, float]
) -> None:
    """They differ from what was asked for, but nothing would take their place."""
    cameras = [small_head.camera(16, 16)] * 2
    finished = [path.read_bytes() for path in render_frames(small_head, cameras, tmp_path, "exr")]
    with pytest.raises(InputError, match="cannot be drawn"):
        render_frames(small_head, cameras, tmp_path, "exr", **wrong)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == finished


@pytest.mark.parametrize(
    "wrong",
    [{"frame_step": 0}, {"frame_step": -1}, {"depth_scale": 0.0}, {"depth_scale": -1.0}, {"depth_scale": np.inf}],
)
def test_frames_of_one_name_and_depths_without_a_scale_are_refused(
    tmp_path: Path, small_head: Portrait, wrong: dict[str, float]
) -> None:
    with pytest.raises(InputError, match=r"Frames .* cannot be written"):
        render_frames(small_head, [small_head.camera(16, 16)] * 2, tmp_path, "exr", **wrong)
    assert not list(tmp_path.iterdir())
