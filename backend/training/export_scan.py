"""`portrait-manifolds train export-scan`: a textured scan of a head as a folder of true views, for `evaluate`."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...cuda_ops.rasterise import Mesh, Texture, make_texture
from ..camera import Camera, look_at
from ..errors import InputError
from ..photo.landmarks import LandmarkDetector
from ..photo.photograph import open_picture, read_photograph
from ..picture.compositing import over_light, to_bytes
from ..version import check_installed
from .assets import vertex_normals
from .examples import pack
from .export_views import export_views
from .views import View, draw_view

RIGHT_EYE, LEFT_EYE = 33, 263
"""Outer corners, among MediaPipe's points."""

EYES_M = 0.09
"""How far those lie apart on a grown person."""

EYES_IN_HEAD_M = (0.0, 0.03, 0.075)
"""And where their middle lies from the head's."""

FOV_DEG, DISTANCE_M, SAMPLES = 18.0, 1.5, 3
"""Of the pictures' cameras, and rays along a pixel's side."""

TURNS_DEG = ((10, 0), (-10, 0), (20, 0), (-20, 0), (30, 0), (-30, 0))
"""Yaw and pitch of the true views from the input's."""

AMBIENT = 0.42
"""Linear light from all around on a scan, whose colours have none."""

LAMPS = (((0.45, 0.5, 1.0), 0.42), ((-0.8, 0.2, 0.6), 0.16), ((0.0, 1.0, 0.0), 0.1))
"""Directions towards lamps far off, and how bright they are."""

WALL = (0.147, 0.216, 0.296)
"""Linear light of what stands behind the head in the input."""


@dataclass(frozen=True)
class TrainExportScan:
    """Draw a textured scan of a head as a folder of pictures, depths and cameras, for `evaluate`."""

    scan: Path
    """Mesh of one head with texture coordinates, upright, its face towards +Z, in any unit: .glb, .obj, .ply."""
    texture: Path
    """Its colours."""
    output: Path
    """Folder to write into, one a person."""
    flip_texture: bool = False
    """Read the picture upside down, where the mesh counts from its other end."""
    size_px: int = 512
    """Side of the pictures."""

    def run(self) -> None:
        """Writes the folder; raises InputError where a file cannot be read or no face is seen."""
        check_installed("trimesh", "trimesh", "train")
        texture = load_texture(self.texture, self.flip_texture)
        mesh = placed(load_scan(self.scan), texture)
        camera = look_at((0.0, 0.0, DISTANCE_M), fov_deg=FOV_DEG, width_px=self.size_px, height_px=self.size_px)
        cameras = [camera, *(camera.orbited(*turn) for turn in TURNS_DEG)]
        views = [draw(mesh, texture, one) for one in cameras]
        example = pack(
            over_wall(views[0]),
            views[0].rgba[..., 3] / 255.0,
            [view.rgba for view in views],
            [view.depth_m for view in views],
            cameras,
            np.zeros((1, 1)),
        )
        export_views(example, self.output)


def load_scan(path: Path) -> Mesh:
    """The mesh of a file in its own unit, lit; raises InputError where there is none with texture coordinates."""
    import trimesh

    try:
        scene = trimesh.load_scene(path, process=False)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
    except Exception as error:  # trimesh raises whatever its readers do
        raise InputError(f"Cannot read {path} as a mesh ({error}): give a .glb, .obj or .ply file.") from error
    meshes = []
    for part in parts:
        uv = getattr(part.visual, "uv", None)
        if uv is not None:
            vertices, triangles = np.asarray(part.vertices, np.float32), np.asarray(part.faces, np.int32)
            uv = np.stack([uv[:, 0], 1.0 - uv[:, 1]], 1).astype(np.float32)  # trimesh counts v from below
            no_gloss, first = np.zeros_like(vertices), np.zeros(len(triangles), np.int32)
            meshes.append(Mesh(vertices, uv, lit(vertices, triangles), no_gloss, triangles, first))
    if not meshes:
        raise InputError(f"{path} holds no mesh with texture coordinates: export the scan with its UV map.")
    return Mesh.join(meshes)


def lit(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Light on each vertex as a mesh's `gain` [V, 4], linear; vertices at one place count as one."""
    _, first, same = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    normals = vertex_normals(vertices[first], same.ravel()[triangles])[same.ravel()]
    light = np.full(len(vertices), AMBIENT)
    for direction, brightness in LAMPS:
        light += brightness * np.clip(normals @ (np.array(direction) / np.linalg.norm(direction)), 0.0, 1.0)
    return np.stack([light, light, light, np.ones_like(light)], 1).astype(np.float32)


def load_texture(path: Path, flip: bool) -> Texture:
    """A picture as an opaque texture, upside down if asked; raises InputError where it cannot be read."""
    with open_picture(read_photograph(path), str(path)) as image:
        texels = np.array(image.convert("RGBA"))
    texels[..., 3] = 255
    return make_texture(np.ascontiguousarray(texels[::-1] if flip else texels))


def placed(mesh: Mesh, texture: Texture, size_px: int = 512) -> Mesh:
    """The mesh in metres with the head's middle at the origin, by the eyes that MediaPipe finds in it.

    Raises InputError where it sees no face.
    """
    low, high = mesh.vertices_m.min(0), mesh.vertices_m.max(0)
    extent = float((high - low)[:2].max())
    middle = 0.5 * (low + high)
    whole = moved(mesh, middle, 1.0 / extent)
    camera = look_at((0.0, 0.0, 4.0), fov_deg=16.0, width_px=size_px, height_px=size_px)
    view = draw(whole, texture, camera)
    with LandmarkDetector() as detector:
        faces = detector.faces(over_wall(view))
    if not len(faces):
        raise InputError("No face is seen in the scan: turn it upright and towards +Z, or try --flip-texture.")
    right, left = (unprojected(camera, view, faces[0][index]) for index in (RIGHT_EYE, LEFT_EYE))
    scale = EYES_M / float(np.linalg.norm(left - right))
    return moved(whole, 0.5 * (left + right) - np.array(EYES_IN_HEAD_M) / scale, scale)


def moved(mesh: Mesh, origin: np.ndarray, scale: float) -> Mesh:
    """The mesh about another origin [3], `scale` times as large."""
    vertices = ((mesh.vertices_m - origin) * scale).astype(np.float32)
    return replace(mesh, vertices_m=vertices)


def unprojected(camera: Camera, view: View, pixel: np.ndarray) -> np.ndarray:
    """The point [3] that a view shows at a pixel (x, y)."""
    row, column = np.clip(pixel[[1, 0]].astype(int), 0, view.depth_m.shape[0] - 1)
    origin, directions = camera.rays()
    return np.asarray(origin + directions[row, column] * view.depth_m[row, column])


def draw(mesh: Mesh, texture: Texture, camera: Camera) -> View:
    """A picture of the scan."""
    return draw_view(mesh, [texture], camera, None, SAMPLES, threads=0)


def over_wall(view: View) -> np.ndarray:
    """A view [H, W, 3] uint8 before a plain wall."""
    return to_bytes(over_light(view.rgba / 255.0, np.array(WALL)))
