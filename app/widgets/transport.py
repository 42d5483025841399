"""Play, start again, loop, and where in the source we are."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app import theme
from app.messages import SourceInfo
from app.state import State
from app.widgets.controls import Button, label
from app.widgets.icons import icon
from app.widgets.timeline import clock_time


class TransportActions(QObject):
    """The actions of the transport, for buttons and keys alike."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.play = QAction(icon("play"), "Play", self)
        self.play.setShortcut("Space")
        self.restart = QAction(icon("restart"), "Start again", self)
        self.restart.setShortcut("Home")
        self.restart.setToolTip("Back to the first frame (Home)")
        self.loop = QAction(icon("loop"), "Loop", self)
        self.loop.setCheckable(True)
        self.loop.setShortcut("L")
        self.loop.setToolTip("Play again and again (L)")
        self._icons = {name: icon(name) for name in ("play", "pause")}
        self.show_state(State.IDLE, None)

    def show_state(self, state: State, source: SourceInfo | None) -> None:
        """Let the actions say what they would do now."""
        words = {
            State.PLAYING: ("pause", "Pause"),
            State.ENDED: ("play", "Play again"),
            State.FAILED: ("play", "Try again"),
        }
        name, text = words.get(state, ("play", "Play"))
        self.play.setIcon(self._icons[name])
        self.play.setText(text)
        self.play.setToolTip(f"{text} (Space)")
        self.play.setEnabled(state not in (State.IDLE, State.OPENING))
        is_file = source is not None and not source.live
        self.restart.setEnabled(is_file and state not in (State.FAILED, State.OPENING))
        self.loop.setEnabled(source is None or is_file)


class Transport(QWidget):
    """The left end of the bottom bar."""

    def __init__(self, actions: TransportActions) -> None:
        super().__init__()
        self._duration_s: float | None = None
        self._source: SourceInfo | None = None
        self.position = label("", name="Position")
        self.position.setFont(theme.font(theme.TEXT_PX))
        self.title = label("", "quiet", name="Source")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for action in (actions.play, actions.restart, actions.loop):
            layout.addWidget(Button(action))
        layout.addSpacing(8)
        layout.addWidget(self.position)
        layout.addSpacing(10)
        layout.addWidget(self.title)

    def show_source(self, source: SourceInfo | None) -> None:
        """Name the source and show its length."""
        self._source = source
        text = ""
        if source is not None:
            metrics = self.title.fontMetrics()

            text = metrics.elidedText(source.title, Qt.TextElideMode.ElideMiddle, 160)
            self.title.setToolTip(f"{source.title}\n{source.width}×{source.height}")
        self.title.setText(text)
        self.show_time(0.0)

    def show_time(self, time_s: float) -> None:
        """Show where we are."""
        if self._source is None:
            self.position.clear()
        elif self._source.duration_s:
            total_s = max(self._source.duration_s, time_s)
            self.position.setText(f"{clock_time(time_s)} / {clock_time(total_s)}")
        else:
            self.position.setText(clock_time(time_s))
