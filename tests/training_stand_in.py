"""A tiny head model and wardrobe with the real files' layout, and a segmentation, so that tests need neither."""

from pathlib import Path
from typing import Self

import numpy as np

VERTICES = 26719
MATERIALS = (
    "M_BackHead", "M_EyeBlend", "M_EyeLashes", "M_EyeOcclusion", "M_Face", "M_GumsTongue",
    "M_IrisLeft", "M_IrisRight",
    "M_LacrimalFluid", "M_ScleraLeft", "M_ScleraRight", "M_Teeth",
)  # fmt: skip

LANDMARK_PLACES_CM = {  # a few of the 68, x y in front of the face; the others are spread between
    **{i: (-7.0 * np.cos(i * np.pi / 16), 3.5 - 10.5 * np.sin(i * np.pi / 16)) for i in range(17)},
    **{17 + i: (-5 + i, 5.4) for i in range(5)}, **{22 + i: (1 + i, 5.4) for i in range(5)},
    **{27 + i: (0.0, 4 - i) for i in range(4)}, **{31 + i: (-1.4 + 0.7 * i, -0.8) for i in range(5)},
    **{36 + i: (-3.1 + 1.3 * np.cos(np.pi - i * np.pi / 3), 3.6 + 0.4 * np.sin(i * np.pi / 3)) for i in range(6)},
    **{42 + i: (3.1 + 1.3 * np.cos(np.pi - i * np.pi / 3), 3.6 + 0.4 * np.sin(i * np.pi / 3)) for i in range(6)},
    **{48 + i: (2.5 * np.cos(np.pi - i * np.pi / 6), -3.6 + 0.9 * np.sin(i * np.pi / 6)) for i in range(12)},
    **{60 + i: (1.8 * np.cos(np.pi - i * np.pi / 4), -3.6 + 0.4 * np.sin(i * np.pi / 4)) for i in range(8)},
}  # fmt: skip


