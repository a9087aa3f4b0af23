"""The newest picture of something that changes all the time: what the viewport shows, without what draws it there."""

import tempfile
from pathlib import Path

from ..backend.errors import InputError, ProcessingError
from .backend_process import Cancelled, Job, backend
from .pictures import Layer, Picture, picture_request, read_picture

Wanted = tuple[list[Layer], tuple[int, int]]
"""Layers, and the picture's width and height in pixels."""


class LivePicture:
    """Asks for one picture at a time and skips what has changed meanwhile; nothing here waits for the backend."""

    def __init__(self) -> None:
        self.problem = ""
        self.picture: Picture | None = None
        """Another object for each new picture."""
        self._job: Job | None = None
        self._asked: Wanted | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="portrait_manifolds_")

    def follow(self, wanted: Wanted) -> bool:
        """Takes a picture that has come and asks for another if it is not the one wanted; whether one is awaited."""
        try:
            if self._job is not None and self._job.poll():
                self._take()
            if self._job is None and wanted != self._asked:
                self._ask(wanted)
        except (InputError, ProcessingError, Cancelled) as error:
            self._job, self.problem = None, str(error)
        return self._job is not None

    def _ask(self, wanted: Wanted) -> None:
        self._asked, self.problem = wanted, ""  # whatever comes of it, it is not asked for twice
        found = wanted[0]
        if not found:
            self.picture = None
            return
        params = picture_request(found, 1, Path(self._folder.name) / "view.npy")
        self._job = backend().request("render", params, "View")

    def _take(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        self.picture = read_picture(job.result())
