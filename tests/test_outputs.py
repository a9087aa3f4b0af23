"""PNG, EXR and MP4, each read back by a program that did not write it."""

import os
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import OpenEXR
import pytest
from PIL import Image

from portrait_manifolds.backend.atomic import atomic_path
from portrait_manifolds.backend.batch.settings import Settings
from portrait_manifolds.backend.conventions import linear_to_srgb, srgb_to_linear
from portrait_manifolds.backend.errors import InputError, ProcessingError
from portrait_manifolds.backend.outputs.exr import save_exr
from portrait_manifolds.backend.outputs.mp4 import MAX_FPS, MIN_FPS, Mp4Writer, frame_rate
from portrait_manifolds.backend.outputs.png import save_png
from portrait_manifolds.backend.outputs.provenance import DIGITAL_SOURCE_TYPE
from portrait_manifolds.backend.picture.compositing import over_background

NOTE = 'Synthetic view of <Zoë & Søren>, "made up"'


@pytest.fixture
def picture() -> tuple[np.ndarray, np.ndarray]:
    """A 47 x 33 picture of flat patches and a slope: RGBA [33, 47, 4] and depth [33, 47]."""
    rgba = np.zeros((33, 47, 4), np.float32)
    rgba[:, :24] = (0.8, 0.3, 0.2, 1.0)
    rgba[:, 24:] = (0.2, 0.6, 0.9, 1.0)
    rgba[17:, :, 3] = 0.5
    rgba[:8, :, 3] = 0.0
    depth = np.linspace(0.7, 1.3, 33 * 47, dtype=np.float32).reshape(33, 47)
    depth[:8] = np.inf
    return rgba, depth


def test_a_png_has_the_pictures_pixels_and_says_what_it_is(
    tmp_path: Path, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    rgba, _ = picture
    path = tmp_path / "Zoë's view.png"
    save_png(path, rgba, NOTE)
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(image), np.rint(rgba * 255))
        assert image.info["Software"] == "Portrait Manifolds"
        assert image.info["Description"] == NOTE
        assert "srgb" in image.info
        xmp = image.info["XML:com.adobe.xmp"]
    tree = ElementTree.fromstring(xmp[xmp.index("<x:xmpmeta") : xmp.index("<?xpacket end")])
    texts = {element.tag: element.text for element in tree.iter()}
    assert texts["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"] == DIGITAL_SOURCE_TYPE
    assert texts["{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"] == NOTE


def test_png_clips_values_outside_0_to_1(tmp_path: Path) -> None:
    save_png(tmp_path / "clipped.png", np.full((1, 1, 4), [-0.5, 1.5, 0.5, 1.0], np.float32))
    with Image.open(tmp_path / "clipped.png") as image:
        assert image.getpixel((0, 0)) == (0, 255, 128, 255)


def test_exr_channels_and_header(tmp_path: Path, picture: tuple[np.ndarray, np.ndarray]) -> None:
    rgba, depth = picture
    save_exr(tmp_path / "view.exr", rgba, depth, NOTE)
    with OpenEXR.File(str(tmp_path / "view.exr"), separate_channels=True) as file:
        header, channels = file.header(), file.channels()
        assert header["comments"] == NOTE and header["digitalSourceType"] == DIGITAL_SOURCE_TYPE
        assert set(channels) == {"R", "G", "B", "A", "Z", "depth.Z"}
        np.testing.assert_array_equal(channels["Z"].pixels, depth)
        np.testing.assert_array_equal(channels["depth.Z"].pixels, depth)
        red = channels["R"].pixels.astype(np.float32)
    np.testing.assert_allclose(red, srgb_to_linear(rgba[..., 0]) * rgba[..., 3], atol=1e-3)  # half: 11 bits