class StandInDetector:
    """Opened and closed as a LandmarkDetector is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Everywhere(StandInDetector):
    """A segmentation that says nothing."""

    def person(self, photo: np.ndarray) -> np.ndarray:
        return np.full(photo.shape[:2], 1.0)


def write_stand_in(folder: Path, seed: int = 0) -> Path:
    """Writes head_model.npz and wardrobe.npz into `folder`; returns it."""
    rng = np.random.default_rng(seed)
    vertices = np.zeros((VERTICES, 3))
    faces, uv_faces, material = [], [], []
    uv: list[np.ndarray] = []

    def grid(start: int, points: np.ndarray, name: str, tile: int = 0, order: np.ndarray | None = None) -> None:
        rows, columns = points.shape[:2]
        index = np.arange(rows * columns) if order is None else order
        vertices[start + index] = points.reshape(-1, 3)
        at = index.reshape(rows, columns) + start
        quads = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], -1).reshape(-1, 4)
        v, u = np.mgrid[0:rows, 0:columns]
        own = np.arange(rows * columns).reshape(rows, columns) + sum(len(part) for part in uv)
        uv.append(np.stack([tile + 0.02 + 0.96 * u / (columns - 1), 0.98 - 0.96 * v / (rows - 1)], -1).reshape(-1, 2))
        faces.append(quads)
        uv_faces.append(np.stack([own[:-1, :-1], own[1:, :-1], own[1:, 1:], own[:-1, 1:]], -1).reshape(-1, 4))
        material.append(np.full(len(quads), MATERIALS.index(name), np.int8))

    front = _skull(np.linspace(-100, 100, 97), np.linspace(52, -75, 97))
    towards = np.hypot(front[..., 0], front[..., 1] - 1.0).ravel()
    rank = np.empty(97 * 97, int)
    rank[np.argsort(towards)] = np.arange(97 * 97)  # the inner face comes first, as in the real layout
    grid(0, front, "M_Face", order=rank)
    around = np.concatenate([np.linspace(100, 180, 31), np.linspace(-180, -100, 31)[1:]])
    grid(9409, _skull(around, np.linspace(52, -75, 20)), "M_BackHead", tile=1)
    grid(9409 + 61 * 20, _skull(np.linspace(-180, 180, 61), np.linspace(90, 52, 10)), "M_BackHead", tile=1)
    for start, side, iris, white in (
        (21451, 1, "M_IrisLeft", "M_ScleraLeft"),
        (23021, -1, "M_IrisRight", "M_ScleraRight"),
    ):
        ball = _ball(np.linspace(-90, 90, 39), np.linspace(80, -80, 40)) * 1.4 + [side * 3.095, 3.6, 8.3]
        grid(start, ball[:20], white)
        grid(start + 800, ball[19:38], iris)
    teeth = np.stack(np.meshgrid(np.linspace(-2, 2, 20), np.linspace(-4.2, -3.2, 8)), -1)
    grid(17039, np.concatenate([teeth, np.full((8, 20, 1), 8.5)], -1), "M_Teeth", tile=3)
    grid(14062, np.concatenate([teeth, np.full((8, 20, 1), 8.0)], -1), "M_GumsTongue", tile=2)
    lash = np.stack(np.meshgrid(np.linspace(-4.5, -1.7, 12), np.linspace(4.2, 4.5, 3)), -1)
    grid(25351, np.concatenate([lash, np.full((3, 12, 1), 10.0)], -1), "M_EyeLashes", tile=6)
    places = np.array([LANDMARK_PLACES_CM[i] for i in range(68)])
    face = vertices[:9409]
    visible = np.where(face[:, 2] > 0, 0.0, 100.0)
    landmarks = np.array([np.argmin(np.hypot(*(face[:, :2] - place).T) + visible) for place in places])
    np.savez(
        folder / "head_model.npz",
        vertices=vertices.astype(np.float32), faces=np.concatenate(faces).astype(np.int32),
        uv=np.concatenate(uv).astype(np.float32), uv_faces=np.concatenate(uv_faces).astype(np.int32),
        materials=np.array(MATERIALS), material_of_face=np.concatenate(material),
        landmarks68=landmarks.astype(np.int32),
        identity=_modes(rng, vertices, 100, 0.06), expression=_modes(rng, vertices, 57, 0.1),
        expression_names=np.array([*_EXPRESSIONS, *(f"shape{i}" for i in range(57 - len(_EXPRESSIONS)))]),
    )  # fmt: skip
    cap = _skull(np.linspace(-180, 180, 41), np.linspace(88, 20, 12)) * 1.08
    shoulders = np.stack(
        [a := np.linspace(-25, 25, 30)[None] * np.ones((12, 1)), -16 - np.linspace(0, 30, 12)[:, None] - 0.004 * a**2,
         np.linspace(2, 8, 12)[:, None] * np.cos(a / 18)], -1,
    )  # fmt: skip
    wardrobe = {}
    for kind, names, points in (
        ("hair", [f"style{i}" for i in range(4)], cap),
        ("clothes", [f"coat{i}" for i in range(4)], shoulders * [1, 1, 1.05]),
    ):
        for name in names:
            wardrobe[f"{kind}/{name}/v"], wardrobe[f"{kind}/{name}/f"] = _plain_grid(points)
    wardrobe["body/v"], wardrobe["body/f"] = _plain_grid(shoulders)
    np.savez(folder / "wardrobe.npz", **wardrobe)
    return folder


_EXPRESSIONS = [
    f"eye{what}_{side}" for what in ("LookDown", "LookIn", "LookOut", "LookUp", "Blink", "Wide") for side in "LR"
]


def _ball(azimuth_deg: np.ndarray, elevation_deg: np.ndarray) -> np.ndarray:
    azimuth, elevation = np.meshgrid(np.radians(azimuth_deg), np.radians(elevation_deg))
    return np.stack([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)], -1)


def _skull(azimuth_deg: np.ndarray, elevation_deg: np.ndarray) -> np.ndarray:
    """An ellipsoid with a nose, a neck and cheeks, centimetres."""
    points = _ball(azimuth_deg, elevation_deg) * [7.8, 11.5, 9.5] + [0, 2, 1]
    x, y, z = np.moveaxis(points, -1, 0)
    nose = 2.2 * np.exp(-((x / 1.0) ** 2) - ((y - 0.5) / 1.6) ** 2) * (z > 0)
    neck = 9.0 * np.clip((-y - 7.0) / 3.0, 0, 1)
    return points + np.stack([0 * x, -neck, nose], -1)


def _modes(rng: np.random.Generator, vertices: np.ndarray, count: int, size_cm: float) -> np.ndarray:
    """Smooth displacements [count, V, 3] float16."""
    waves = rng.normal(size=(count, 3, 3)) * 0.25
    phase = rng.uniform(0, 2 * np.pi, (count, 1, 3))
    return (size_cm * np.sin(np.einsum("vj,mjc->mvc", vertices, waves) + phase)).astype(np.float16)


def _plain_grid(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = points.shape[:2]
    at = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]], -1).reshape(-1, 4)
    return points.reshape(-1, 3).astype(np.float32), quads.astype(np.int32)
