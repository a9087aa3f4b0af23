"""One Blender mesh of all sheets, innermost first: blended drawing follows the order of the faces."""

import bpy
import numpy as np

from ..backend.conventions import PORTRAIT_TO_BLENDER
from ..backend.outputs.sheets import sheet_mesh
from ..backend.portrait import Portrait
from .atlas import Atlas

GRID_CELLS = 128
"""Cells of a sheet across the chart: a quarter of the exports' quads, and still within a fifth of a millimetre."""


def build_sheets_mesh(name: str, portrait: Portrait, atlas: Atlas, cells: int = GRID_CELLS) -> bpy.types.Mesh:
    """The sheets in the atlas as quads in Blender's axes, seen from outside, with the atlas' coordinates as UV map."""
    points, quads, uvs, first = [], [], [], 0
    for slot, sheet in enumerate(atlas.sheets):
        vertices, uv, triangles = sheet_mesh(portrait, sheet, cells)
        # sheet_mesh splits each cell along its rising diagonal; the two triangles together are the quad.
        cell = triangles.reshape(-1, 6)[:, [0, 1, 2, 5]]
        points.append(vertices @ PORTRAIT_TO_BLENDER.T.astype(np.float32))
        quads.append(cell + first)
        uvs.append(atlas.uv(slot, uv)[cell].reshape(-1, 2))
        first += len(vertices)
    mesh = mesh_from_arrays(name, np.concatenate(points), np.concatenate(quads))
    layer = mesh.uv_layers.new(name="UVMap", do_init=False)
    layer.uv.foreach_set("vector", np.concatenate(uvs).astype(np.float32).ravel())
    return mesh


def mesh_from_arrays(name: str, points: np.ndarray, faces: np.ndarray) -> bpy.types.Mesh:
    """A smooth mesh of points [N, 3] and faces [M, corners]."""
    mesh = bpy.data.meshes.new(name)
    count, corners = faces.shape
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(points, np.float32).ravel())
    mesh.loops.add(count * corners)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, count * corners, corners, dtype=np.int32))
    mesh.polygons.foreach_set("loop_total", np.full(count, corners, np.int32))
    mesh.update(calc_edges=True)
    return mesh
