"""The windows that show recordings: they come, go away when they are closed, and end together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QDeadlineTimer, QObject, QTimer

from app.recording.review import Review

if TYPE_CHECKING:
    from app.main_window import MainWindow

_log = logging.getLogger(__name__)

_LOOK_MS = 50
# From the moment when all was asked to stop, however many windows there are. With what comes
# before and after, the process ends within two seconds.
_THREADS_MS = 900
_FILES_MS = 1400


class ReviewWindows(QObject):
    """Owns the windows opened from the one that the program began with.

    Args:
        make: makes a window for a recording.
        parent: the first window; all end with it.
    """

    def __init__(self, make: Callable[[Review], MainWindow], parent: MainWindow) -> None:
        super().__init__(parent)
        self.open: list[MainWindow] = []
        self._make = make
        self._first = parent
        # Closed, but with a thread that still runs: nothing of it may be destroyed yet.
        self._leaving: list[MainWindow] = []
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._let_go)

    def show(self, review: Review) -> None:
        """Show a recording in a window of its own."""
        window = self._make(review)
        self.open.append(window)
        window.show()
        # Whoever opened it by keyboard goes on in it.
        window.activateWindow()
        window.start()

    def leave(self, window: MainWindow) -> None:
        """A window was closed; it goes as soon as its threads have ended, and nobody waits."""
        if window in self.open:
            self.open.remove(window)
            window.stop()
            self._leaving.append(window)
            self._timer.start()

    def end(self) -> bool:
        """End all windows, the first one too; False when something took too long."""
        for window in list(self.open):
            window.close()
        self._first.stop()
        windows = [self._first, *self._leaving]
        # All of them were asked before anybody is waited for.
        threads, files = QDeadlineTimer(_THREADS_MS), QDeadlineTimer(_FILES_MS)
        late = [name for each in windows for name in each.session.late(threads)]
        late += [name for each in windows for name in each.recordings.late(files)]
        for name in late:
            _log.error("%s did not end in time", name)
        self._first.recordings.release()
        self._let_go()
        self._timer.stop()
        return not late

    def _let_go(self) -> None:
        now = QDeadlineTimer(0)
        for window in list(self._leaving):
            if not (window.session.late(now) or window.recordings.late(now)):
                self._leaving.remove(window)
                window.recordings.release()
                window.deleteLater()
        if not self._leaving:
            self._timer.stop()
