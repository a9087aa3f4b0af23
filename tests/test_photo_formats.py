"""Photographs as files hold them: colour profiles, depths, and JPEGs that lack their end."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.photo.photograph import decode_layer, decode_photograph


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_those_of_the_profile(mode: str) -> None:
    """Red, in a space whose first primary is sRGB's blue and whose last is its red, is blue."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = (profile.index(tag) + 4 for tag in (b"rXYZ", b"bXYZ"))  # where their places and sizes stand
    profile[red : red + 8], profile[blue : blue + 8] = profile[blue : blue + 8], profile[red : red + 8]
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").convert(mode).save(file, "PNG", icc_profile=bytes(profile))
    layer = decode_layer(file.getvalue(), "red.png")
    assert layer.shape[2] == len(mode.replace("P", "RGB"))
    for rgb in (decode_photograph(file.getvalue(), "red.png").rgb, layer[..., :3]):
        np.testing.assert_allclose(rgb.reshape(-1, 3).mean(0), [0.0, 0.0, 255.0], atol=2.0)


def grey_profile(gamma: float) -> bytes:
    """A display's ICC profile of version 2: its white, D50, and its grey's curve."""
    white = struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    tags = b"XYZ \0\0\0\0" + white + b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    table = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 14)
    names = b"mntr", b"GRAY", b"XYZ ", b"acsp"
    head = struct.pack(">I4xI4s4s4s12x4s28x12s48x", 128 + 28 + len(tags), 0x02100000, *names, white)
    return head + table + tags


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_greys_are_those_of_the_profile(mode: str) -> None:
    """Where grey is linear, a fifth of white is sRGB's 124."""
    grey = Image.new("L", (64, 64), 51)
    picture = Image.fromarray(np.full((64, 64), 51 * 257, np.uint16)) if mode == "I;16" else grey.convert(mode)
    if mode == "LA":
        picture.putpixel((0, 0), (51, 0))
    file = io.BytesIO()
    picture.save(file, "PNG", icc_profile=grey_profile(1.0))
    layer = decode_layer(file.getvalue(), "grey.png")
    assert layer.shape[2] == 3 + (mode == "LA")
    for rgb in (decode_photograph(file.getvalue(), "grey.png").rgb, layer[..., :3]):
        np.testing.assert_allclose(rgb[1:], 124, atol=1)


def test_greys_with_a_profile_of_colours_are_those_of_it() -> None:
    profile, file = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), io.BytesIO()
    Image.new("L", (64, 64), 51).save(file, "PNG", icc_profile=profile)
    np.testing.assert_allclose(decode_photograph(file.getvalue(), "grey.png").rgb, 51, atol=1)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 40, "subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("lacking", [1, 2])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_read(mode: str, options: dict, lacking: int) -> None:
    whole = jpeg(mode, **options)
    read = decode_photograph(whole[:-lacking], "cut.jpg")
    assert np.array_equal(read.rgb, decode_photograph(whole, "whole.jpg").rgb) and read.fov_deg == pytest.approx(
        38.0, abs=1
    )


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("lacking", [8, 200, 3000])
def test_a_jpeg_that_lacks_pixels_is_refused(options: dict, lacking: int) -> None:
    with pytest.raises(InputError, match=r"cut\.jpg cannot be read as a picture"):
        decode_photograph(jpeg("RGB", **options)[:-lacking], "cut.jpg")


def jpeg(mode: str, **options: object) -> bytes:
    """With a small JPEG, its end marker included, in its head, and a lens's focal length."""
    small, file, exif = io.BytesIO(), io.BytesIO(), Image.Exif()
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)).convert(mode)
    noise.resize((16, 12)).save(small, "JPEG")
    exif.get_ifd(0x8769)[0xA405] = 38  # 35 mm equivalent focal length
    noise.save(file, "JPEG", exif=exif.tobytes(), comment=small.getvalue(), **options)
    return file.getvalue()


def test_the_largest_picture_of_an_icon_is_read() -> None:
    file = io.BytesIO()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8))
    picture.save(file, "ICO", sizes=[(16, 16), (64, 64), (128, 128)])
    assert np.array_equal(decode_photograph(file.getvalue(), "photo.ico").rgb, picture)
    picture.save(file := io.BytesIO(), "ICO", sizes=[(16, 16), (32, 32)])
    with pytest.raises(InputError, match="only 32 x 32 pixels"):
        decode_photograph(file.getvalue(), "small.ico")


def test_tiffs_of_floats_are_read_and_planes_of_16_bits_refused() -> None:
    grey = np.linspace(0.0, 1.0, 64 * 64, dtype=np.float32).reshape(64, 64)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "TIFF")
    np.testing.assert_allclose(decode_photograph(file.getvalue(), "grey.tif").rgb[..., 0], grey * 255.0, atol=0.51)
    file = io.BytesIO()
    planes = np.zeros((3, 64, 64), np.uint16)
    pytest.importorskip("tifffile").imwrite(file, planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(InputError, match="save it again"):
        decode_photograph(file.getvalue(), "planes.tif")


def test_grey_pictures_keep_their_range() -> None:
    import io

    for values, white in ((np.full((50, 50), 200, np.int32), 255), (np.full((50, 50), 40000, np.int32), 65535)):
        data = io.BytesIO()
        Image.fromarray(values).save(data, "TIFF")
        assert abs(int(decode_photograph(data.getvalue(), "grey").rgb[0, 0, 0]) - values[0, 0] * 255 / white) <= 1
