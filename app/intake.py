"""Takes from the source that plays what it has for the window: pictures, and how it is doing."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Signal

from app.capture import Capture
from core.source_state import SourceState, SourceStatus


class Intake(QObject):
    """Looks at one source after the other, as often as the window wants something new."""

    interrupted = Signal()  # what comes now does not follow what came before
    picture = Signal(object)  # Picture
    signal_changed = Signal(object, int)  # SourceStatus, seconds since its last good picture

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.begin()

    def begin(self) -> None:
        """Nothing of another source was taken yet."""
        # That of the picture shown; until there is one, what is answered is about another source.
        self.generation = 0
        self._captured = 0
        self._told: tuple[SourceState, bool, int] | None = None

    def take(self, capture: Capture) -> int:
        """Tell what is new; returns how many frames were captured since the last time."""
        captured, before = capture.captured, self._captured
        self._captured = captured
        picture = capture.pictures.take()
        if picture is not None:
            self._follow(picture.generation)
            self.picture.emit(picture)
        status = capture.source_status
        if status is not None:
            # After a gap no label of before it may stay, though there is no picture yet.
            self._follow(capture.generation)
            self._tell_signal(status)
        return captured - before

    def _follow(self, generation: int) -> None:
        if generation != self.generation:
            self.generation = generation
            self.interrupted.emit()

    def _tell_signal(self, status: SourceStatus) -> None:
        live = status.state is SourceState.LIVE
        # Whole seconds are what is shown; more often nobody needs to be told.
        waited_s = 0 if live else max(0, int(time.perf_counter() - status.fresh_s))
        told = (status.state, status.frozen, waited_s)
        if told != self._told:
            self._told = told
            self.signal_changed.emit(status, waited_s)
