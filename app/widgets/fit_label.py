"""A label whose text always fits: it wraps, and gets smaller before it would be cut."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.theme import Tone

_SMALLEST_PX = 13


class FitLabel(QWidget):
    """Shows one text in at most `lines` lines, as large as fits."""

    def __init__(self, largest_px: int, lines: int, name: str) -> None:
        super().__init__()
        self._largest_px = largest_px
        self._text = ""
        self._tone: Tone = "text"
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(round(QFontMetrics(theme.font(largest_px, bold=True)).height() * lines))

    def sizeHint(self) -> QSize:
        return QSize(160, self.height())

    @property
    def text(self) -> str:
        """What it shows."""
        return self._text

    def show_text(self, text: str, tone: Tone = "text") -> None:
        """Change the text and its tone."""
        if (text, tone) != (self._text, self._tone):
            self._text, self._tone = text, tone
            self.setAccessibleDescription(text)
            self.update()

    def fitting_px(self) -> int:
        """The font size at which the text fits."""
        flags = int(Qt.TextFlag.TextWordWrap)
        for pixels in range(self._largest_px, _SMALLEST_PX, -1):
            metrics = QFontMetrics(theme.font(pixels, bold=True))
            bounds = metrics.boundingRect(QRect(0, 0, self.width(), 10_000), flags, self._text)
            if bounds.height() <= self.height() and bounds.width() <= self.width():
                return pixels
        return _SMALLEST_PX

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(QColor(theme.colours().of(self._tone)))
        painter.setFont(theme.font(self.fitting_px(), bold=True))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), int(flags) | int(Qt.TextFlag.TextWordWrap), self._text)
