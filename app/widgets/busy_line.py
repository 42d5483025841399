"""A thin line that moves while something takes longer than half a second.

Where it is known how far that is, it grows instead.
"""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme

_PATIENCE_MS = 500
_STEP_MS = 40
_STEP = 0.02
_LENGTH = 0.18


class BusyLine(QWidget):
    """Keeps its place when it has nothing to show, so that nothing jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(3)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Progress")
        self._waiting_for: dict[Hashable, str] = {}
        self._shares: dict[Hashable, float] = {}
        self._place = 0.0
        self._patience = QTimer(self, interval=_PATIENCE_MS, singleShot=True)
        self._patience.timeout.connect(self._begin)
        self._steps = QTimer(self, interval=_STEP_MS)
        self._steps.timeout.connect(self._step)

    @property
    def moving(self) -> bool:
        """Whether the line is on the screen."""
        return self._steps.isActive()

    def wait_for(self, what: Hashable, words: str | None) -> None:
        """Something has begun, in these words; None when it is over."""
        self._shares.pop(what, None)
        if words is None:
            self._waiting_for.pop(what, None)
        else:
            self._waiting_for[what] = words
        self.setAccessibleDescription(", ".join(self._waiting_for.values()))
        self.setToolTip(self.accessibleDescription())
        if not self._waiting_for:
            self._patience.stop()
            self._steps.stop()
            self.update()
        elif not self._steps.isActive() and not self._patience.isActive():
            self._patience.start()

    def show_share(self, what: Hashable, share: float | None) -> None:
        """How much of something that has begun is done, 0 to 1; None when nobody knows."""
        if share is None:
            self._shares.pop(what, None)
        elif what in self._waiting_for:
            self._shares[what] = share
        self.update()

    @property
    def share(self) -> float | None:
        """How far the line has grown; None while it moves to and fro."""
        # Of several things the one that is not known decides.
        known = len(self._shares) == len(self._waiting_for)
        return min(self._shares.values()) if known and self._shares else None

    def _begin(self) -> None:
        self._place = 0.0
        self._steps.start()

    def _step(self) -> None:
        self._place = (self._place + _STEP) % (1 + _LENGTH)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.colours().card))
        if self._steps.isActive():
            left, length = self._place - _LENGTH, _LENGTH
            if self.share is not None:
                left, length = 0.0, self.share
            bar = QRectF(left * self.width(), 0, length * self.width(), self.height())
            painter.fillRect(bar, QColor(theme.colours().accent))
