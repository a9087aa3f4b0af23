"""The backend as Blender sees it: requests in, answers out, one JSON object a line over the process' pipes.

    > {"id": 1, "method": "frames", "params": {...}}     a request; `id` is the asker's
    > {"cancel": 1}                                      stop it between two steps
    < {"id": 1, "progress": 0.25, "stage": "frame 3"}
    < {"id": 1, "result": {...}}                         or
    < {"id": 1, "error": "One sentence.", "kind": "input" | "failure" | "cancelled"}

Requests are worked on one after another. End of input means that Blender is gone: the work is dropped and the process
ends. Pictures go through files.
"""

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, TextIO, TypeVar

import numpy as np

from . import progress
from .atomic import atomic_path
from .camera import Camera
from .errors import InputError, ProcessingError
from .frames.animation import render_frames
from .picture.layered_picture import layered_picture
from .picture.look import Look
from .portrait import Portrait
from .version import installed_version

Answer = dict[str, Any]
Kind = TypeVar("Kind")

MAX_LINE_CHARACTERS = 64 << 20
"""A longer line is no request: an animation of 100,000 cameras fits."""


class Params(dict[str, Any]):
    """What a method is given; what is missing or of another kind is the asker's error."""

    def __missing__(self, name: str) -> Any:
        raise InputError(f"The request lacks {name!r}: update the extension or the backend.")

    def of_kind(self, kind: type[Kind], name: str, default: Kind | None = None) -> Kind:
        """The value, which must be finite; whole numbers will do where `kind` is float."""
        value = self[name] if default is None else self.get(name, default)
        if kind is float and type(value) is int and abs(value) < 1 << 53:
            value = float(value)
        if type(value) is not kind or (isinstance(value, float) and not isfinite(value)):
            raise InputError(f"The request's {name!r} is no {kind.__name__}: update the extension or the backend.")
        return value

    def path(self, name: str) -> Path:
        """A file's or a folder's path."""
        text = self.of_kind(str, name)
        try:
            if b"\0" in os.fsencode(text):
                raise ValueError("a null character")
        except ValueError as error:
            raise InputError(f"The request's {name!r} is no path: update the extension or the backend.") from error
        return Path(text)


class Worker:
    """Reads requests in a thread, so that a cancellation is seen while a request is worked on."""

    def __init__(self, requests: TextIO, answers: TextIO) -> None:
        self.answers = answers
        self.waiting: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.cancelled: set[int] = set()
        self.gone = False
        threading.Thread(target=self._read, args=(requests,), daemon=True).start()

    def run(self) -> None:
        """Works until the input ends."""
        while (request := self.waiting.get()) is not None:
            self._answer(request)

    def _read(self, requests: TextIO) -> None:
        """Takes requests until the input ends, and cancellations at once; what is neither goes to the log."""
        for line in _lines(requests):
            try:
                message = json.loads(line)
                if not isinstance(message, dict):
                    raise ValueError("no object")
                if "cancel" in message:
                    self.cancelled.add(int(message["cancel"]))
                else:
                    self.waiting.put({**message, "id": int(message["id"])})
            except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
                print(f"not a request ({error}): {line[:200]!r}", file=sys.stderr, flush=True)
        self.gone = True
        self.waiting.put(None)

    def _answer(self, request: dict[str, Any]) -> None:
        """Works on one request and says what came of it, whatever that is."""
        number = request["id"]

        def listen(fraction: float, stage: str) -> None:
            if self.gone or number in self.cancelled:
                raise progress.Cancelled
            self._say({"id": number, "progress": round(fraction, 4), "stage": stage})

        try:
            method = METHODS.get(str(request.get("method")))
            if method is None:
                raise InputError(f"The backend has no method {request.get('method')!r}: update it.")
            params = request.get("params") or {}
            if not isinstance(params, dict):
                raise InputError("The request's params are no object: update the extension or the backend.")
            with progress.listening(listen):
                progress.report(0.0, "starting")
                answer: Answer = {"result": method(Params(params))}
        except progress.Cancelled:
            answer = {"error": "Cancelled.", "kind": "cancelled"}
        except InputError as error:
            answer = {"error": str(error), "kind": "input"}
        except ProcessingError as error:
            answer = {"error": str(error), "kind": "failure"}
        except MemoryError:
            answer = {"error": "Out of memory: ask for a smaller picture or texture.", "kind": "failure"}
        except Exception as error:  # whatever it is, the asker must not wait for ever; the log has the rest
            traceback.print_exc()
            answer = {"error": f"The backend failed ({type(error).__name__}: {error}): see its log.", "kind": "failure"}
        self._say({"id": number, **answer})

    def _say(self, message: dict[str, Any]) -> None:
        """One line to the asker, who may be gone."""
        try:
            self.answers.write(json.dumps(message) + "\n")
            self.answers.flush()
        except BrokenPipeError:
            self.gone = True


