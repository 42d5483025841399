"""What to know at the first run, over the picture until it is read."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.widgets.controls import Button, label
from app.widgets.icons import icon

_EDGE = 12
_WORDS = (
    "Space plays and pauses · a click on the timeline jumps there · ? lists all keys · "
    "V shows or hides parts of the window"
)


class Hint(QFrame):
    """Keeps itself at the top of its parent; hidden until asked for, `seen` when taken away."""

    seen = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "sheet")
        self.setAccessibleName("Hint")
        self.setAccessibleDescription(_WORDS)
        self.dismiss = QAction(icon("close"), "Got it", self)
        self.dismiss.setToolTip("Got it (Esc)")
        self.dismiss.triggered.connect(self.take_away)
        words = label(_WORDS, name="Hint")
        words.setWordWrap(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 4, 6, 4)
        layout.addWidget(words, 1)
        layout.addWidget(Button(self.dismiss))
        parent.installEventFilter(self)
        self.hide()

    def open(self) -> None:
        """Show it above everything in its parent."""
        self._place()
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        width = self.parentWidget().width() - 2 * _EDGE
        self.setGeometry(_EDGE, _EDGE, width, self.layout().totalHeightForWidth(width))

    def take_away(self) -> None:
        """The person has read it."""
        self.hide()
        self.seen.emit()
