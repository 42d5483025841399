"""When each frame of a video file is shown, so that any of them can be sought and recognised.

Containers seek by time and keyframe and often land beside what was asked for. What they tell of
each packet, however, can be read without decoding (an hour in about a second), and in the order of
presentation it is the list of all frames. Where a packet gives no frame, as in a damaged file, the
list is wrong; `VideoFile` notices that as soon as such a stretch is decoded, and then takes the
list of every frame that was really decoded. Until then what follows a stretch that a jump left out
is the right picture at its time, under a number too high by the frames that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

# Positions are the container's ticks in milliseconds; no two ticks are nearer than this.
_SAME_POSITION_MS = 0.001
# Of a large picture a decoder makes some thirty in a second.
_FRAMES_BETWEEN_REPORTS = 16


class Interrupted(Exception):
    """Indexing or seeking was given up because somebody asked for it."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """All frames of a file in the order in which they are shown.

    Attributes:
        times_s: N float64, strictly increasing: `Frame.time_s` of each.
        positions_ms: N float64, strictly increasing: what the decoder tells at each; None where
            that cannot tell one frame from another.
        decoded: whether every frame was decoded for it, or only the packets were read.
    """

    times_s: NDArray[np.float64]
    positions_ms: NDArray[np.float64] | None
    decoded: bool

    @classmethod
    def of_positions(
        cls, positions_ms: Iterable[float], fps: float, *, decoded: bool
    ) -> FrameIndex:
        """The index of frames with these positions, in the order in which they are shown."""
        positions = np.fromiter(positions_ms, np.float64)
        distinct = bool(np.isfinite(positions).all() and (np.diff(positions) > 0).all())
        times_s: list[float] = []
        last_s = -1.0
        for position in positions.tolist():
            last_s = frame_time_s(position, positions[0], last_s, fps)
            times_s.append(last_s)
        return cls(np.array(times_s), positions if distinct else None, decoded)

    def __len__(self) -> int:
        return len(self.times_s)

    def frame_at(self, time_s: float) -> int:
        """The number of the frame that is up at a time: the last one not later than it."""
        # What was a frame's own time may have lost its last bits on the way.
        found = int(np.searchsorted(self.times_s, time_s + 1e-6, side="right")) - 1
        return min(max(found, 0), len(self.times_s) - 1)

    def place_of(self, position_ms: float) -> int | None:
        """The number of the frame at which the decoder tells this; None when there is none."""
        if self.positions_ms is None:
            return None
        found = int(np.searchsorted(self.positions_ms, position_ms - _SAME_POSITION_MS))
        return found if self.tells(found, position_ms) else None

    def tells(self, number: int, position_ms: float) -> bool:
        """Whether this is what the decoder tells at the frame of this number."""
        if self.positions_ms is None:
            return True
        if number >= len(self.positions_ms):
            return False
        return abs(float(self.positions_ms[number]) - position_ms) <= _SAME_POSITION_MS


def frame_time_s(position_ms: float, start_ms: float, last_s: float, fps: float) -> float:
    """A frame's time from what the container tells of it and the time of the frame before."""
    time_s = (position_ms - start_ms) / 1000
    # Some containers carry no usable times, or none that is a number; the nominal rate is then
    # the best that is known.
    return time_s if time_s > last_s else last_s + 1 / fps


def packet_positions_ms(path: Path) -> Generator[float]:
    """Where each packet of the pictures is shown, in the order of decoding; nothing is decoded."""
    packets = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    try:
        while packets.grab():
            yield float(packets.get(cv2.CAP_PROP_POS_MSEC))
    finally:
        packets.release()


def index_of_packets(path: Path, fps: float, report: Callable[[int], None]) -> FrameIndex | None:
    """What the container tells of every packet, without decoding; None when that is no index.

    `report` hears how many there were so far; an `Interrupted` that it raises is passed on.
    """
    positions_ms: list[float] = []
    with closing(packet_positions_ms(path)) as positions:
        for position_ms in positions:
            positions_ms.append(position_ms)
            if len(positions_ms) % _FRAMES_BETWEEN_REPORTS == 0:
                report(len(positions_ms))
    # Packets come in the order of decoding.
    index = FrameIndex.of_positions(sorted(positions_ms), fps, decoded=False)
    return index if len(index) and index.positions_ms is not None else None


def index_of_frames(
    capture: cv2.VideoCapture, fps: float, report: Callable[[int], None]
) -> FrameIndex:
    """Decode everything from where `capture` is, which must be the beginning.

    `report` hears how many there were so far; an `Interrupted` that it raises is passed on.
    """
    positions_ms: list[float] = []
    while capture.grab():
        positions_ms.append(float(capture.get(cv2.CAP_PROP_POS_MSEC)))
        if len(positions_ms) % _FRAMES_BETWEEN_REPORTS == 0:
            report(len(positions_ms))
    return FrameIndex.of_positions(positions_ms, fps, decoded=True)