def test_exr_in_blender(tmp_path: Path, picture: tuple[np.ndarray, np.ndarray]) -> None:
    """Blender's own reader finds colour and depth as sockets of its Image node, with the right values."""
    pytest.importorskip("bpy")
    rgba, depth = picture
    save_exr(tmp_path / "view.exr", rgba, depth)
    script = textwrap.dedent("""
        import sys, bpy, numpy as np
        scene = bpy.context.scene
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        node, output = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeComposite")
        node.image = bpy.data.images.load(sys.argv[1])
        scene.render.resolution_x, scene.render.resolution_y = 47, 33
        settings = scene.render.image_settings
        settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
        for name in ("Combined", "depth"):
            tree.links.new(node.outputs[name], output.inputs[0])
            scene.render.filepath = f"{sys.argv[2]}/{name}.exr"
            bpy.ops.render.render(write_still=True)
            pixels = np.array(bpy.data.images.load(scene.render.filepath).pixels[:])
            np.save(f"{sys.argv[2]}/{name}.npy", pixels.reshape(33, 47, 4)[::-1])
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "view.exr"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    combined, z = np.load(tmp_path / "Combined.npy"), np.load(tmp_path / "depth.npy")[..., 0]
    expected = np.concatenate([srgb_to_linear(rgba[..., :3]) * rgba[..., 3:], rgba[..., 3:]], axis=-1)
    np.testing.assert_allclose(combined, expected, atol=1e-3)
    np.testing.assert_allclose(z[8:], depth[8:], atol=1e-6)


def test_mp4_colours_sizes_and_provenance(tmp_path: Path, picture: tuple[np.ndarray, np.ndarray]) -> None:
    rgba, _ = picture
    background = np.array((0.1, 0.9, 0.3), np.float32)
    with Mp4Writer(tmp_path / "orbit.mp4", 47, 33, fps=23.976, provenance=NOTE) as video:
        for _ in range(5):
            video.write(over_background(rgba, background))
    with av.open(str(tmp_path / "orbit.mp4")) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert stream.average_rate == Fraction(24000, 1001)
        assert NOTE in container.metadata["comment"] and DIGITAL_SOURCE_TYPE in container.metadata["comment"]
        frames = [frame.to_ndarray(format="yuv444p") for frame in container.decode(stream)]
    assert len(frames) == 5 and frames[0].shape == (3, 34, 48)  # padded to even
    opacity = rgba[..., 3:]
    linear = srgb_to_linear(rgba[..., :3]) * opacity + srgb_to_linear(background) * (1.0 - opacity)
    expected = 255.0 * linear_to_srgb(linear)
    decoded = _bt709_to_rgb(frames[-1])
    for row, column in ((3, 5), (12, 8), (12, 38), (26, 8), (26, 38)):
        # Two bytes for 8-bit YUV, two for the encoder.
        np.testing.assert_allclose(decoded[row, column], expected[row, column], atol=4.0)


def test_mp4_leaves_nothing_behind_on_failure(tmp_path: Path) -> None:
    frame = np.zeros((33, 47, 3), np.uint8)
    (tmp_path / "kept.mp4").write_bytes(b"an older video")
    with pytest.raises(KeyboardInterrupt), Mp4Writer(tmp_path / "kept.mp4", 47, 33) as video:
        video.write(frame)
        raise KeyboardInterrupt
    with pytest.raises(InputError, match="no frames"), Mp4Writer(tmp_path / "empty.mp4", 47, 33):
        pass
    for wrong in (frame[:-1], frame.astype(np.float32), frame[..., :1]):
        with pytest.raises(InputError, match="does not fit"), Mp4Writer(tmp_path / "wrong.mp4", 47, 33) as video:
            video.write(wrong)
    assert os.listdir(tmp_path) == ["kept.mp4"]
    assert (tmp_path / "kept.mp4").read_bytes() == b"an older video"


@pytest.mark.parametrize("fps", [0.0, 0.0004, -1.0, float("nan"), 1e9])
def test_mp4_rejects_frame_rates(tmp_path: Path, fps: float) -> None:
    with pytest.raises(InputError, match="frames a second"):
        Mp4Writer(tmp_path / "a.mp4", 8, 8, fps=fps)
    with pytest.raises(InputError, match="frames a second"):
        Settings(fps=fps)


@pytest.mark.parametrize("fps", [MIN_FPS, MAX_FPS])
def test_mp4_takes_the_slowest_and_the_fastest_frame_rate(tmp_path: Path, fps: float) -> None:
    with Mp4Writer(tmp_path / "a.mp4", 8, 8, fps=fps) as video:
        for _ in range(3):
            video.write(np.zeros((8, 8, 3), np.uint8))
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == frame_rate(fps)


def test_files_may_be_read_by_whom_new_files_may(tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    with atomic_path(tmp_path / "written") as temporary:
        temporary.unlink()
        temporary.touch(0o600)  # as libraries do that write under a name of their own first
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    with atomic_path(tmp_path / "link") as temporary:
        temporary.write_text("written")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / "file").read_text() == "written"


def test_what_cannot_be_written_is_refused_and_leaves_nothing(
    tmp_path: Path, picture: tuple[np.ndarray, np.ndarray]
) -> None:
    rgba, depth = picture
    file = tmp_path / "file"
    file.write_text("not a folder")
    for path in (tmp_path, file / "below.out"):
        with pytest.raises((InputError, ProcessingError)):
            save_png(path, rgba)
        with pytest.raises((InputError, ProcessingError)):
            save_exr(path, rgba, depth)
        with pytest.raises((InputError, ProcessingError)), Mp4Writer(path, 47, 33) as video:
            video.write(np.zeros((33, 47, 3), np.uint8))
    assert os.listdir(tmp_path) == ["file"]


def _bt709_to_rgb(planes: np.ndarray) -> np.ndarray:
    """ITU-R BT.709 limited range [3, H, W] uint8 to R'G'B' [H, W, 3] in 0..255."""
    y, cb, cr = planes.astype(np.float64)
    y, cb, cr = (y - 16.0) / 219.0, (cb - 128.0) / 224.0, (cr - 128.0) / 224.0
    rgb = np.stack([y + 1.5748 * cr, y - 0.1873 * cb - 0.4681 * cr, y + 1.8556 * cb], axis=-1)
    return np.clip(rgb, 0.0, 1.0) * 255.0
