"""Every key in one place, over the window; the video plays on behind it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from app.widgets.controls import Button, label
from app.widgets.icons import icon
from app.widgets.welcome import PRIVACY


class CheatSheet(QFrame):
    """A list of keys that keeps itself in the middle of its window; not modal."""

    def __init__(self, keys: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "sheet")
        self.setAccessibleName("Keyboard")
        close = QAction(icon("close"), "Close", self)
        close.setToolTip("Close (Esc)")
        close.triggered.connect(self.hide)
        grid = QGridLayout()
        grid.setHorizontalSpacing(20)
        grid.setVerticalSpacing(9)
        # In two columns, so that it fits a small window.
        rows = (len(keys) + 1) // 2
        for place, (key, meaning) in enumerate(keys):
            column, row = divmod(place, rows)
            grid.addWidget(label(key, "title"), row, 2 * column)
            grid.addWidget(label(meaning), row, 2 * column + 1)
        head = QGridLayout()
        head.addWidget(label("Keyboard", "brand"), 0, 0)
        head.addWidget(Button(close), 0, 1, Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(26, 18, 18, 22)
        layout.setSpacing(14)
        layout.addLayout(head)
        layout.addLayout(grid)
        layout.addWidget(label(PRIVACY, "quiet"))
        parent.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        """Show it, or take it away."""
        if self.isVisible():
            self.hide()
            return
        self._centre()
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._centre()
        return super().eventFilter(watched, event)

    def _centre(self) -> None:
        self.adjustSize()
        area = self.parentWidget().rect()
        self.move(area.center() - self.rect().center())
