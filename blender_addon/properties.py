"""What a .blend remembers of a portrait: where it came from, kept on the objects themselves."""

import os

import bpy

from ..backend.conventions import MAX_REFINE_STEPS, TEXTURE_SIZE, TEXTURE_SIZES
from .naming import PATH_OPTIONS

ROLES = (
    ("NONE", "None", "No part of a portrait"),
    ("PORTRAIT", "Portrait", "The empty at the head's origin, which moves, turns and scales the portrait"),
    ("SHEETS", "Sheets", "The mesh of the portrait's sheets"),
    ("STAND_IN", "Stand-in", "A plain white head that casts the portrait's shadows"),
    ("SHADOW_CATCHER", "Shadow catcher", "The stand-in's twin, on which shadows are measured"),
    ("PHOTO_CAMERA", "Photo camera", "The camera that took the photograph"),
    ("RIG_CAMERA", "Rig camera", "The camera that a rig moves"),
)

EDIT_SHAPES = (
    ("KEEP", "Keep shape", "Paint lies on the head as it is: for skin, make-up, colours, marks. A second or two"),
    (
        "NEW",
        "New shape",
        "Reconstruct the painted picture anew, with the same camera: for paint that changes the outline, such as "
        "other hair, a hat or a beard",
    ),
)


def _note_place(properties: bpy.types.PropertyGroup, name: str) -> None:
    """A path was chosen: where that is, for when the .blend has moved on without it."""
    path = getattr(properties, name)
    setattr(properties, f"{name}_place", os.path.abspath(bpy.path.abspath(path)) if path else "")


class PortraitProperties(bpy.types.PropertyGroup):
    """Portrait Manifolds' properties of an object; most are used on the portrait's empty."""

    role: bpy.props.EnumProperty(
        name="Role", description="What the object is to a portrait", items=ROLES, default="NONE"
    )
    filepath: bpy.props.StringProperty(
        name="Portrait File",
        description="The .portrait file that the backend draws",
        subtype="FILE_PATH",
        options=PATH_OPTIONS,
        update=lambda self, context: _note_place(self, "filepath"),
    )
    filepath_place: bpy.props.StringProperty(description="The portrait's file as an absolute path, when it was chosen")
    hidden_from_workbench: bpy.props.BoolProperty(
        description="Whether a stand-in is hidden from renders only because Workbench would show it"
    )
    mesh_points: bpy.props.FloatVectorProperty(
        description="Three vertices of the sheets' mesh as it was built; zero in a .blend of before", size=9
    )
    look: bpy.props.PointerProperty(
        type=bpy.types.Material,
        description="The sheets' material: what the empty refers to is animated where the sheets are hidden, too",
    )
    file_digest: bpy.props.StringProperty(description="Identifies the file that the sheets were built from")
    photo: bpy.props.StringProperty(
        name="Photograph",
        description="The photograph the portrait was made from",
        subtype="FILE_PATH",
        options=PATH_OPTIONS,
        update=lambda self, context: _note_place(self, "photo"),
    )
    shown_photo: bpy.props.PointerProperty(
        type=bpy.types.Image, name="Shown Photo", description="The photograph behind a photo camera's picture"
    )
    photo_place: bpy.props.StringProperty(description="The photograph as an absolute path, when it was chosen")
    input_camera: bpy.props.StringProperty(
        name="Photo Camera", description="The photograph's camera in portrait space, as JSON"
    )
    head_crop: bpy.props.StringProperty(
        name="Head Crop", description="The head's square in the photograph, as JSON: what rigs frame"
    )
    provenance: bpy.props.StringProperty(name="Provenance", description="What the portrait is and how it was made")
    photo_sha256: bpy.props.StringProperty(name="Photo SHA-256", description="Identifies the photograph")
    weights_id: bpy.props.StringProperty(name="Weights", description="Identifies the networks that made the portrait")
    texture_size: bpy.props.IntProperty(name="Texture Size", description="Side of a sheet's texture in texels")
    sheets: bpy.props.IntProperty(name="Sheets", description="Number of sheets, with the empty ones")
    edited_image: bpy.props.PointerProperty(
        type=bpy.types.Image, name="Edited View", description="The front view as it is being painted"
    )


class PortraitSceneProperties(bpy.types.PropertyGroup):
    """Portrait Manifolds' settings of a scene."""

    texture_size: bpy.props.EnumProperty(
        name="Texture Size",
        description="Side of each sheet's texture in texels",
        items=[(str(size), str(size), f"{size} x {size} texels a sheet") for size in TEXTURE_SIZES],
        default=str(TEXTURE_SIZE),
    )
    refine_steps: bpy.props.IntProperty(
        name="Refine",
        description="Steps of fitting the textures to the photograph; 0 is fastest",
        min=0,
        max=MAX_REFINE_STEPS,
    )
    fov_deg: bpy.props.FloatProperty(
        name="Field of View",
        description="Vertical field of view of the photograph in degrees; 0 finds it from the picture",
        min=0.0,
        max=120.0,
    )
    face: bpy.props.IntProperty(
        name="Face", description="Which face, counted from the largest", default=1, min=1, max=50
    )
    directory: bpy.props.StringProperty(
        name="Frames",
        description="Folder for the frames of Render Portrait",
        subtype="DIR_PATH",
        default="//portrait/",
        options=PATH_OPTIONS,
    )
    file_format: bpy.props.EnumProperty(
        name="Format",
        description="What kind of picture Render Portrait writes",
        items=[
            ("exr", "EXR + depth", "Linear light, premultiplied, with depth: for compositing"),
            ("png", "PNG", "8 bits, straight alpha: for everything else"),
        ],
        default="exr",
    )
    samples: bpy.props.IntProperty(
        name="Samples", description="Rays along each side of a pixel; 2 smooths outlines", min=1, max=8, default=2
    )
    edit_shape: bpy.props.EnumProperty(
        name="Shape", description="What Apply Edit does with the head's shape", items=EDIT_SHAPES
    )
    drawn_by: bpy.props.PointerProperty(
        type=bpy.types.Scene, name="Portrait Scene", description="The scene in which the backend draws the portraits"
    )


def register_properties() -> None:
    """Adds the property groups to Blender's types; their classes must be registered."""
    bpy.types.Object.portrait_manifolds = bpy.props.PointerProperty(type=PortraitProperties)
    bpy.types.Scene.portrait_manifolds = bpy.props.PointerProperty(type=PortraitSceneProperties)


def unregister_properties() -> None:
    """The inverse."""
    del bpy.types.Scene.portrait_manifolds
    del bpy.types.Object.portrait_manifolds
