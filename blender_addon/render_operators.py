"""Render Portrait: the scene's camera animation, drawn by the backend to RGBA + depth frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from ..backend.camera import Camera
from ..backend.errors import InputError
from .backend_process import Job, backend
from .cameras import beyond_promise, sample_animation
from .job_operator import JobOperator
from .naming import PATH_OPTIONS
from .native_object import active_portrait, portrait_path
from .photo_camera import photo_view

MAX_NAMED_FRAMES = 6


class PORTRAIT_MANIFOLDS_OT_render_portrait(JobOperator):
    """Draw every frame of the scene's camera with the backend, about a hundred times as fast as Cycles"""

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
        items=[("SCENE", "Panel's", ""), ("exr", "EXR", ""), ("png", "PNG", "")],
    )
    samples: bpy.props.IntProperty(
        name="Samples", description="Rays along each side of a pixel; 0 takes the panel's", default=0, min=0, max=8
    )

    def prepare(self, context: bpy.types.Context) -> Iterator[float]:
        scene = context.scene
        root = active_portrait(context)
        first = scene.frame_start if self.frame_start < 0 else self.frame_start
        last = scene.frame_end if self.frame_end < 0 else self.frame_end
        if last < first:
            raise InputError(f"Frames {first} to {last} cannot be drawn: give a later end.")
        self._name, self._frames = root.name, range(first, last + 1)
        self._found: list[tuple[Camera, float]] = []
        self._portrait = str(portrait_path(root))
        self._directory = str(frames_folder(self.directory or scene.portrait_manifolds.directory))
        yield from sample_animation(scene, root, self._frames, self._found)
        self._note = _beyond_note([view for view, _ in self._found], self._frames, photo_view(root))

    def start(self, context: bpy.types.Context) -> Job:
        settings = context.scene.portrait_manifolds
        params = {
            "portrait": self._portrait,
            "cameras": [view.to_dict() for view, _ in self._found],
            "directory": self._directory,
            "first_frame": self._frames.start,
            "depth_scale": self._found[0][1],
            "format": settings.file_format if self.file_format == "SCENE" else self.file_format,
            "samples": self.samples or settings.samples,
        }
        return backend().request("frames", params, f"Render of {self._name}")

    def finish(self, context: bpy.types.Context, result: dict[str, Any]) -> None:
        frames = result["frames"]
        place = Path(frames[0]).parent
        self.report({"INFO"}, f"{len(frames)} frame{'s' * (len(frames) > 1)} in {place}.{self._note}")


def frames_folder(text: str) -> Path:
    """A folder as users name it; InputError for one beside a .blend that is not saved yet."""
    if text.startswith("//") and not bpy.data.filepath:
        raise InputError("The frames' folder is beside the .blend, which is not saved: save it or choose a folder.")
    return Path(bpy.path.abspath(text)).absolute()


def _beyond_note(cameras: list[Camera], frames: range, photo: Camera) -> str:
    beyond = [frame for frame, camera in zip(frames, cameras, strict=True) if beyond_promise(camera, photo)]
    if not beyond:
        return ""
    named = ", ".join(map(str, beyond[:MAX_NAMED_FRAMES])) + (" ..." if len(beyond) > MAX_NAMED_FRAMES else "")
    return f" Beyond the views a portrait is made for: frame{'s' * (len(beyond) > 1)} {named}."
