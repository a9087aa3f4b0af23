"""A portrait from Python: two eyes' views as a red-cyan picture, depth as grey, a lens of one's own.

Usage: python python_api.py [FOLDER [PHOTO or HEAD.portrait]]
"""

import sys
from pathlib import Path

import numpy as np

from portrait_manifolds.backend.camera import look_at, save_cameras
from portrait_manifolds.backend.conventions import EYE_DISTANCE_M
from portrait_manifolds.backend.made.example_portrait import example_portrait
from portrait_manifolds.backend.outputs.contact_sheet import save_contact_sheet
from portrait_manifolds.backend.outputs.exr import save_exr


def main(folder: Path, source: Path | None = None, side_px: int = 384) -> None:
    portrait = example_portrait(source)
    portrait.save(folder / "head.portrait")

    # A wide lens half a metre away, a little from the side. Portrait space is in metres; the face looks along +z.
    close = look_at((0.20, 0.03, 0.50), fov_deg=40.0, width_px=side_px, height_px=side_px)
    save_cameras(folder / "close.json", [close])  # for `portrait-manifolds render --camera close.json`
    rgba, depth_m = portrait.render(close, samples=2)
    save_exr(folder / "close.exr", rgba, depth_m, provenance=portrait.provenance)

    # Depth is +inf where there is nothing: the nearest point is white, 25 cm behind it and nothing are black.
    nearest_m = depth_m.min()
    grey = np.clip(1.0 - (depth_m - nearest_m) / 0.25, 0.0, 1.0)
    depth_picture = np.repeat(np.rint(255.0 * grey).astype(np.uint8)[..., None], 3, axis=2)

    # What two eyes at a metre see, the left one through red.
    left, right = (
        portrait.render(
            look_at((side * EYE_DISTANCE_M / 2, 0.0, 1.0), fov_deg=20.0, width_px=side_px, height_px=side_px)
        )[0]
        for side in (-1.0, 1.0)
    )
    anaglyph = np.concatenate([left[..., :1], right[..., 1:3], np.maximum(left, right)[..., 3:]], axis=-1)
    save_contact_sheet(folder / "python_api.jpg", [[rgba, depth_picture, anaglyph]])
    print(*sorted(map(str, folder.iterdir())), sep="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3] or ["out/python_api"]))
