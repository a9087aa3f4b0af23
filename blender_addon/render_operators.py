"""Render Portrait: the scene's camera animation, drawn by the backend to RGBA + depth frames."""

from pathlib import Path

import bpy

from ..backend.camera import Camera
from ..backend.errors import InputError
from .backend_process import backend
from .cameras import asked_frames, beyond_promise, sample_animation
from .job_operator import JobOperator
from .look import drawn_look
from .naming import PATH_OPTIONS
from .native_object import active_portrait, file_note, portrait_path
from .photo_camera import photo_view
from .steps import Steps, answered

MAX_NAMED_FRAMES = 6


class PORTRAIT_MANIFOLDS_OT_render_portrait(JobOperator):
    """Draw every frame of the scene's camera with the backend, many times as fast as Cycles"""

    bl_idname = "portrait_manifolds.render_portrait"
    bl_label = "Render Portrait"

    directory: bpy.props.StringProperty(
        name="Folder",
        description="Where the frames go; empty takes the panel's",
        subtype="DIR_PATH",
        options=PATH_OPTIONS,
    )
    frame_start: bpy.props.IntProperty(name="Start", description="First frame; -1 takes the scene's", default=-1)
    frame_end: bpy.props.IntProperty(name="End", description="Last frame; -1 takes the scene's", default=-1)
    file_format: bpy.props.EnumProperty(
        name="Format",
        description="EXR for compositing, or PNG",
        items=[
            ("SCENE", "Panel's", "The one chosen in the panel"),
            ("exr", "EXR", "Linear light, premultiplied, with depth"),
            ("png", "PNG", "8 bits, straight alpha"),
        ],
    )
    samples: bpy.props.IntProperty(
        name="Samples", description="Rays along each side of a pixel; 0 takes the panel's", default=0, min=0, max=8
    )

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        scene, settings = context.scene, context.scene.portrait_manifolds
        root = active_portrait(context)
        self.work.what = f"Render of {root.name}"
        first, last = asked_frames(scene, self.frame_start, self.frame_end)
        if last < first:
            raise InputError(f"Frames {first} to {last} cannot be drawn: give a later end.")
        step = max(1, scene.frame_step)  # Blender lets it be 0
        frames = range(first, last + 1, step)
        params = {
            "portrait": str(portrait_path(root)),
            "directory": str(frames_folder(self.directory or settings.directory)),
            "first_frame": first,
            "frame_step": step,
            "format": settings.file_format if self.file_format == "SCENE" else self.file_format,
            "samples": self.samples or settings.samples,
        }
        looks: list[dict] = []
        cameras, scale = yield from sample_animation(
            scene, root, frames, lambda depsgraph: looks.append(drawn_look(root, depsgraph))
        )
        note = _beyond_note(cameras, frames, photo_view(root))
        params |= {"cameras": [view.to_dict() for view in cameras], "depth_scale": scale, "looks": looks}
        changed = file_note(root)
        if changed:
            self.report({"WARNING"}, changed)
        result = yield from answered(backend().request("frames", params, self.work.what))
        drawn = result["frames"]
        self.report({"INFO"}, f"{len(drawn)} frame{'s' * (len(drawn) > 1)} in {Path(drawn[0]).parent}.{note}")


def frames_folder(text: str) -> Path:
    """A folder as users name it; InputError for none, or one beside a .blend that is not saved yet."""
    if not text:
        raise InputError("The frames have no folder to go to: choose one under Frames in the panel.")
    if text.startswith("//") and not bpy.data.filepath:
        raise InputError("The frames' folder is beside the .blend, which is not saved: save it or choose a folder.")
    return Path(bpy.path.abspath(text)).absolute()


def _beyond_note(cameras: list[Camera], frames: range, photo: Camera) -> str:
    beyond = [frame for frame, camera in zip(frames, cameras, strict=True) if beyond_promise(camera, photo)]
    if not beyond:
        return ""
    named = ", ".join(map(str, beyond[:MAX_NAMED_FRAMES])) + (" ..." if len(beyond) > MAX_NAMED_FRAMES else "")
    return f" Beyond the views a portrait is made for: frame{'s' * (len(beyond) > 1)} {named}."
