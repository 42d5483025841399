"""Video files as upright RGB frames with times; the end of a file is an event, not an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError

# What FFmpeg says about damaged files would go to the terminal; InCab reports in its own words.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_DEFAULT_FPS = 30.0
_PLAUSIBLE_FPS = (0.1, 1000.0)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture: H×W×3 uint8 RGB in display orientation, its time in seconds and its number.

    The owner hands it over and never writes to it again.
    """

    image: NDArray[np.uint8]
    time_s: float
    index: int


@dataclass(frozen=True, slots=True)
class VideoProperties:
    """What a container says of itself; `frame_count` is an estimate until everything is decoded."""

    width: int
    height: int
    fps: float
    frame_count: int | None


class VideoFile:
    """Sequential reader of one video file; a context manager and an iterator of Frames.

    Raises:
        SourceError: the path is missing, a directory, empty, no video, or yields no frame.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        _check_readable(self.path)
        self._capture = _open(self.path)
        first = self._decode()
        if first is None:
            self._capture.release()
            raise SourceError(
                f"{self.path} opens but yields no picture: its codec "
                f"({self._codec}) cannot be decoded here. Convert it to H.264 or MPEG-4."
            )
        self.properties = self._read_properties(first)
        self._pending: NDArray[np.uint8] | None = first
        self._start_ms = self._position_ms
        self._last_time_s = -1.0
        self._next_index = 0

    @property
    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        name = "".join(chr((code >> shift) & 0xFF) for shift in (0, 8, 16, 24)).strip("\0 ")
        return name if name.isascii() and name.isprintable() and name else "unknown"

    @property
    def _position_ms(self) -> float:
        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC))

    def _read_properties(self, first: NDArray[np.uint8]) -> VideoProperties:
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        if not _PLAUSIBLE_FPS[0] <= fps <= _PLAUSIBLE_FPS[1]:
            fps = _DEFAULT_FPS
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        # Containers without a duration answer with zero, minus one or a huge negative number.
        frame_count = int(count) if 0 < count < 1e9 else None
        height, width = first.shape[:2]
        return VideoProperties(width, height, fps, frame_count)

    def _decode(self) -> NDArray[np.uint8] | None:
        try:
            ok, image = self._capture.read()
        except cv2.error as error:
            raise SourceError(f"{self.path} cannot be decoded further: {error.err}.") from error
        if not ok:
            return None
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def read(self) -> Frame | None:
        """The next frame, or None at the end of the file."""
        image, self._pending = self._pending, None
        position_ms = self._start_ms
        if image is None:
            image = self._decode()
            if image is None:
                return None
            position_ms = self._position_ms
        time_s = (position_ms - self._start_ms) / 1000
        if not time_s > self._last_time_s:
            # Some containers carry no usable times, or none that is a number; the nominal rate
            # is the best that is known.
            time_s = self._last_time_s + 1 / self.properties.fps
        self._last_time_s = time_s
        frame = Frame(image, time_s, self._next_index)
        self._next_index += 1
        return frame

    def rewind(self) -> None:
        """Start again from the first frame."""
        self._capture.release()
        self._capture = _open(self.path)
        self._pending = None
        self._last_time_s = -1.0
        self._next_index = 0

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def close(self) -> None:
        """Release the decoder; the reader must not be used afterwards."""
        self._capture.release()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _check_readable(path: Path) -> None:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise SourceError(f"There is no file {path}; check the path.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}; check the path.") from error
    if path.is_dir():
        raise SourceError(f"{path} is a folder; choose a video file inside it.")
    if size == 0:
        raise SourceError(f"{path} is empty (0 bytes); copy or download it again.")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read; check its permissions.")


def _open(path: Path) -> cv2.VideoCapture:
    # FFmpeg takes what stands before a colon for a protocol ("12:30.mp4"), but not in a full path.
    capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            f"{path} is not a video that can be read; choose an MP4, AVI, MKV or MOV."
        )
    return capture