def _lines(requests: TextIO) -> Iterator[str]:
    """Lines of a sensible length; of a longer one the rest is passed over."""
    whole = True
    while line := requests.readline(MAX_LINE_CHARACTERS):
        if whole:
            yield line
        whole = line.endswith("\n")


def serve() -> None:
    """Answers requests on standard input until it ends."""
    # Libraries print to standard output; here that would be part of an answer. They get standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    Worker(sys.stdin, answers).run()


def _hello(params: Params) -> Answer:
    """Who answers. `device`: also what networks would run on, which takes the seconds that torch needs to load."""
    from ..cuda_ops.build import BuildError, load_library

    try:
        load_library("render")
        renderer = "compiled"
    except BuildError as error:
        renderer = f"slow reference ({error})"
    facts = {"version": installed_version(), "python": sys.executable, "renderer": renderer, "process": os.getpid()}
    if params.get("device"):
        try:
            import torch

            facts["device"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
        except ImportError:
            facts["device"] = "none: torch is not installed"
    return facts


def _render(params: Params) -> Answer:
    """One picture to `output`: two arrays in numpy's format, one after the other, RGBA [h, w, 4] and depth [h, w].

    They are the part of the picture that is not empty, lowest row first (see `Light`); the answer says where it lies.
    `layers`: of each a `portrait`, a `camera`, and if wanted a `look` and a `scale`, which is what a metre of it is in
    units of depth.
    """
    samples = params.of_kind(int, "samples", 2)
    drawn, sizes = [], set()
    for entry in params.of_kind(list, "layers"):
        layer = Params(entry if isinstance(entry, dict) else {})
        look = Look.from_dict(layer.of_kind(dict, "look", {}))
        portrait = _portrait(layer.path("portrait"), look.opacity)
        camera = Camera.from_dict(layer["camera"])
        light = look.shone(portrait.renderer.light(camera, samples, look.softness))
        scale = layer.of_kind(float, "scale", 1.0)
        drawn.append(light if scale == 1.0 else light._replace(depth=light.depth * np.float32(scale)))
        sizes.add((camera.width_px, camera.height_px))
    if len(sizes) != 1:
        raise InputError("The layers' cameras differ in size, or there is none: give all the picture's.")
    picture, output = layered_picture(drawn), params.path("output")
    if not output.parent.is_dir():  # a viewport that is closed has taken its folder with it
        raise InputError(f"There is no folder {output.parent} to write to: make it first.")
    with atomic_path(output) as temporary, temporary.open("wb") as file:
        np.save(file, picture.rgba)
        np.save(file, picture.depth)
    return {"output": str(output), "left": picture.left_px, "bottom": picture.bottom_px}


def _frames(params: Params) -> Answer:
    """An animation to a folder, frame by frame; frames that are there already are kept."""
    cameras = [Camera.from_dict(camera) for camera in params.of_kind(list, "cameras")]
    kind = params.of_kind(str, "format", "exr")
    if kind not in ("exr", "png"):
        raise InputError(f"Frames of the format {kind!r} cannot be written: ask for exr or png.")
    paths = render_frames(
        _portrait(params.path("portrait")),
        cameras,
        params.path("directory"),
        kind,
        params.of_kind(int, "samples", 2),
        first_frame=params.of_kind(int, "first_frame", 1),
        frame_step=params.of_kind(int, "frame_step", 1),
        depth_scale=params.of_kind(float, "depth_scale", 1.0),
        looks=[Look.from_dict(look) for look in params.of_kind(list, "looks", [])],
    )
    return {"frames": [str(path) for path in paths]}


def _command(params: Params) -> Answer:
    """A subcommand as on the command line, in this process: what it has loaded stays warm."""
    from .cli import parse

    arguments = [str(argument) for argument in params.of_kind(list, "arguments")]
    if arguments[:1] == ["serve"]:
        raise InputError("The backend is serving already: ask for another command.")
    try:
        command = parse(arguments)
    except SystemExit as stop:
        raise InputError(
            f"The backend does not know `{' '.join(arguments[:1])}` with these options: update it."
        ) from stop
    command.run()
    return {}


METHODS: dict[str, Callable[[Params], Answer]] = {
    "hello": _hello,
    "render": _render,
    "frames": _frames,
    "command": _command,
}


def _portrait(path: Path, opacity: float = 1.0) -> Portrait:
    """A portrait's file, with all its opacity multiplied; kept while the file stays as it is."""
    try:
        return _loaded(path, path.stat().st_mtime_ns, opacity)
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}): check the path.") from error


@lru_cache(maxsize=3)
def _loaded(path: Path, changed_ns: int, opacity: float) -> Portrait:
    return Portrait.load(path) if opacity == 1.0 else Look(opacity=opacity).thinned(_loaded(path, changed_ns, 1.0))
