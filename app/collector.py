"""Collects Python's garbage in the GUI thread, and in no other.

Python collects garbage in whichever thread makes an object too many. When a dialog is in that
garbage, its widgets are then freed outside the GUI thread, which Qt does not survive: the style
keeps pointers to them and follows them when the theme changes.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 1000
# Young garbage each time; all of it once a minute, which takes tens of milliseconds.
_ALL_EVERY = 60


class Collector(QObject):
    """Takes the collecting over from Python while the window is there."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._times = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._collect)

    def start(self) -> None:
        """From now on."""
        gc.collect()
        # What lives as long as the program need not be looked through again each minute.
        gc.freeze()
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Python collects by itself again."""
        self._timer.stop()
        gc.enable()
        gc.unfreeze()

    def _collect(self) -> None:
        self._times += 1
        gc.collect(2 if self._times % _ALL_EVERY == 0 else 1)
