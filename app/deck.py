"""Changes from one source to the next without losing the present one to a bad choice."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.capture import Capture, CaptureSetup
from app.messages import SourceInfo
from core.clip import ClipSpec


class Deck(QObject):
    """Holds the source that plays and, for a moment, the one that shall follow it.

    The follower takes over when it delivers; when it cannot be opened, nothing has changed.
    """

    opened = Signal(object)  # SourceInfo; it is `current` now, and paused
    refused = Signal(str)  # the follower cannot be opened
    ended = Signal()  # the current file is at its end
    failed = Signal(str)  # the current source broke

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current: Capture | None = None
        self._wanted: CaptureSetup | None = None
        self._follower: Capture | None = None
        # Told to stop but still running; kept, because a running QThread must not be destroyed.
        self._retired: list[Capture] = []
        self._closed = False
        self._loop = False
        self._speed = 1.0
        self._view_size: tuple[int, int] | None = None

    @property
    def workers(self) -> list[Capture]:
        """All threads that may still be running."""
        present = (self.current, self._follower)
        return [*self._retired, *(capture for capture in present if capture is not None)]

    def open(self, setup: CaptureSetup) -> None:
        """Start to open another source; one that was being opened is given up."""
        self._wanted = setup
        if self._follower is not None:
            self._retire(self._follower)
            self._follower = None
        current = self.current
        if current is not None and _same_device(current.setup, setup):
            # A camera can be had only once.
            self.current = None
            self._retire(current)
        self._start_wanted()

    def close(self) -> None:
        """Stop every thread and start no other, whatever signals are still on their way."""
        self._closed = True
        for capture in self.workers:
            capture.stop()

    def set_loop(self, loop: bool) -> None:
        """Whether files start again when they end."""
        self._loop = loop
        for capture in self.workers:
            capture.playback.loop = loop

    def set_speed(self, speed: float) -> None:
        """How many times as fast as recorded files are played."""
        self._speed = speed
        for capture in self.workers:
            capture.playback.set_speed(speed)

    def look_at(self, kinds: tuple[ClipSpec, ...]) -> None:
        """The models want clips of other kinds now."""
        for capture in self.workers:
            capture.look_at(kinds)

    def set_view_size(self, size: tuple[int, int]) -> None:
        """In how many device pixels (width, height) pictures are painted."""
        self._view_size = size
        for capture in self.workers:
            capture.view_size = size

    def _start_wanted(self) -> None:
        wanted = self._wanted
        if self._closed or wanted is None:
            return
        if any(_same_device(old.setup, wanted) for old in self._retired):
            return
        self._wanted = None
        capture = Capture(wanted)
        capture.playback.loop = self._loop
        capture.playback.set_speed(self._speed)
        if self._view_size is not None:
            capture.view_size = self._view_size
        capture.opened.connect(self._on_opened)
        capture.failed.connect(self._on_failed)
        capture.ended.connect(self._on_ended)
        capture.finished.connect(self._on_any_finished)
        self._follower = capture
        capture.start()

    def _retire(self, capture: Capture) -> None:
        capture.stop()
        if not capture.isFinished():
            self._retired.append(capture)

    def _on_opened(self, capture: Capture, info: SourceInfo) -> None:
        if capture is not self._follower:
            return
        if self.current is not None:
            self._retire(self.current)
        self.current, self._follower = capture, None
        self.opened.emit(info)

    def _on_failed(self, capture: Capture, text: str) -> None:
        if capture is self._follower:
            self._follower = None
            self._retire(capture)
            self.refused.emit(text)
        elif capture is self.current:
            self.failed.emit(text)

    def _on_ended(self, capture: Capture) -> None:
        # Between the end and this call somebody may have started it again.
        if capture is self.current and capture.playback.at_end:
            self.ended.emit()

    def _on_any_finished(self) -> None:
        self._retired = [capture for capture in self._retired if not capture.isFinished()]
        self._start_wanted()


def _same_device(one: CaptureSetup, other: CaptureSetup) -> bool:
    return not isinstance(one.address, Path) and one.address == other.address
