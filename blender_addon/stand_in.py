"""A plain head in the portrait's place: it casts the portrait's shadows on the scene."""

import bpy
import numpy as np

from ..backend.errors import InputError
from ..backend.manifolds import direction_to_chart, map_coordinates, sample_map
from ..backend.portrait import Portrait
from .file_digest import file_digest
from .native_object import Place, found_at, leave_edit_mode, part_of, portrait_path, takes_objects
from .sheets_mesh import MeshArrays, fill_mesh
from .steps import Steps, finished, in_thread

RINGS, SEGMENTS = 48, 96


def stand_in_of(place: Place) -> Steps[bpy.types.Object]:
    """The stand-in of the portrait at `place`, added under its empty, or found and brought up to date with its file.

    Cameras do not see it, lights do. Raises InputError where there is none and the portrait's file is gone.
    """
    root = found_at(place)
    existing = part_of(root, "STAND_IN")
    if existing is not None and _is_current(root, existing):
        return existing
    path = portrait_path(root)
    read = yield from in_thread(
        "reading the portrait", lambda: (stand_in_arrays(Portrait.load(path)), file_digest(path))
    )
    root = found_at(place)
    stand_in = part_of(root, "STAND_IN") or _add_stand_in(root)
    renew_stand_in(root, *read)
    return stand_in


def renew_stand_in(root: bpy.types.Object, arrays: MeshArrays, digest: str) -> None:
    """Gives the stand-in, and its twin that catches shadows, the shape of the file with a digest, where they are."""
    for role in ("STAND_IN", "SHADOW_CATCHER"):
        part = part_of(root, role)
        if part is None:
            continue
        leave_edit_mode(part)
        part.data.clear_geometry()
        finished(fill_mesh(part.data, arrays))  # small
        part.portrait_manifolds.file_digest = digest
        if role == "STAND_IN":
            part.data.shade_flat()  # smooth normals of large faces lose light at grazing angles
        else:
            part.data.shade_smooth()  # else shadows would end along the edges of faces that turn from the light


def hide_from_workbench(root: bpy.types.Object, engine: str) -> None:
    """Hides the stand-in from renders by Workbench, which draws what cameras are not to see, and from no others."""
    stand_in = part_of(root, "STAND_IN")
    if stand_in is None:
        return
    hide, properties = engine == "BLENDER_WORKBENCH", stand_in.portrait_manifolds
    if hide and not stand_in.hide_render:
        stand_in.hide_render = properties.hidden_from_workbench = True
    elif not hide and properties.hidden_from_workbench:
        stand_in.hide_render = properties.hidden_from_workbench = False


def _is_current(root: bpy.types.Object, stand_in: bpy.types.Object) -> bool:
    """Also where the portrait's file is gone: then there is nothing better."""
    try:
        return stand_in.portrait_manifolds.file_digest == file_digest(portrait_path(root))
    except InputError:
        return True


def _add_stand_in(root: bpy.types.Object) -> bpy.types.Object:
    """An empty mesh yet."""
    stand_in = bpy.data.objects.new(f"{root.name} stand-in", bpy.data.meshes.new(f"{root.name} stand-in"))
    stand_in.portrait_manifolds.role = "STAND_IN"
    stand_in.parent = root
    stand_in.data.materials.append(_white())
    stand_in.visible_camera = False
    stand_in.display_type = "BOUNDS"
    own = [collection for collection in root.users_collection if takes_objects(collection)]
    for collection in own or [bpy.context.scene.collection]:
        collection.objects.link(stand_in)
    return stand_in


def _white() -> bpy.types.Material:
    """Matt white, which shows the light as it is."""
    material = bpy.data.materials.new("Stand-in")
    if bpy.app.version < (5, 0, 0):  # since then materials always have nodes
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    diffuse, output = tree.nodes.new("ShaderNodeBsdfDiffuse"), tree.nodes.new("ShaderNodeOutputMaterial")
    diffuse.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    tree.links.new(diffuse.outputs[0], output.inputs["Surface"])
    return material


def stand_in_arrays(portrait: Portrait) -> MeshArrays:
    """A closed mesh through what first covers half of the view, from outside in; the skin where nothing does."""
    polar = np.linspace(0.0, np.pi, RINGS + 1)[1:-1]
    turn = np.arange(SEGMENTS) * (2.0 * np.pi / SEGMENTS)
    angle, around = (values.ravel() for values in np.meshgrid(polar, turn, indexing="ij"))
    # Poles at +-y (crown and neck) keep the rings even where the face is.
    directions = np.stack([np.sin(angle) * np.sin(around), np.cos(angle), np.sin(angle) * np.cos(around)], axis=-1)
    directions = np.concatenate([directions, [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]])
    points = directions * _surface_m(portrait, directions)[:, None]
    ring = np.arange((RINGS - 1) * SEGMENTS).reshape(RINGS - 1, SEGMENTS)
    after = np.roll(ring, -1, axis=1)
    quads = np.stack([ring[:-1], ring[1:], after[1:], after[:-1]], axis=-1).reshape(-1, 4)
    crown, neck = len(points) - 2, len(points) - 1
    caps = [(crown, a, b) for a, b in zip(ring[0], after[0], strict=True)]
    caps += [(neck, b, a) for a, b in zip(ring[-1], after[-1], strict=True)]
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]], np.array(caps)])
    return MeshArrays.of(points, triangles)


def _surface_m(portrait: Portrait, directions: np.ndarray) -> np.ndarray:
    """Distance [N] of the stand-in at unit directions [N, 3]."""
    manifolds, uv = portrait.manifolds, direction_to_chart(directions)
    radius, spread = (sample_map(x, uv, manifolds.half_extent) for x in (manifolds.total_radius_m(), manifolds.spread))
    coordinates = map_coordinates(portrait.texture_size, manifolds.half_extent)
    column = np.clip(np.searchsorted(coordinates, uv[:, 0]), 0, portrait.texture_size - 1)
    row = np.clip(np.searchsorted(coordinates, -uv[:, 1]), 0, portrait.texture_size - 1)
    opacity = portrait.textures[:, row, column, 3] / 255.0  # [S, N]
    seen_through = np.cumprod(1.0 - opacity[::-1], axis=0)[::-1]  # of each sheet and those outside it
    covered = seen_through < 0.5
    # The outermost sheet whose outside half is covered is the last index at which that holds.
    outermost = np.where(covered.any(axis=0), len(covered) - 1 - np.argmax(covered[::-1], axis=0), -1)
    offset = np.where(outermost < 0, 0.0, manifolds.offsets_m[outermost])
    return radius + offset * spread
