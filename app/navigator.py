"""Moves through the file on the screen: to a time, by a while, by frames, and how fast it plays.

Knows nothing of sessions. It is told in which source it may move, what is shown and when the frame
that was asked for has come.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.capture import Capture


class Navigator(QObject):
    """Asks the source for frames, and remembers which one is on its way."""

    move_asked = Signal()  # another frame of the file is on its way; see `searching`
    sought = Signal(object)  # seconds into the file whose picture is on its way; None: it came
    speed_changed = Signal(float)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.speed = 1.0
        # Of the picture shown, in seconds.
        self.position_s: float | None = None
        self._capture: Capture | None = None
        self._sought_s: float | None = None

    # -- what a person can do ------------------------------------------------------------------

    def seek(self, time_s: float) -> None:
        """Show the frame of the file that is up at a time; of many calls the newest counts."""
        if self._capture is not None:
            self._sought_s = max(0.0, time_s)
            if self._capture.playback.at_end:
                # First: a reader that still plays would go on from there by a frame or two.
                self._capture.playback.pause()
            self._capture.playback.seek(self._sought_s)
            self.sought.emit(self._sought_s)
            self.move_asked.emit()

    def jump(self, seconds: float) -> None:
        """Seek so far from the picture shown, or from the one that was sought last."""
        position_s = self.position_s if self._sought_s is None else self._sought_s
        if position_s is not None:
            self.seek(position_s + seconds)

    def step(self, frames: int) -> None:
        """Pause, and go so many frames on or back."""
        if self._capture is not None:
            self._capture.playback.pause()
            self._capture.playback.step(frames)
            self.move_asked.emit()

    def set_speed(self, speed: float) -> None:
        """Play files so many times as fast as recorded; infinity is as fast as they decode."""
        if speed != self.speed:
            self.speed = speed
            self.speed_changed.emit(speed)

    @property
    def searching(self) -> bool:
        """Whether the frame of the file that was asked for last is not on the screen yet."""
        return self._capture is not None and self._capture.playback.moving

    @property
    def searched(self) -> float | None:
        """How much of the file was read for that, 0 to 1; None when nobody knows."""
        return None if self._capture is None else self._capture.searched

    # -- what it is told -----------------------------------------------------------------------

    def move_in(self, capture: Capture | None) -> None:
        """From now on the moves go to this file; with None there is nothing to move in."""
        self._capture = capture

    def begin(self) -> None:
        """Nothing of another source is shown yet, nor sought."""
        self.position_s = None
        self.arrive()

    def arrive(self) -> None:
        """Nothing is sought any more."""
        if self._sought_s is not None:
            self._sought_s = None
            self.sought.emit(None)
