"""One Blender mesh of all sheets, innermost first: blended drawing follows the order of the faces."""

from dataclasses import dataclass

import bpy
import numpy as np

from ..backend.conventions import PORTRAIT_TO_BLENDER
from ..backend.outputs.sheets import sheet_mesh
from ..backend.portrait import Portrait
from .atlas import Atlas
from .steps import Step, Steps

GRID_CELLS = 128
"""Cells of a sheet across the chart: a quarter of the exports' quads, and still within a fifth of a millimetre."""


@dataclass(frozen=True)
class MeshArrays:
    """A mesh as Blender's own calls take it."""

    points: np.ndarray  # [N, 3] float32, in Blender's axes
    faces: np.ndarray  # [M, corners] int32
    uv: np.ndarray | None = None  # [M * corners, 2] float32

    @staticmethod
    def of(points: np.ndarray, faces: np.ndarray, uv: np.ndarray | None = None) -> "MeshArrays":
        """From arrays of any number type; points [N, 3] are in portrait space."""
        turned = np.ascontiguousarray(points @ PORTRAIT_TO_BLENDER.T, np.float32)
        uv = None if uv is None else np.ascontiguousarray(uv, np.float32)
        return MeshArrays(turned, np.ascontiguousarray(faces, np.int32), uv)


def sheets_arrays(portrait: Portrait, atlas: Atlas) -> MeshArrays:
    """The sheets in the atlas as quads seen from outside, with the atlas' coordinates."""
    points, quads, uvs, first = [], [], [], 0
    for slot, sheet in enumerate(atlas.sheets):
        vertices, uv, triangles = sheet_mesh(portrait, sheet, GRID_CELLS)
        # sheet_mesh splits each cell along its rising diagonal; the two triangles together are the quad.
        cell = triangles.reshape(-1, 6)[:, [0, 1, 2, 5]]
        points.append(vertices)
        quads.append(cell + first)
        uvs.append(atlas.uv(slot, uv)[cell].reshape(-1, 2))
        first += len(vertices)
    return MeshArrays.of(np.concatenate(points), np.concatenate(quads), np.concatenate(uvs))


def fill_mesh(mesh: bpy.types.Mesh, arrays: MeshArrays) -> Steps[None]:
    """Gives an empty mesh its smooth faces, a few hundredths of a second at a time."""
    step = Step(1.0, "building the mesh")
    count, corners = arrays.faces.shape
    mesh.vertices.add(len(arrays.points))
    mesh.vertices.foreach_set("co", arrays.points.ravel())
    yield step
    mesh.loops.add(count * corners)
    mesh.loops.foreach_set("vertex_index", arrays.faces.ravel())
    yield step
    mesh.polygons.add(count)
    mesh.polygons.foreach_set("loop_start", np.arange(0, count * corners, corners, dtype=np.int32))
    mesh.polygons.foreach_set("loop_total", np.full(count, corners, np.int32))
    yield step
    mesh.update(calc_edges=True)
    yield step
    if arrays.uv is not None:
        mesh.uv_layers.new(name="UVMap", do_init=False).uv.foreach_set("vector", arrays.uv.ravel())
        yield step
