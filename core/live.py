"""A camera or stream that comes back by itself after whatever happened to it.

It owns one reader at a time, ends it when it hangs, breaks or repeats itself, and starts another;
when to do so is decided by core/source_state.py. What it hands on has times and numbers that only
go up, over all readers.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.camera import LiveSource, describe
from core.errors import SourceError
from core.frozen import RepeatedPicture
from core.source_state import (
    CAMERA_LIMITS,
    STREAM_LIMITS,
    SourceLimits,
    SourceMonitor,
    SourceState,
    SourceStatus,
    Step,
)
from core.video import Frame

_log = logging.getLogger(__name__)

# More than a reader can have waiting; a source faster than we are must not keep us here.
_MOST_AT_ONCE = 8
# By how much a picture is moved on whose time is not after that of the one before.
_SMALLEST_STEP_S = 0.001


class LiveReader(Protocol):
    """What is needed of core.camera.LiveSource; tests give another."""

    @property
    def started_s(self) -> float | None:
        """`perf_counter` of its first frame."""
        ...

    @property
    def opening_since_s(self) -> float | None:
        """`perf_counter` when it began to open; None before, or where nobody knows."""
        ...

    def read(self, timeout_s: float) -> Frame | None:
        """The next frame, or None when none came in time; SourceError when there are no more."""
        ...

    def close(self) -> None:
        """End it, whatever it is doing; again does nothing."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LivePicture:
    """A picture of a live source.

    `frame.time_s` counts from the source's first picture and goes on over gaps; `captured_s` is the
    same moment on `perf_counter`'s clock. Pictures of different segments make no clip together.
    """

    frame: Frame
    captured_s: float
    segment: int


class ReconnectingSource:
    """A live source as pictures and a status; a context manager. It belongs to one thread.

    Args:
        address: camera number or stream URL.
        open_live: makes a reader of it.
        clock: the seconds that the reader's times are in.
        sleep: waits; used only while there is no reader.
        limits: how long what is put up with; by the kind of source when left out.

    Raises:
        SourceError: no reader can be made. `poll` tells what happens after that.
    """

    def __init__(
        self,
        address: int | str,
        open_live: Callable[[int | str], LiveReader] = LiveSource,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        limits: SourceLimits | None = None,
    ) -> None:
        self._address = address
        self._name = describe(address)
        self._open_live, self._clock, self._sleep = open_live, clock, sleep
        if limits is None:
            limits = CAMERA_LIMITS if isinstance(address, int) else STREAM_LIMITS
        self._monitor = SourceMonitor(self._name, clock(), limits)
        self._repeated = RepeatedPicture()
        self._told = SourceState.OPENING
        # The newest picture handed on, and what its reader's times and numbers are moved by.
        self._newest: LivePicture | None = None
        self._first_s = self._shift_s = 0.0
        self._first_index = 0
        self._closed = False
        self._reader: LiveReader | None = open_live(address)

    @property
    def status(self) -> SourceStatus:
        """How it stands after the last poll."""
        return self._monitor.status

    def poll(self, timeout_s: float) -> list[LivePicture]:
        """All pictures that wait, oldest first; waits up to `timeout_s` for one.

        Raises:
            SourceError: the source gave no picture yet and will not; close it then.
        """
        pictures: list[LivePicture] = []
        problem: str | None = None
        if self._reader is None:
            self._sleep(timeout_s)
        else:
            problem = self._read(self._reader, timeout_s, pictures)
        if problem is not None:
            self._end_reader()
            if self._monitor.state is SourceState.OPENING:
                raise SourceError(problem)
            self._monitor.lose(problem, self._clock())
        else:
            self._step()
        self._tell()
        return pictures

    def _read(
        self, reader: LiveReader, timeout_s: float, pictures: list[LivePicture]
    ) -> str | None:
        """Take what waits; why there will be no more, or None."""
        try:
            for _ in range(_MOST_AT_ONCE):
                frame = reader.read(timeout_s)
                if frame is None:
                    break
                picture = self._take(frame, reader)
                if picture is not None:
                    pictures.append(picture)
                timeout_s = 0.0
        except SourceError as error:
            return str(error)
        except Exception as error:
            # The edge of foreign code: whatever it raises costs the reader, not the program. The
            # error's own words may hold the address.
            trace = "".join(traceback.format_tb(error.__traceback__))
            _log.error("reading %s: %s\n%s", self._name, type(error).__name__, trace)
            return f"Reading {self._name} failed ({type(error).__name__}); the log holds the place."
        return None

    def _take(self, frame: Frame, reader: LiveReader) -> LivePicture | None:
        now_s = self._clock()
        height, width = frame.image.shape[:2]
        repeated_s = self._repeated.update(frame.image, now_s)
        if not self._monitor.picture(
            frame.time_s, (width, height), repeated_s, now_s, reader.opening_since_s
        ):
            return None
        segment = self._monitor.segment
        captured_s = now_s if reader.started_s is None else reader.started_s + frame.time_s
        newest, index = self._newest, frame.index
        if newest is None:
            self._shift_s = 0.0
            self._first_s = captured_s = min(captured_s, now_s)
        else:
            if segment != newest.segment:
                # Where a clock went back, the moment of arrival is the best that is known.
                self._shift_s = 0.0 if captured_s > newest.captured_s else now_s - captured_s
            captured_s = min(captured_s + self._shift_s, now_s)
            captured_s = max(captured_s, newest.captured_s + _SMALLEST_STEP_S)
            index = max(self._first_index + index, newest.frame.index + 1)
        moved = Frame(frame.image, captured_s - self._first_s, index)
        self._newest = LivePicture(moved, captured_s, segment)
        return self._newest

    def _step(self) -> None:
        since_s = None if self._reader is None else self._reader.opening_since_s
        step = self._monitor.step(self._clock(), since_s)
        if step in (Step.CLOSE, Step.REFUSE):
            self._end_reader()
        if step is Step.REFUSE:
            raise SourceError(self._monitor.status.reason)
        if step is Step.OPEN:
            if self._newest is not None:
                self._first_index = self._newest.frame.index + 1
            try:
                self._reader = self._open_live(self._address)
            except SourceError as error:
                self._monitor.lose(str(error), self._clock())

    def _tell(self) -> None:
        """Log what changed; of attempts that follow each other only the first is worth a line."""
        status, before = self._monitor.status, self._told
        if status.state is before:
            return
        self._told = status.state
        if status.state is SourceState.LIVE:
            _log.info("%s is live (gaps so far: %d)", self._name, status.gaps)
        elif status.state in (SourceState.STALLED, SourceState.LOST) and status.attempt == 0:
            _log.warning("%s is %s: %s", self._name, status.state.value, status.reason)
        else:
            _log.debug("%s is %s: %s", self._name, status.state.value, status.reason)

    def _end_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def close(self) -> None:
        """End the reader and free the device; again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._end_reader()
        status = self._monitor.status
        _log.info(
            "%s closed: %d gaps, %d reconnections, %d pictures out of order",
            self._name,
            status.gaps,
            status.reconnections,
            status.misplaced,
        )

    def __enter__(self) -> ReconnectingSource:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()
