"""One sentence that says what went wrong and what to do; never in the way."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy

from app.theme import DARK
from app.widgets.controls import Button, label
from app.widgets.icons import icon


class Banner(QFrame):
    """Shows the newest problem until it is dismissed; hidden otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "banner")
        self.setAccessibleName("Problem")
        self.dismiss = QAction(icon("close"), "Dismiss", self)
        self.dismiss.setToolTip("Dismiss (Esc)")
        self.dismiss.triggered.connect(self.hide)
        sign = label()
        sign.setPixmap(icon("warning", DARK.bad).pixmap(22, 22))
        self._text = label("", name="Problem")
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setSpacing(10)
        layout.addWidget(sign)
        layout.addWidget(self._text, 1)
        layout.addWidget(Button(self.dismiss))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence that is shown."""
        return self._text.text()

    def show_problem(self, sentence: str) -> None:
        """Show a sentence instead of any before."""
        self._text.setText(sentence)
        self.setAccessibleDescription(sentence)
        self.show()
