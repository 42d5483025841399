"""One sentence that says what went wrong or what was noticed; never in the way."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy

from app.theme import Tone
from app.widgets.controls import Button, label, set_role
from app.widgets.icons import icon

_NOTICE_MS = 12_000


class Banner(QFrame):
    """Shows the newest problem until it is dismissed, or a notice for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "banner")
        self.setAccessibleName("Problem")
        self.dismiss = QAction(icon("close"), "Dismiss", self)
        self.dismiss.setToolTip("Dismiss (Esc)")
        self.dismiss.triggered.connect(self.hide)
        self._sign = label()
        self._sign_shown: tuple[str, Tone] = ("warning", "bad")
        self._lasting = False
        self._until = QTimer(self, interval=_NOTICE_MS, singleShot=True)
        self._until.timeout.connect(self.hide)
        self._text = label("", name="Problem")
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 2, 6, 2)
        layout.setSpacing(10)
        layout.addWidget(self._sign)
        layout.addWidget(self._text, 1)
        layout.addWidget(Button(self.dismiss))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.hide()

    @property
    def text(self) -> str:
        """The sentence that is shown."""
        return self._text.text()

    def show_problem(self, sentence: str, *, lasting: bool = False) -> None:
        """Show a sentence instead of any before; a lasting one is not of the present source."""
        self._until.stop()
        self._lasting = lasting
        self._show(sentence, "banner", ("warning", "bad"))

    def show_notice(self, sentence: str, *, sign: str = "bell", lasting: bool = False) -> None:
        """Show what is worth knowing; it goes by itself, and never hides a problem."""
        if self.isVisible() and self.property("role") == "banner":
            return
        self._show(sentence, "notice", (sign, "warning"))
        if lasting:
            self._until.stop()
        else:
            self._until.start()

    def source_changed(self) -> None:
        """What was said of the source before is over; a lasting problem is not."""
        if not (self._lasting and self.property("role") == "banner"):
            self.hide()

    def _show(self, sentence: str, role: str, sign: tuple[str, Tone]) -> None:
        set_role(self, role)
        self.setAccessibleName("Problem" if role == "banner" else "Notice")
        self._sign_shown = sign
        self._paint_sign()
        self._text.setText(sentence)
        self.setAccessibleDescription(sentence)
        self.show()

    def _paint_sign(self) -> None:
        self._sign.setPixmap(icon(*self._sign_shown).pixmap(22, 22))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_sign()
