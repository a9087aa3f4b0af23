"""MP4: H.264 for every player, through PyAV."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np

from ..atomic import atomic_path
from ..errors import InputError, ProcessingError, WriteError
from ..portrait import PROVENANCE
from .provenance import DIGITAL_SOURCE_TYPE, SOFTWARE

_BT709 = 1  # primaries, transfer and matrix of ITU-T H.273 all call BT.709 "1"
_TV_RANGE = 1
_QUALITY = "18"  # x264's constant rate factor

MIN_FPS, MAX_FPS = 0.001, 1000.0

_BROADCAST_RATES = tuple(Fraction(1000 * rate, 1001) for rate in (24, 30, 48, 60, 120))
"""Those that are written as 23.976, 29.97 and so on."""


def frame_rate(fps: float) -> Fraction:
    """Frames a second as films say them; raises InputError for what is not from MIN_FPS to MAX_FPS."""
    if not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(
            f"A film of {fps} frames a second cannot be made: give at least {MIN_FPS:g} and at most {MAX_FPS:g}."
        )
    nearest = min(_BROADCAST_RATES, key=lambda rate: abs(rate - fps))
    return nearest if abs(nearest - fps) < 0.005 else Fraction(fps).limit_denominator(1001)


class Mp4Writer:
    """Writes frames to an H.264 MP4; the file appears when the `with` block ends without an exception, else nothing.

    H.264's 4:2:0 needs even sizes: an odd width or height is padded by repeating the last column or row. Raises
    InputError for a bad path, size or frame rate and where no frame was written, ProcessingError where encoding fails.
    """

    def __init__(
        self,
        path: Path | str,
        width_px: int,
        height_px: int,
        fps: float = 30.0,
        provenance: str = PROVENANCE,
    ) -> None:
        if not (width_px >= 1 and height_px >= 1):
            raise InputError(f"A video of {width_px} x {height_px} pixels cannot be made: give at least 1 x 1.")
        self.path, self.width_px, self.height_px = Path(path), width_px, height_px
        self._rate = frame_rate(fps)
        self._provenance, self._frames = provenance, 0

    def __enter__(self) -> "Mp4Writer":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self.path))
            try:
                self._container = av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
                stack.callback(self._container.close)
                self._stream = self._container.add_stream("libx264", rate=self._rate)
            except (av.FFmpegError, ValueError) as error:
                raise ProcessingError(f"H.264 cannot be encoded ({error}): install PyAV's wheel (`av`).") from error
            self._container.metadata.update(
                title=self.path.stem,
                comment=f"{self._provenance} {DIGITAL_SOURCE_TYPE}",
                description=self._provenance,
                encoder=SOFTWARE,
            )
            stream = self._stream
            stream.width, stream.height = self.width_px + self.width_px % 2, self.height_px + self.height_px % 2
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": _QUALITY, "preset": "medium"}
            context = stream.codec_context
            context.color_primaries = context.color_trc = context.colorspace = _BT709
            context.color_range = _TV_RANGE
            self._stack = stack.pop_all()
        return self

    def write(self, pixels: np.ndarray) -> None:
        """Adds a frame that lies over its background already, [H, W, 3] uint8 sRGB; raises InputError for another."""
        if pixels.shape != (self.height_px, self.width_px, 3) or pixels.dtype != np.uint8:
            raise InputError(
                f"A frame of {list(pixels.shape)} {pixels.dtype} does not fit the video: "
                f"give [{self.height_px}, {self.width_px}, 3] uint8."
            )
        pixels = np.pad(pixels, ((0, self.height_px % 2), (0, self.width_px % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        # Without a named matrix FFmpeg converts with BT.601's, and the tags would lie.
        frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=_TV_RANGE)
        frame.pts = self._frames
        frame.time_base = 1 / self._rate
        self._encode(frame)
        self._frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:  # closes the container, then renames the file, or removes it if an exception passes through
            if error is not None:
                raise error
            if not self._frames:
                raise InputError("The video has no frames: give at least one camera.")
            self._encode(None)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise WriteError(f"Writing {self.path} failed ({error}): free some space and retry.") from error
