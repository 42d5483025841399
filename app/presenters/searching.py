"""Says that the frame a person asked for is still being looked for, and how far that is.

In a long file it may take a while: the list of all its frames is made first, and where the
container does not lead to the frame the file is decoded up to it.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from app.session import Session
from app.widgets.busy_line import BusyLine
from app.widgets.video_view import VideoView

_LOOK_MS = 100
_WAIT = "search"


class SearchPresenter(QObject):
    """Looks at the session from the moment a move is asked for until its picture is there."""

    def __init__(self, session: Session, line: BusyLine, video: VideoView, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._line = line
        self._video = video
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self._look)
        session.navigator.move_asked.connect(self._begin)

    def _begin(self) -> None:
        if not self._timer.isActive():
            self._line.wait_for(_WAIT, "looking for the picture")
            self._timer.start()

    def _look(self) -> None:
        share = self._session.navigator.searched
        if not self._session.navigator.searching:
            self._timer.stop()
            self._line.wait_for(_WAIT, None)
            self._video.show_search(None)
        elif self._line.moving:
            # Shorter ones need no words.
            self._line.show_share(_WAIT, share)
            percent = "" if share is None else f" {share * 100:.0f} %"
            self._video.show_search(f"Searching…{percent}")
