"""What stands in the picture's place before a source is chosen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from app import theme
from app.widgets.controls import Button, label
from app.widgets.icons import icon

PRIVACY = "Nothing leaves this machine, and no picture is stored unless you save one."

# From this height on there is room for the picture above the words.
_TALL_ENOUGH = 400


class Welcome(QFrame):
    """Says what to do first, and that nothing leaves this machine."""

    def __init__(
        self, open_video: QAction, choose_camera: QAction, browse: QAction, reopen: QAction
    ) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setProperty("role", "card")
        self.setAccessibleName("No source yet")
        self._picture = label()
        self._paint_picture()
        headline = label("What is the driver doing?")
        headline.setFont(theme.font(theme.LABEL_PX, bold=True))
        sentence = label(
            "Open a video or choose a camera. You can also drop a video on this window, alone or "
            "with its CSV of annotations, or a Drive&Act folder."
        )
        sentence.setWordWrap(True)
        sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        privacy = label(PRIVACY, "quiet")

        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE)
        buttons.addStretch()
        first = Button(open_video, text=True, role="primary")
        first.setIcon(icon("open", None))
        buttons.addWidget(first)
        for action in (choose_camera, browse):
            buttons.addWidget(Button(action, text=True, role="secondary"))
        buttons.addStretch()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 16, 32, 16)
        layout.setSpacing(14)
        layout.addStretch()
        layout.addWidget(self._picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(headline, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(sentence)
        layout.addSpacing(6)
        layout.addLayout(buttons)
        layout.addWidget(_ActionButton(reopen), alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(6)
        layout.addWidget(privacy, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()

    def _paint_picture(self) -> None:
        self._picture.setPixmap(icon("camera", "accent").pixmap(72, 72))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture.setVisible(self.height() >= _TALL_ENOUGH)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_picture()


class _ActionButton(Button):
    """A button that is there only while its action is visible."""

    def __init__(self, action: QAction) -> None:
        super().__init__(action, text=True)
        self._action = action
        action.changed.connect(self._follow)
        if not action.isVisible():
            self.hide()

    def _follow(self) -> None:
        # Without a parent it would be a window of its own.
        if self.parentWidget() is not None:
            self.setVisible(self._action.isVisible())
        self.setAccessibleName(self._action.text())
