"""What the networks ship of the head model: the mean landmarks, and the mean radius over the chart."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy import ndimage

from ...cuda_ops.rasterise import Mesh
from ..atomic import atomic_path
from ..conventions import CHART_HALF_EXTENT
from ..manifolds import map_grid
from ..networks.sheet_geometry import RADIUS_SIZE
from ..photo.alignment import LandmarkTemplate
from .assets import SKIN, HeadModel, Wardrobe
from .correspondence import FOREHEAD_OUTLINE, OUTLINE, LandmarkMap
from .meshes import plain_mesh
from .surface import outermost_radius_m

MAX_LOG_SLOPE = 0.9
"""Keep the mean radius this flat (radians per radian), so that rays enter a sheet once over most of their angles."""

MAX_RADIUS_M = 0.26
"""Of the mean head: its body goes on below the picture; the sheets need not."""


def landmark_template(head: HeadModel, landmark_map: LandmarkMap) -> LandmarkTemplate:
    """Landmarks of the neutral mean head in portrait space; those that expressions move count less."""
    points = landmark_map.gather(head.neutral_m)
    spread = np.stack([landmark_map.gather(shape) for shape in head.expression_m])  # [57, 478, 3]
    motion_m = np.sqrt((spread**2).sum(-1).mean(0))
    weights = landmark_map.weights / (1.0 + (motion_m / 0.0012) ** 2)
    weights[list(OUTLINE)] *= 0.1
    weights[list(FOREHEAD_OUTLINE)] = 0.0
    weights[468:] = 0.0  # gaze is not pose
    return LandmarkTemplate(points.astype(np.float32), (weights / weights.max()).astype(np.float32))


def mean_radius_m(head: HeadModel, wardrobe: Wardrobe, size: int = RADIUS_SIZE) -> np.ndarray:
    """Radius [size, size] of the mean head with hair, neck and shoulders, smooth enough for sheets, float32.

    The hair is the median of the wardrobe's styles; directions without a surface are filled from their neighbours.
    """
    skin = plain_mesh(head.neutral_m[SKIN], _skin_triangles(head))
    body = plain_mesh(wardrobe.body.vertices_m, wardrobe.body.below_neck)
    union = Mesh.join([skin, body])
    base, covered = outermost_radius_m(union, [], size)
    hair = []
    for garment in wardrobe.hair.values():
        radius, opacity = outermost_radius_m(plain_mesh(garment.vertices_m, garment.triangles), [], size)
        hair.append(np.where(opacity > 0.5, np.minimum(radius, 0.2), 0.0))
    covered_by_hair = np.median(np.stack(hair), axis=0)
    covered_by_hair = np.maximum(covered_by_hair, covered_by_hair[:, ::-1])
    radius = np.maximum(base, covered_by_hair)
    radius = 0.5 * (radius + radius[:, ::-1])
    known = (covered > 0.5) | (radius > 0.02)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    logs = np.log(np.clip(radius[tuple(nearest)], 0.06, MAX_RADIUS_M))
    logs = ndimage.gaussian_filter(logs, 1.2 * size / 128)
    return np.exp(_slope_limited(logs, size)).astype(np.float32)


def face_radius_m(head: HeadModel, size: int = RADIUS_SIZE) -> np.ndarray:
    """Radius [size, size] of the mean head's skin alone, as it is; 0 where there is none, float32."""
    radius, opacity = outermost_radius_m(plain_mesh(head.neutral_m[SKIN], _skin_triangles(head)), [], size)
    return np.where(opacity > 0.5, radius, 0.0).astype(np.float32)


def write_template(path: Path, head: HeadModel, wardrobe: Wardrobe, landmark_map: LandmarkMap) -> None:
    """Writes landmarks_m [478, 3], landmark_weights [478], mean_radius_m and face_radius_m [128, 128] (safetensors)."""
    template = landmark_template(head, landmark_map)
    with atomic_path(path) as temporary:
        save_file(
            {
                "landmarks_m": np.ascontiguousarray(template.points_m),
                "landmark_weights": np.ascontiguousarray(template.weights),
                "mean_radius_m": mean_radius_m(head, wardrobe),
                "face_radius_m": face_radius_m(head),
            },
            temporary,
        )


def log_slope(logs: np.ndarray) -> np.ndarray:
    """|grad log r| over directions (radians) of a chart map of log radius [G, G], [G, G]; an upper bound."""
    step = 2.0 * CHART_HALF_EXTENT / logs.shape[0]
    rho = np.linalg.norm(map_grid(logs.shape[0]), axis=-1)
    stretch = 1.0 / np.sqrt(np.maximum(1.0 - 0.25 * rho**2, 0.05))
    return np.hypot(*np.gradient(logs, step)) * stretch


def _slope_limited(logs: np.ndarray, size: int) -> np.ndarray:
    """Smooths where the slope is too steep, more and more, until nowhere on the chart's disc it is."""
    disc = np.linalg.norm(map_grid(size), axis=-1) < CHART_HALF_EXTENT
    for attempt in range(1000):
        steep = (log_slope(logs) > MAX_LOG_SLOPE) & disc
        if not steep.any():
            break
        reach = max(3, size // 12) * (1 + attempt // 60)  # wider and wider where narrow smoothing gets stuck
        share = np.minimum(3.0 * ndimage.gaussian_filter(ndimage.maximum_filter(steep * 1.0, reach), reach / 3.0), 1.0)
        logs = logs + share * (ndimage.gaussian_filter(logs, reach / 4.0) - logs)
    return logs


def _skin_triangles(head: HeadModel) -> np.ndarray:
    triangles = head.skin_triangles
    return triangles[(triangles < SKIN.stop).all(1)]
