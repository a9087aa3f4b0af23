"""What reads files of strangers: each target takes a file's bytes, and may raise nothing but InputError.

The pipe's bytes are requests, and every one of them must get one answer, which tells of no fault of the program's own.
"""

import io
import json
import tempfile
import warnings
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from portrait_manifolds.backend.camera import load_cameras, look_at
from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.manifolds import Manifolds
from portrait_manifolds.backend.photo.photograph import FORMATS, decode_photograph
from portrait_manifolds.backend.portrait import Crop, Portrait
from portrait_manifolds.backend.worker import Worker

_FOLDER = Path(tempfile.gettempdir())


def _through_a_file(read: Callable[[Path], object]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=_FOLDER, suffix=".fuzz") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy's would be lines among the program's one sentence
            file.write(data)
            file.flush()
            read(Path(file.name))

    return target


def _photograph(data: bytes) -> None:
    decode_photograph(data, "photo")


def _pipe(data: bytes) -> None:
    requests, answers = io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="replace"), io.StringIO()
    with (
        tempfile.TemporaryDirectory(dir=_FOLDER) as folder,
        chdir(folder),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()) as log,
    ):
        Path("head.portrait").write_bytes(_portrait())
        worker = Worker(io.StringIO(), answers)
        assert worker.waiting.get() is None
        worker._read(requests)
        worker.gone = False  # else what is asked after the last answer is dropped
        asked = worker.waiting.qsize() - 1
        worker.run()
    answered = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert sum("result" in answer or "error" in answer for answer in answered) == asked
    faults = [answer for answer in answered if "The backend failed" in answer.get("error", "")]
    assert not faults, f"{faults[0]}\n{log.getvalue()}"
    if any("error" in answer for answer in answered) or not asked:
        raise InputError("refused")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "portrait": _through_a_file(Portrait.load),
    "cameras": _through_a_file(load_cameras),
    "photograph": _photograph,
    "pipe": _pipe,
}


def seeds(target: str) -> list[bytes]:
    """Good files to begin from."""
    if target == "cameras":
        cameras = [look_at((0.1, 0.05, 0.9)).to_dict(), look_at((0.3, 0.0, 1.0)).to_dict()]
        return [json.dumps(values).encode() for values in (cameras, cameras[0])]
    if target == "pipe":
        lines = [json.dumps(one).encode() + b"\n" for one in _requests()]
        return [*lines, b"".join(lines)]
    return _photographs() if target == "photograph" else [_portrait()]


def _requests() -> list[dict[str, Any]]:
    """What Blender asks for, in small."""
    camera = look_at((0.0, 0.0, 1.0), width_px=8, height_px=8).to_dict()
    common = {"portrait": "head.portrait", "samples": 1}
    frames = {**common, "cameras": [camera, camera], "directory": "f", "format": "png", "first_frame": 3}
    return [
        {"id": 1, "method": "render", "params": {**common, "camera": camera, "output": "a.npy"}},
        {"id": 2, "method": "frames", "params": {**frames, "depth_scale": 1.5}},
        {"cancel": 7},
        {"id": 3, "method": "command", "params": {"arguments": ["info", "head.portrait"]}},
        {"id": 4, "method": "hello", "params": {}},
    ]


@cache
def _portrait() -> bytes:
    rng = np.random.default_rng(0)
    size, maps = 32, np.full((4, 4), 0.1)
    camera = look_at((0.0, 0.0, 1.0), width_px=64, height_px=48)
    portrait = Portrait(
        Manifolds(maps, np.ones((4, 4)), np.zeros((2, 2)), np.array([-0.01, 0.0, 0.02]), CHART_HALF_EXTENT),
        rng.integers(0, 256, (3, size, size, 4), dtype=np.uint8),
        camera,
        Crop(np.array([[12.0, 0, 16], [0, 12.0, 12]])),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.portrait"
        portrait.save(path)
        return path.read_bytes()


def _photographs() -> list[bytes]:
    """A small picture in every format and in the modes that each of them takes."""
    y, x = np.mgrid[0:52, 0:60]
    picture = Image.fromarray(np.stack([x * 4, y * 4, x + y], -1).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 50
    found = []
    for kind in FORMATS:
        for mode in ("RGB", "RGBA", "P", "CMYK", "L", "I;16", "F"):
            data = io.BytesIO()
            try:
                picture.convert("L" if mode == "I;16" else mode).convert(mode).save(data, kind, exif=exif)
            except (OSError, ValueError, KeyError):  # a mode that the format does not have
                continue
            found.append(data.getvalue())
    for compression in ("tiff_deflate", "tiff_lzw", "jpeg", "packbits"):
        data = io.BytesIO()
        picture.save(data, "TIFF", compression=compression)
        found.append(data.getvalue())
    return found
