"""Play, step, jump, speed, loop, and where in the source we are."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QHBoxLayout, QMenu, QWidget

from app import theme
from app.messages import SourceInfo
from app.schedule import SPEEDS, speed_title
from app.state import State
from app.widgets.controls import Button, label, plain_tip, set_tone
from app.widgets.icons import icon
from app.widgets.timeline_paint import clock_time

JUMP_S = 2.0

# For the cheat sheet.
KEYS = (
    ("Space", "Play, pause, try again"),
    (",  .", "One frame back, one frame on"),
    ("←  →", f"{JUMP_S:g} seconds back, {JUMP_S:g} seconds on"),
    ("[  ]", "Slower, faster: 0.25× to 4×, and max"),
    ("Home", "Start again"),
    ("L", "Loop"),
)


class TransportActions(QObject):
    """The actions of the transport, for buttons and keys alike."""

    speed_chosen = Signal(float)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.play = self._action("play", "Play", "Space")
        self.restart = self._action("restart", "Start again", "Home", "Back to the first frame")
        self.frame_back = self._action("frame_back", "One frame back", ",")
        self.frame_on = self._action("frame_on", "One frame on", ".")
        self.back = self._action(None, "Back", "Left", f"{JUMP_S:g} seconds back")
        self.on = self._action(None, "On", "Right", f"{JUMP_S:g} seconds on")
        self.slower = self._action(None, "Slower", "[")
        self.faster = self._action(None, "Faster", "]")
        self.loop = self._action("loop", "Loop", "L", "Play again and again")
        self.loop.setCheckable(True)
        for action in (self.play, self.restart, self.loop):
            action.setAutoRepeat(False)
        self.speed = QAction(self)
        self._speeds = QActionGroup(self)
        for speed in SPEEDS:
            choice = self._speeds.addAction(_long_speed_title(speed))
            choice.setCheckable(True)
            choice.setData(speed)
        self._speeds.triggered.connect(lambda choice: self.speed_chosen.emit(choice.data()))
        self.slower.triggered.connect(lambda: self._change_speed(-1))
        self.faster.triggered.connect(lambda: self._change_speed(1))
        self.show_speed(1.0)
        self.show_state(State.IDLE, None)

    def _action(self, picture: str | None, text: str, key: str, hint: str = "") -> QAction:
        action = QAction(text, self)
        if picture is not None:
            action.setIcon(icon(picture))
        action.setShortcut(key)
        action.setToolTip(f"{hint or text} ({key})")
        return action

    @property
    def with_keys(self) -> tuple[QAction, ...]:
        """All actions that have a key."""
        return (
            self.play,
            self.restart,
            self.frame_back,
            self.frame_on,
            self.back,
            self.on,
            self.slower,
            self.faster,
            self.loop,
        )

    @property
    def speed_choices(self) -> list[QAction]:
        """One action for each speed, slowest first."""
        return self._speeds.actions()

    def _change_speed(self, by: int) -> None:
        place = SPEEDS.index(self._speed) + by
        if 0 <= place < len(SPEEDS):
            self.speed_chosen.emit(SPEEDS[place])

    def show_speed(self, speed: float) -> None:
        """Let the actions say how fast it plays now."""
        self._speed = speed
        self.speed.setText(speed_title(speed))
        self.speed.setToolTip(f"Speed: {_long_speed_title(speed)} ([ slower, ] faster)")
        for choice in self.speed_choices:
            choice.setChecked(choice.data() == speed)

    def show_state(self, state: State, source: SourceInfo | None) -> None:
        """Let the actions say what they would do now."""
        words = {
            State.PLAYING: ("pause", "Pause"),
            State.ENDED: ("play", "Play again"),
            State.FAILED: ("play", "Try again"),
        }
        name, text = words.get(state, ("play", "Play"))
        self.play.setIcon(icon(name))
        self.play.setText(text)
        self.play.setToolTip(f"{text} (Space)")
        self.play.setEnabled(state not in (State.IDLE, State.OPENING))
        is_file = source is not None and not source.live
        movable = is_file and state not in (State.IDLE, State.FAILED, State.OPENING)
        for action in (self.restart, self.frame_back, self.frame_on, self.back, self.on):
            action.setEnabled(movable)
        # A camera has no speed; what is chosen before a file is opened holds for it.
        for action in (self.loop, self.speed, self.slower, self.faster):
            action.setEnabled(source is None or is_file)


class Transport(QWidget):
    """The left end of the bottom bar."""

    def __init__(self, actions: TransportActions) -> None:
        super().__init__()
        self._source: SourceInfo | None = None
        self._time_s = 0.0
        self._target_s: float | None = None
        self.position = label("", name="Position")
        self.position.setFont(theme.font(theme.TEXT_PX))
        self.speed = Button(actions.speed, role="narrow")
        self.speed.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        # As wide as its widest text, so that nothing beside it moves.
        widest = max(self.fontMetrics().horizontalAdvance(speed_title(speed)) for speed in SPEEDS)
        self.speed.setFixedWidth(widest + 14)
        self.menu = QMenu("Speed", self)
        self.menu.addActions(actions.speed_choices)
        actions.speed.triggered.connect(self.show_speeds)
        actions.speed.changed.connect(self._name_speed)
        self._name_speed()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        shown = (actions.restart, actions.frame_back, actions.play, actions.frame_on, actions.loop)
        for action in shown:
            layout.addWidget(Button(action, role="narrow"))
        layout.addWidget(self.speed)
        layout.addSpacing(8)
        layout.addWidget(self.position)

    def _name_speed(self) -> None:
        self.speed.setAccessibleName(f"Speed {self.speed.text()}")

    def show_speeds(self) -> None:
        """Open the list of speeds above its button."""
        height = self.menu.sizeHint().height()
        self.menu.popup(self.speed.mapToGlobal(QPoint(0, -height)))

    def show_source(self, source: SourceInfo) -> None:
        """Show the length of the source; its name is in the window's title and under the mouse."""
        self._source = source
        self.position.setToolTip(plain_tip(f"{source.title}\n{source.width}×{source.height}"))
        self.show_target(None)
        self.show_time(0.0)

    def show_time(self, time_s: float) -> None:
        """Show where we are."""
        self._time_s = time_s
        self._show_position()

    def show_target(self, time_s: float | None) -> None:
        """Show where a jump goes until its picture is there; None when it is."""
        if time_s != self._target_s:
            self._target_s = time_s
            set_tone(self.position, "text" if time_s is None else "accent")
            self._show_position()

    def _show_position(self) -> None:
        time_s = self._time_s if self._target_s is None else self._target_s
        if self._source is None:
            self.position.clear()
        elif self._source.duration_s:
            total_s = max(self._source.duration_s, time_s if self._target_s is None else 0)
            self.position.setText(f"{clock_time(min(time_s, total_s))} / {clock_time(total_s)}")
        else:
            self.position.setText(clock_time(time_s))


def _long_speed_title(speed: float) -> str:
    return "max: as fast as it can be read" if speed == SPEEDS[-1] else speed_title(speed)
