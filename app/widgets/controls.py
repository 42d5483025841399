"""Buttons and labels that all parts of the window share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QFont, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app import theme
from app.theme import Tone


class Button(QToolButton):
    """A button for an action; Enter presses it, because Space belongs to playing."""

    def __init__(self, action: QAction, *, text: bool = False, role: str = "") -> None:
        super().__init__()
        self.setDefaultAction(action)
        small = role == "small"
        self.setIconSize(QSize(13, 13) if small else QSize(20, 20))
        self.setProperty("role", role)
        bare = text and action.icon().isNull()
        self.setProperty("wide", text and not bare)
        self.setProperty("bare", bare)
        self.setAccessibleName(action.text())
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolButtonStyle(
            Qt.ToolButtonStyle.ToolButtonTextOnly
            if bare
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
            if text
            else Qt.ToolButtonStyle.ToolButtonIconOnly
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


def drop_below(menu: QMenu, button: QWidget) -> None:
    """Let a menu drop down from its button."""
    menu.popup(button.mapToGlobal(button.rect().bottomLeft()))


def label(text: str = "", role: str = "", *, name: str = "") -> QLabel:
    """A plain-text label in one of the stylesheet's roles; `name` is for screen readers."""
    made = QLabel(text)
    # File names and errors are shown as they are, never as markup.
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    if name:
        made.setAccessibleName(name)
    return made


def plain_tip(text: str) -> str:
    """A tooltip with names from files, which Qt would take for markup when they look like some."""
    return re.sub("<(?=[A-Za-z/!?])", "‹", text)


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget another of the stylesheet's roles."""
    _set(widget, "role", role)


def set_tone(widget: QWidget, tone: Tone | str, name: str = "tone") -> None:
    """Give a label another of the theme's colours; `name` "pill" tints its ground too."""
    _set(widget, name, tone)


def _set(widget: QWidget, name: str, value: str) -> None:
    if widget.property(name) != value:
        widget.setProperty(name, value)
        # The stylesheet looks at properties only then.
        widget.style().unpolish(widget)
        widget.style().polish(widget)


# Two numbers side by side must not look like one.
_LEAST_BETWEEN_PX = 6


class NumberTile(QWidget):
    """A big number over a small caption; both keep their place while the number changes."""

    def __init__(self, caption: str, tone: Tone = "text") -> None:
        super().__init__()
        self._number = label("–")
        self._number.setFont(theme.font(theme.NUMBER_PX, bold=True))
        # A long number is written smaller, and keeps its line.
        self._number.setMinimumHeight(self._number.sizeHint().height())
        self._number.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        set_tone(self._number, tone)
        self._caption = label(caption, "quiet")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(1)
        layout.addWidget(self._number)
        layout.addWidget(self._caption)
        self.setAccessibleName(caption)
        self._row: Sequence[NumberTile] = (self,)

    @staticmethod
    def write_alike(row: Sequence[NumberTile]) -> None:
        """Let numbers in a row be as large as the longest of them may be."""
        for tile in row:
            tile._row = row

    @property
    def text(self) -> str:
        """What it shows."""
        return self._number.text()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        font = min((tile._fitting_font() for tile in self._row), key=QFont.pixelSize)
        for tile in self._row:
            tile._number.setFont(font)

    def _fitting_font(self) -> QFont:
        room = self.width() - _LEAST_BETWEEN_PX
        return theme.fitting_font(self._number.text(), room, theme.NUMBER_PX, bold=True)

    def set_caption_px(self, pixels: int) -> None:
        """Write the caption in smaller letters, or in the usual ones."""
        self._caption.setFont(theme.font(pixels))

    def show_number(self, text: str, caption: str | None = None, tone: Tone | None = None) -> None:
        """Change the number, and the caption or tone when one is given."""
        if tone is not None:
            set_tone(self._number, tone)
        if text != self._number.text():
            self._number.setText(text)
            self._fit()
            self.setAccessibleDescription(text)
        if caption is not None and caption != self._caption.text():
            self._caption.setText(caption)
            self.setAccessibleName(caption)
