"""The figures of the whole pipeline: every rate by its name, and the age of the label."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app import theme
from app.messages import Numbers
from app.state import State
from app.theme import Tone
from app.widgets.controls import label, set_tone

# Each figure has room for its widest value, so that nothing moves when a digit is added.
_FIGURES = {
    "capture": ("99.9", "Frames read each second."),
    "shown": ("99.9", "New pictures painted each second."),
    "inferred": ("99.9", "Clips answered by the models each second."),
    "skipped": ("9999", "Clips that had to make way for newer ones."),
    "gaps": (
        "99",
        "Times the camera or stream stalled, froze, was lost, or jumped in time or size.",
    ),
    "label age": ("999 ms", "Time since the frame of the shown label was captured."),
    "CPU": ("99 %", "Share of all logical cores that this program and its child processes take."),
    "memory": (
        "999 MB",
        "Memory of this program and its child processes; shared parts count in each.",
    ),
}


class StatusBar(QWidget):
    """A row of small named figures."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, QLabel] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        font = theme.font(theme.SMALL_PX, bold=True)
        for position, (name, (widest, explanation)) in enumerate(_FIGURES.items()):
            if position:
                layout.addSpacing(8)
            caption = label(name, "quiet")
            value = label("–", name=name)
            value.setFont(font)
            value.setMinimumWidth(QFontMetrics(font).horizontalAdvance(widest))
            value.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            for part in (caption, value):
                part.setToolTip(explanation)
                layout.addWidget(part)
            self._values[name] = value

    def value(self, name: str) -> str:
        """What one figure shows."""
        return self._values[name].text()

    def show_numbers(self, numbers: Numbers) -> None:
        """Show the figures as they are now."""
        age_ms = numbers.label_age_ms
        texts = {
            "capture": f"{numbers.capture_fps:.1f}",
            "shown": f"{numbers.shown_fps:.1f}",
            "inferred": f"{numbers.inferred_fps:.1f}",
            "skipped": str(numbers.skipped),
            "gaps": "–" if numbers.gaps is None else str(numbers.gaps),
            "label age": "–" if age_ms is None else f"{age_ms:.0f} ms",
            "CPU": f"{numbers.cpu_percent:.0f} %",
            "memory": f"{numbers.memory_mb:.0f} MB",
        }
        for name, text in texts.items():
            if self._values[name].text() != text:
                self._values[name].setText(text)


class StatePill(QLabel):
    """The word at the top right: what the session is doing, and how fast."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("State")
        self.setFont(theme.font(theme.TEXT_PX, bold=True))
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._state = State.IDLE
        self._live = False
        self._silent = False
        self._fps = 0.0
        self._refresh()

    def show_state(self, state: State, live: bool) -> None:
        """Another state was entered, with a camera or stream or with a file."""
        self._state, self._live = state, live
        self._silent = False
        self._refresh()

    def show_silence(self, silent: bool) -> None:
        """A camera that should be live gives no pictures, or gives them again."""
        self._silent = silent
        self._refresh()

    def show_fps(self, fps: float) -> None:
        """How many pictures a second are painted now."""
        self._fps = fps
        self._refresh()

    def _refresh(self) -> None:
        playing = self._state is State.PLAYING and not self._silent
        state = State.FAILED if self._silent else self._state
        words: dict[State, tuple[str, Tone]] = {
            State.IDLE: ("NO SOURCE", "quiet"),
            State.OPENING: ("OPENING", "accent"),
            State.PLAYING: ("LIVE" if self._live else "PLAYING", "good"),
            State.PAUSED: ("PAUSED", "warning"),
            State.ENDED: ("ENDED", "quiet"),
            State.FAILED: ("NO SIGNAL" if self._live else "FAILED", "bad"),
        }
        word, tone = words[state]
        self.setText(f"● {word}  {self._fps:.1f} fps" if playing else f"● {word}")
        set_tone(self, tone, "pill")
