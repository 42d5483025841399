"""Plays one video file: at its pace, step by step, or from any frame on. No Qt.

After a jump the clip buffer is filled from the file itself with the frames before the target, so
that the target's clip is the one that playing up to it would have given, and its label is there at
once. Near the beginning there are no such frames, and it is warming up as ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.playback import Move, Playback, Turn
from app.schedule import Schedule
from core.clip import TIME_TOLERANCE_S, ClipSpec
from core.frame_index import Interrupted
from core.video import Frame, VideoFile

# In a loop a file begins anew after the time of one of its frames at the earliest, within these
# bounds: one that is over at once must not keep a core busy, and nobody waits for a time lapse.
_SHORTEST_ROUND_S, _LONGEST_ROUND_S = 0.01, 0.5
# So long a search goes on though the person has asked for another place since.
_PATIENCE_S = 0.5


class Sink(Protocol):
    """Takes the frames."""

    @property
    def spec(self) -> ClipSpec | None:
        """The clips that are wanted; None when there is no model."""

    def begin_generation(self) -> None:
        """The next frame does not follow the one before."""

    def fill(self, frame: Frame) -> None:
        """A frame that only belongs to the clip of one that follows."""

    def deliver(self, frame: Frame, captured_s: float, *, offered: bool) -> None:
        """A frame whose turn it is; `offered` ones are shown and recognised."""


class FilePlayer:
    """Obeys a Playback with the frames of one file; belongs to the thread that reads."""

    def __init__(
        self, video: VideoFile, playback: Playback, sink: Sink, ended: Callable[[], None]
    ) -> None:
        self._video = video
        self._playback = playback
        self._sink = sink
        self._ended = ended
        self._schedule = Schedule()
        self._jumped_s = 0.0
        # Decoded ahead of its turn; None at the end of the file.
        self._next: Frame | None = None
        self._shown = 0
        frame_s = 1 / video.properties.fps
        self._round_s = min(max(frame_s, _SHORTEST_ROUND_S), _LONGEST_ROUND_S)
        # When the present round began, on the monotonic clock.
        self._began_s = time.monotonic()

    def run(self) -> None:
        """Play until a stop is asked for.

        Raises:
            SourceError: the file cannot be read further.
        """
        self._sink.begin_generation()
        self._next = self._video.read()
        while True:
            time_s = None if self._next is None else self._next.time_s
            turn = self._playback.next_turn(time_s, self._schedule)
            if turn is Turn.STOP:
                return
            if turn is Turn.MOVE:
                try:
                    self._follow(self._playback.take_move())
                except Interrupted:
                    if self._playback.stopping:
                        return
                    continue
                self._playback.moved()
            elif turn is Turn.DELIVER:
                self._deliver_next(offered=True)
            elif self._playback.reached_end(self._began_s + self._round_s):
                self._ended()
                self._playback.wait_at_end()

    def _deliver_next(self, *, offered: bool) -> None:
        frame = self._next
        assert frame is not None
        self._sink.deliver(frame, time.perf_counter(), offered=offered)
        self._shown = frame.index
        self._next = self._video.read()

    def _follow(self, move: Move) -> None:
        self._schedule.interrupt()
        if move.forward:
            self._step_forward(move.steps)
        elif move.to_beginning:
            self._began_s = time.monotonic()
            self._sink.begin_generation()
            self._video.rewind()
            self._next = self._video.read()
            if self._next is not None:
                self._deliver_next(offered=True)
        else:
            self._jump(move)

    def _step_forward(self, steps: int) -> None:
        while steps > 0 and self._next is not None and not self._playback.stopping:
            # The last frame of the file is shown, however far beyond it the step would lead.
            last = steps == 1 or self._video_ends()
            self._deliver_next(offered=last)
            steps -= 1

    def _video_ends(self) -> bool:
        assert self._next is not None
        return self._next.index == len(self._video.index(self._stopping)) - 1

    def _jump(self, move: Move) -> None:
        self._jumped_s = time.monotonic()
        while True:
            index = self._video.index(self._stopping)
            base = self._shown if move.time_s is None else index.frame_at(move.time_s)
            target = min(max(base + move.steps, 0), len(index) - 1)
            self._sink.begin_generation()
            start = first_frame_of_clip(index.times_s, target, self._sink.spec)
            self._video.seek(start, self._given_up)
            self._next = self._read_up_to(target)
            if self._video.index(self._stopping) is index:
                break
            # The list of frames proved wrong on the way; the new one is of decoded frames.
        if self._next is not None:
            self._deliver_next(offered=True)

    def _read_up_to(self, target: int) -> Frame | None:
        while (frame := self._video.read()) is not None and frame.index < target:
            if self._given_up():
                raise Interrupted
            self._sink.fill(frame)
        return frame

    def _stopping(self) -> bool:
        return self._playback.stopping

    def _given_up(self) -> bool:
        """Whether the frame that is looked for is not waited for any more.

        While a person drags along the timeline wishes follow fast, and each may take a moment.
        """
        late = time.monotonic() - self._jumped_s > _PATIENCE_S
        return self._playback.stopping or (late and self._playback.outdated)


def first_frame_of_clip(times_s: NDArray[np.float64], target: int, spec: ClipSpec | None) -> int:
    """From which frame on the clip that ends with `target` can see.

    Args:
        times_s: of all frames, strictly increasing.
        target: number of the newest frame of the clip.
        spec: the clip; without one nothing but the frame itself is needed.
    """
    if spec is None:
        return target
    if spec.span_s is None:
        return max(0, target - spec.frames + 1)
    # The frame that was up when the window began counts too, as in RollingClip.
    begin_s = float(times_s[target]) - spec.span_s + TIME_TOLERANCE_S
    return max(0, int(np.searchsorted(times_s[: target + 1], begin_s, side="right")) - 1)
