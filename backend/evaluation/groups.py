"""Figures by group of people: what a photograph shows of itself, and what its owner says in a table beside it.

Sex and age are never guessed; name them, or anything else, in groups.csv.
"""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..input_file import read_input
from ..photo.alignment import MOUTH_LEFT, MOUTH_RIGHT
from .pictures import medians

Groups = dict[str, dict[str, dict[str, float]]]
"""Medians and a count by kind and name of group."""

GROUPS_FILE = "groups.csv"
MAX_CSV_BYTES = 16 << 20

CHEEKS = ((117, 118, 101, 36, 205, 50), (346, 347, 330, 266, 425, 280))
"""Landmarks around the person's right and left cheek, between eye and beard."""

TONES = ((41.0, "light"), (28.0, "intermediate"), (10.0, "tan"), (-90.0, "brown to dark"))
"""Least individual typology angle in degrees of each tone: Chardon et al., Int. J. Cosmet. Sci. 13 (1991) 191-208; Del
Bino and Bernerd, Br. J. Dermatol. 169 S3 (2013) 33-40. Of their six the two lightest and the two darkest
are one here."""

LEAST_CHROMA = 4.0
"""Skin in black and white, or under blue light, has no tone."""

CHIN, FACE_RIGHT, FACE_LEFT = 152, 234, 454
LONG_HAIR_SHARE = 0.35
BESIDE = 0.25
"""Hair is long where on both sides it fills this share of the place beside the jaw, so many face widths wide."""


def measured_groups(crop: np.ndarray, person: np.ndarray, points_px: np.ndarray) -> dict[str, str]:
    """Group names by kind, as far as they can be measured.

    Takes the aligned crop [S, S, 3] uint8, where the person is [S, S] bool, and the crop's landmarks [478, 2].
    """
    tone = skin_tone(crop, points_px)
    return ({} if tone is None else {"tone_in_photo": tone}) | {"hair": hair_length(person, points_px)}


def skin_tone(crop: np.ndarray, points_px: np.ndarray) -> str | None:
    """One of TONES from both cheeks of a picture [S, S, 3] uint8; None where it has no colour."""
    angle_deg = typology_angle_deg(cheek_pixels(crop, points_px))
    return None if angle_deg is None else next(name for least, name in TONES if angle_deg >= least)


def cheek_pixels(crop: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Pixels [N, 3] uint8 inside the landmarks CHEEKS."""
    from skimage.draw import polygon

    corners = (points_px[list(cheek)] for cheek in CHEEKS)
    return np.concatenate([crop[polygon(at[:, 1], at[:, 0], crop.shape[:2])] for at in corners])


def typology_angle_deg(skin: np.ndarray) -> float | None:
    """Individual typology angle, atan((L* - 50) / b*) of the median CIELAB (D65) of pixels [N, 3] uint8, -90..90.

    None where there are none or they are without colour. It is the photograph's: light and white balance move it.
    """
    from skimage.color import rgb2lab

    if not len(skin):
        return None
    lightness, a, b = np.median(rgb2lab(skin[None])[0], axis=0)
    if np.hypot(a, b) < LEAST_CHROMA or b <= 0:
        return None
    return float(np.degrees(np.arctan((lightness - 50.0) / b)))


def hair_length(person: np.ndarray, points_px: np.ndarray) -> str:
    """`long` where hair hangs beside the jaw on both sides, a little below the mouth; else `short`.

    Takes where the person is [S, S] bool and the landmarks [478, 2] of an upright crop. Lower down are shoulders.
    """
    right, left = points_px[FACE_RIGHT, 0], points_px[FACE_LEFT, 0]
    top = points_px[[MOUTH_RIGHT, MOUTH_LEFT], 1].mean()
    bottom = 0.5 * (top + points_px[CHIN, 1])
    wide = BESIDE * (left - right)
    shares = []
    for first, last in ((right - wide, right), (left, left + wide)):
        place = person[max(0, round(top)) : max(0, round(bottom)), max(0, round(first)) : max(0, round(last))]
        shares.append(float(place.mean()) if place.size else 0.0)
    return "long" if min(shares) > LONG_HAIR_SHARE else "short"


def read_groups(folder: Path) -> dict[str, dict[str, str]]:
    """What groups.csv in a folder says: by file name the group of each further column; empty where there is none.

    Its first line names the columns, the first of which holds file names. Raises InputError where it is no such table.
    """
    path = folder / GROUPS_FILE
    if not path.is_file():
        return {}
    try:
        rows = list(csv.reader(io.StringIO(read_input(path, MAX_CSV_BYTES).decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table ({error}): save it as CSV in UTF-8.") from error
    names, *lines = [[cell.strip() for cell in row] for row in rows if any(row)] or [[]]
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"{path} names no groups: begin with a line such as file,sex,age.")
    return {line[0]: {name: value for name, value in zip(names[1:], line[1:], strict=False) if value} for line in lines}


def by_group(rows: Iterable[tuple[dict[str, float], dict[str, str]]]) -> Groups:
    """Medians and `photographs`, a count, by kind and name of group, of rows of figures and their groups."""
    members: dict[str, dict[str, list[dict[str, float]]]] = {}
    for figures, groups in rows:
        for kind, name in groups.items():
            members.setdefault(kind, {}).setdefault(name, []).append(figures)
    return {
        kind: {name: {"photographs": len(found)} | medians(found) for name, found in sorted(names.items())}
        for kind, names in members.items()
    }
