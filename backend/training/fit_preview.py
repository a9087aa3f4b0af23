"""A contact sheet of the head model's fits, drawn over the photographs."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ...cuda_ops.rasterise import rasterise
from ..photo.alignment import crop_from_landmarks, invert_crop, sample_crop
from .assets import vertex_normals
from .library import Library
from .meshes import plain_mesh, positions
from .photos import read_photo
from .preview import sheet

LIGHT = np.array([0.3, 0.4, 0.87], np.float32)


def fit_sheet(library: Library, indices: Sequence[int], tile_px: int) -> np.ndarray:
    """For each photograph: its crop, the detected landmarks, and the fitted head in grey over one half of it."""
    return sheet([_tile(library, index, tile_px) for index in indices], columns=4)


def _tile(library: Library, index: int, tile_px: int) -> np.ndarray:
    """One photograph, twice as wide as high, [tile_px, 2 tile_px, 3] uint8."""
    head = library.studio.head
    size = 2 * tile_px
    photo = read_photo(library.faces.folder / library.faces.names[index])
    points = library.faces.points_px[index].astype(np.float64)
    crop = crop_from_landmarks(points)
    picture = sample_crop(photo, crop, size)
    camera = library.fits.camera(index, photo.shape[1], photo.shape[0]).cropped(crop, size, size)
    vertices = head.shape_m(library.fits.identity[index], library.fits.expression[index])
    shade = 0.15 + 0.75 * np.clip(vertex_normals(vertices, head.outer_triangles) @ LIGHT, 0, 1)
    gain = np.ones((len(vertices), 4), np.float32)
    gain[:, :3] = shade[:, None]
    mesh = plain_mesh(vertices, head.outer_triangles, gain)
    rgba, _ = rasterise(mesh, positions(*camera.project(vertices)), [], size, size)
    left = (np.arange(size) < size // 2)[None, :, None]
    over = np.where(left & (rgba[..., 3:] > 0.5), np.clip(rgba[..., :3], 0, 1) ** (1 / 2.2) * 255, picture)
    marked = picture.copy()
    column, row = np.clip(((invert_crop(crop, points) + 1.0) * 0.5 * size).astype(int), 0, size - 1).T
    marked[row, column] = (60, 255, 60)
    joined = np.concatenate([marked, over.astype(np.uint8)], axis=1)
    return np.asarray(Image.fromarray(joined).resize((2 * tile_px, tile_px), Image.Resampling.BOX))
