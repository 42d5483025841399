"""How far an export is, and a button to give it up; hidden while nothing is exported."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy

from app.widgets.controls import Button, label
from app.widgets.icons import icon

# What is over sooner needs no progress.
_SHOWN_AFTER_MS = 500


class ExportLine(QFrame):
    """One line in the window, so that nothing stands in front of the video."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "sheet")
        self.setAccessibleName("Export")
        self.cancel = QAction(icon("close"), "Cancel export", self)
        self.cancel.setToolTip("Give up the export; nothing is written")
        self._text = label("", name="Export")
        self._bar = QProgressBar()
        self._bar.setAccessibleName("Export progress")
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 6, 4)
        layout.setSpacing(12)
        layout.addWidget(self._text)
        layout.addWidget(self._bar, 1)
        layout.addWidget(Button(self.cancel))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._soon = QTimer(self, interval=_SHOWN_AFTER_MS, singleShot=True)
        self._soon.timeout.connect(self.show)
        self.hide()

    def begin(self, name: str) -> None:
        """A file of this name is being written."""
        self._text.setText(f"Exporting {name}…")
        self._bar.setRange(0, 0)
        self._soon.start()

    def show_progress(self, done: int, expected: int) -> None:
        """So many of the expected frames are done; 0 where nobody knows how many there are."""
        self._bar.setRange(0, expected)
        self._bar.setValue(min(done, expected))

    def end(self) -> None:
        """It is written, or was given up."""
        self._soon.stop()
        self.hide()
