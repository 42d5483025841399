"""Video files as upright RGB frames with times; the end of a file is an event, not an error."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError
from core.frame_index import (
    FrameIndex,
    Interrupted,
    frame_time_s,
    index_of_frames,
    index_of_packets,
)

# What FFmpeg says about damaged files would go to the terminal; InCab reports in its own words.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_DEFAULT_FPS = 30.0
_PLAUSIBLE_FPS = (0.1, 1000.0)

# So few frames ahead decoding on is cheaper than any jump.
_NEAR_FRAMES = 24
# How far before its target a jump aims first: what is shown before a keyframe but decoded after it
# is behind then, and that many frames have proved where the jump led.
_FIRST_MARGIN_FRAMES = 8


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


def _never() -> bool:
    return False


class VideoFile:
    """Reader of one video file; a context manager and an iterator of Frames.

    After `seek` it goes on with exactly the frames that reading from the beginning would give.

    Attributes:
        searched: which share of what has to be read for the list of frames, or decoded on the way
            to a frame, has been, 0 to 1; None when that is not known. Any thread may look.

    Raises:
        SourceError: the path is missing, a directory, empty, no video, or yields no frame.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_readable(self.path)
        self._capture = _open(self.path)
        # Whether the next frame is decoded already, and only has to be converted.
        self._grabbed = False
        first = self._decode()
        if first is None:
            self._capture.release()
            raise SourceError(
                f"{self.path} opens but yields no picture: its codec "
                f"({self._codec}) cannot be decoded here. Convert it to H.264 or MPEG-4."
            )
        self.properties = self._read_properties(first)
        self._pending: NDArray[np.uint8] | None = first
        self._start_ms = self._last_position_ms = self._position_ms
        self._last_time_s = -1.0
        self._next_index = 0
        self.searched: float | None = None
        self._index: FrameIndex | None = None
        self._packets_mislead = False

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
            grabbed, self._grabbed = self._grabbed, False
            ok, image = self._capture.retrieve() if grabbed else self._capture.read()
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
                self._compare_length()
                return None
            position_ms = self._position_ms
        self._pass_frame(position_ms)
        return Frame(image, self._last_time_s, self._next_index - 1)

    def rewind(self) -> None:
        """Start again from the first frame."""
        self._capture.release()
        self._capture = _open(self.path)
        self._pending = None
        self._grabbed = False
        self._last_time_s = -1.0
        self._next_index = 0

    # -- seeking -------------------------------------------------------------------------------

    def index(self, interrupted: Callable[[], bool] = _never) -> FrameIndex:
        """All frames of the file; another index than before once that one proved wrong.

        Reads the whole file, and decodes it where the packets mislead.

        Raises:
            Interrupted: `interrupted` said so.
        """

        def report(count: int) -> None:
            self._report_search(count, self.properties.frame_count, interrupted)

        try:
            return self._make_index(report)
        finally:
            self.searched = None

    def _make_index(self, report: Callable[[int], None]) -> FrameIndex:
        if self._index is None and not self._packets_mislead:
            self._index = index_of_packets(self.path, self.properties.fps, report)
            if self._index is not None and self._next_index > 0:
                # As many packets as were decoded frames up to here?
                self._compare(self._next_index - 1, self._last_position_ms)
        if self._index is None:
            capture = _open(self.path)
            try:
                self._index = index_of_frames(capture, self.properties.fps, report)
            finally:
                capture.release()
        return self._index

    def seek(self, number: int, interrupted: Callable[[], bool] = _never) -> None:
        """Let the next frame that is read be the one of this number.

        A container's own jump is believed only when each frame from where it led to the target is
        the one the index names; else the file is decoded from its beginning.

        Raises:
            SourceError: the file has become unreadable.
            Interrupted: `interrupted` said so; a seek must follow before the next read.
        """
        try:
            if self._next_index <= number <= self._next_index + _NEAR_FRAMES:
                self._advance(number, interrupted)
                return
            index = self.index(interrupted)
            if not self._jump(index, number, interrupted):
                self.rewind()
                self._advance(number, interrupted)
        finally:
            self.searched = None

    def _report_search(
        self, count: int, expected: int | None, interrupted: Callable[[], bool]
    ) -> None:
        if interrupted():
            raise Interrupted
        self.searched = min(count / expected, 1.0) if expected else None

    def _jump(self, index: FrameIndex, number: int, interrupted: Callable[[], bool]) -> bool:
        """Seek by the container's own means; whether that led to the frame of this number."""
        margin = _FIRST_MARGIN_FRAMES
        while index.positions_ms is not None and 0 < number - margin < len(index):
            self._pending, self._grabbed = None, False
            self._capture.set(cv2.CAP_PROP_POS_MSEC, float(index.positions_ms[number - margin]))
            self._grabbed = self._capture.grab()
            place = index.place_of(self._position_ms) if self._grabbed else None
            if place is not None and 0 < place <= number:
                self._next_index = place
                self._last_time_s = float(index.times_s[place - 1])
                return self._advance(number, interrupted) and self._index is index
            # It led too far; aim earlier.
            margin *= 4
        return False

    def _advance(self, number: int, interrupted: Callable[[], bool]) -> bool:
        """Decode until the frame of this number is the next one; whether there is such a frame."""
        begin = self._next_index
        while self._next_index < number:
            self._report_search(self._next_index - begin, number - begin, interrupted)
            position_ms = self._start_ms
            if self._pending is not None:
                self._pending = None
            else:
                if not (self._grabbed or self._capture.grab()):
                    self._compare_length()
                    return False
                self._grabbed = False
                position_ms = self._position_ms
            self._pass_frame(position_ms)
        return True

    def _pass_frame(self, position_ms: float) -> None:
        """Count the frame at which the decoder tells this."""
        self._compare(self._next_index, position_ms)
        fps = self.properties.fps
        self._last_time_s = frame_time_s(position_ms, self._start_ms, self._last_time_s, fps)
        self._last_position_ms = position_ms
        self._next_index += 1

    def _compare(self, number: int, position_ms: float) -> None:
        if self._index is not None and not self._index.tells(number, position_ms):
            self._mistrust_packets()

    def _compare_length(self) -> None:
        if self._index is not None and self._next_index != len(self._index):
            self._mistrust_packets()

    def _mistrust_packets(self) -> None:
        assert self._index is not None
        if not self._index.decoded:
            self._index, self._packets_mislead = None, True

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.read()) is not None:
            yield frame

    def close(self) -> None:
        """Release the decoder; the reader must not be used afterwards."""
        self._capture.release()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *ended: object) -> None:
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
