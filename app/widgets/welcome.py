"""What stands in the picture's place before a source is chosen."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from app import theme
from app.theme import DARK
from app.widgets.controls import Button, label
from app.widgets.icons import icon


class Welcome(QFrame):
    """Says what to do first, and that nothing leaves this machine."""

    def __init__(self, open_video: QAction, choose_camera: QAction) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setProperty("role", "card")
        self.setAccessibleName("No source yet")
        picture = label()
        picture.setPixmap(icon("camera", DARK.accent).pixmap(72, 72))
        headline = label("What is the driver doing?")
        headline.setFont(theme.font(theme.LABEL_PX, bold=True))
        sentence = label(
            "Open a video or choose a camera. You can also drop a video file on this window."
        )
        sentence.setWordWrap(True)
        sentence.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        privacy = label("Nothing leaves this machine, and no image is stored.", "quiet")

        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SPACE)
        buttons.addStretch()
        first = Button(open_video, text=True, role="primary")
        first.setIcon(icon("open", DARK.window))
        buttons.addWidget(first)
        buttons.addWidget(Button(choose_camera, text=True, role="secondary"))
        buttons.addStretch()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(32, 16, 32, 16)
        layout.setSpacing(14)
        layout.addStretch()
        layout.addWidget(picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(headline, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(sentence)
        layout.addSpacing(6)
        layout.addLayout(buttons)
        layout.addSpacing(6)
        layout.addWidget(privacy, alignment=Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch()
