"""What several subcommands read the same way from their options."""

import re
from pathlib import Path
from typing import Annotated

import tyro

from ..camera import MAX_SIDE_PX, Camera, load_cameras
from ..errors import InputError
from ..portrait import Portrait

PortraitFile = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT.portrait")]
Output = Annotated[Path, tyro.conf.arg(aliases=("-o",))]


def parse_size(size: str) -> tuple[int, int]:
    """WxH to width and height in pixels."""
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", size.strip().lower())
    width, height = (int(number) for number in match.groups()) if match else (0, 0)
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise InputError(f"A size of {size!r} cannot be used: write WIDTHxHEIGHT, each 1 to {MAX_SIDE_PX}.")
    return width, height


def choose_camera(portrait: Portrait, camera: str, size: str | None) -> Camera:
    """`input`: the photo's camera (with a size: framed on the head); else the one of a JSON file (resized)."""
    width_px, height_px = parse_size(size) if size is not None else (None, None)
    if camera == "input":
        return portrait.camera(width_px, height_px)
    cameras = load_cameras(camera)
    if len(cameras) > 1:
        raise InputError(f"{camera} is an animation of {len(cameras)} cameras: give it to `animate --path`.")
    return cameras[0] if width_px is None or height_px is None else cameras[0].resized(width_px, height_px)


def parse_frames(text: str) -> tuple[int, int]:
    """FIRST..LAST, or one frame, to first and last; FIRST-LAST too, as render farms write it."""
    match = re.fullmatch(r"(\d{1,7})(?:(?:\.\.|-)(\d{1,7}))?", text.strip())
    first = int(match[1]) if match else 0
    last = first if match is None or match[2] is None else int(match[2])
    if match is None or last < first:
        raise InputError(f"Frames of {text!r} cannot be used: write FIRST..LAST, ascending from 0.")
    return first, last


def parse_colour(text: str) -> tuple[float, float, float]:
    """#rrggbb to sRGB values 0..1."""
    match = re.fullmatch("#?" + 3 * "([0-9a-fA-F]{2})", text.strip())
    if match is None:
        raise InputError(f"{text!r} is no colour: write it as #rrggbb.")
    red, green, blue = (int(digits, 16) / 255.0 for digits in match.groups())
    return red, green, blue
