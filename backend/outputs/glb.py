"""GLB: a portrait's sheets as unlit blended meshes, for any glTF viewer.

glTF's own axes (y up, z towards the viewer, metres) are portrait space, so coordinates go in unchanged. The primitives
are stored innermost first: drawn in order and culled by their backs, star-shaped sheets blend correctly from outside.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
import pygltflib as gltf
from PIL import Image

from ..atomic import atomic_path
from ..errors import InputError
from ..portrait import Portrait
from .provenance import DIGITAL_SOURCE_TYPE, SOFTWARE
from .sheets import dilated_colour, sheet_mesh

_UNLIT = "KHR_materials_unlit"


def export_glb(portrait: Portrait, path: Path | str) -> None:
    """Writes the portrait's visible sheets to a .glb file whole or not at all.

    Raises InputError for a portrait without any opacity or a path that cannot be written, ProcessingError if the disk
    gives out.
    """
    meshes = {sheet: sheet_mesh(portrait, sheet) for sheet in range(portrait.manifolds.sheets)}
    meshes = {sheet: mesh for sheet, mesh in meshes.items() if len(mesh[2])}  # texels beyond the sphere have none
    if not meshes:
        raise InputError("The portrait is empty, every sheet is transparent: reconstruct it again.")
    colour = dilated_colour(portrait.textures)
    document = gltf.GLTF2(
        asset=gltf.Asset(
            generator=SOFTWARE,
            copyright=portrait.provenance,
            extras={"provenance": portrait.provenance, "digitalSourceType": DIGITAL_SOURCE_TYPE},
        ),
        extensionsUsed=[_UNLIT],
        scene=0,
        scenes=[gltf.Scene(nodes=[0])],
        nodes=[gltf.Node(name="portrait", mesh=0)],
        meshes=[gltf.Mesh(name="portrait", primitives=[])],
        samplers=[
            gltf.Sampler(
                magFilter=gltf.LINEAR, minFilter=gltf.LINEAR, wrapS=gltf.CLAMP_TO_EDGE, wrapT=gltf.CLAMP_TO_EDGE
            )
        ],
    )
    buffer = _Buffer(document)
    for sheet, mesh in meshes.items():
        rgba = np.concatenate([colour[sheet], portrait.textures[sheet, ..., 3:]], axis=-1)
        _add_sheet(document, buffer, f"sheet {sheet:02d}", rgba, *mesh)
    document.buffers = [gltf.Buffer(byteLength=len(buffer.data))]
    document.set_binary_blob(bytes(buffer.data))
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"".join(document.save_to_bytes()))


class _Buffer:
    """The file's binary chunk, growing; each part aligned to 4 bytes as glTF asks."""

    def __init__(self, document: gltf.GLTF2) -> None:
        self.document, self.data = document, bytearray()

    def view(self, data: bytes, target: int | None = None) -> int:
        """Appends bytes; returns the index of their buffer view."""
        views = self.document.bufferViews
        views.append(gltf.BufferView(buffer=0, byteOffset=len(self.data), byteLength=len(data), target=target))
        self.data += data + b"\0" * (-len(data) % 4)
        return len(views) - 1

    def accessor(self, values: np.ndarray, kind: str, component: int, target: int) -> int:
        """Appends an array; returns the index of its accessor, with the bounds glTF asks for."""
        accessor = gltf.Accessor(
            bufferView=self.view(np.ascontiguousarray(values).tobytes(), target),
            componentType=component,
            count=len(values),
            type=kind,
            min=np.atleast_1d(values.min(axis=0)).tolist(),
            max=np.atleast_1d(values.max(axis=0)).tolist(),
        )
        self.document.accessors.append(accessor)
        return len(self.document.accessors) - 1


def _add_sheet(
    document: gltf.GLTF2,
    buffer: _Buffer,
    name: str,
    rgba: np.ndarray,
    vertices: np.ndarray,
    uv: np.ndarray,
    faces: np.ndarray,
) -> None:
    png = BytesIO()
    Image.fromarray(rgba).save(png, format="PNG", optimize=False, compress_level=6)
    index = len(document.materials)
    document.images.append(gltf.Image(name=name, mimeType="image/png", bufferView=buffer.view(png.getvalue())))
    document.textures.append(gltf.Texture(sampler=0, source=index))
    document.materials.append(
        gltf.Material(
            name=name,
            alphaMode=gltf.BLEND,
            alphaCutoff=None,
            doubleSided=False,
            pbrMetallicRoughness=gltf.PbrMetallicRoughness(
                baseColorTexture=gltf.TextureInfo(index=index), metallicFactor=0.0, roughnessFactor=1.0
            ),
            extensions={_UNLIT: {}},
        )
    )
    attributes = gltf.Attributes(
        POSITION=buffer.accessor(vertices, gltf.VEC3, gltf.FLOAT, gltf.ARRAY_BUFFER),
        TEXCOORD_0=buffer.accessor(uv, gltf.VEC2, gltf.FLOAT, gltf.ARRAY_BUFFER),
    )
    short = len(vertices) < 0xFFFF
    index_type = (np.uint16, gltf.UNSIGNED_SHORT) if short else (np.uint32, gltf.UNSIGNED_INT)
    corners = faces.reshape(-1).astype(index_type[0])
    indices = buffer.accessor(corners, gltf.SCALAR, index_type[1], gltf.ELEMENT_ARRAY_BUFFER)
    document.meshes[0].primitives.append(
        gltf.Primitive(attributes=attributes, indices=indices, material=index, mode=gltf.TRIANGLES)
    )
