"""The picture, aspect kept, with what the int8 student sees in it written over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QLinearGradient,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.messages import Picture
from app.theme import DARK

Mark = Literal["none", "paused", "ended", "opening"]


@dataclass(frozen=True, slots=True)
class Caption:
    """The words over the picture: a big line, its confidence, and a small line below.

    They lie on a dark shade in every theme, so their colours are those of the dark one.
    """

    text: str
    confidence: float | None = None
    detail: str = ""
    colour: str = DARK.text


class VideoView(QWidget):
    """Paints the newest picture; knows nothing of sources or models."""

    painted = Signal()  # a new picture has reached the screen
    view_resized = Signal(int, int)  # device pixels

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(200, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Video")
        self._picture: Picture | None = None
        self._image: QImage | None = None
        self._fresh = False
        self._caption: Caption | None = None
        self._truth = ""
        self._progress: tuple[int, int] | None = None
        self._mark: Mark = "none"
        self._search: str | None = None
        self._no_signal: tuple[str, str] | None = None

    def sizeHint(self) -> QSize:
        return QSize(480, 300)

    @property
    def picture(self) -> Picture | None:
        """What is on the screen."""
        return self._picture

    def show_picture(self, picture: Picture) -> None:
        """Paint this picture at the next occasion."""
        pixels = picture.display
        height, width = pixels.shape[:2]
        # The picture keeps the pixels alive for as long as the QImage points at them.
        self._picture = picture
        self._image = QImage(
            pixels.data, width, height, pixels.strides[0], QImage.Format.Format_RGB888
        )
        self._fresh = True
        self.update()

    def clear(self) -> None:
        """Forget the picture of the source before."""
        self._picture = self._image = None
        self.show_caption(None)
        self.show_no_signal(None)

    def show_caption(self, caption: Caption | None, truth: str = "") -> None:
        """Write what is recognised, and the truth where it is known, over the picture."""
        if (caption, truth) != (self._caption, self._truth):
            self._caption, self._truth = caption, truth
            self._progress = None
            self._describe()

    def show_warming_up(self, filled: int, needed: int) -> None:
        """Write how far the clip buffer is filled instead."""
        if self._progress != (filled, needed):
            self._progress = (filled, needed)
            self._caption = Caption(f"warming up {filled}/{needed}", None, "", DARK.quiet)
            self._truth = ""
            self._describe()

    def show_mark(self, mark: Mark) -> None:
        """Mark the picture as paused, ended, or about to be replaced."""
        if mark != self._mark:
            self._mark = mark
            self.update()

    @property
    def search(self) -> str | None:
        """What it says of a picture that is on its way."""
        return self._search

    def show_search(self, words: str | None) -> None:
        """Say instead of the mark that another picture is on its way; None when it is there."""
        if words != self._search:
            self._search = words
            self.update()

    def show_no_signal(self, message: tuple[str, str] | None) -> None:
        """Grey the picture under a headline and a sentence; None takes that away."""
        if message != self._no_signal:
            self._no_signal = message
            self._describe()

    def _describe(self) -> None:
        words = self._caption.text if self._caption else ""
        self.setAccessibleDescription(" ".join(self._no_signal) if self._no_signal else words)
        self.update()

    # -- painting ------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ratio = self.devicePixelRatioF()
        self.view_resized.emit(round(self.width() * ratio), round(self.height() * ratio))

    def picture_rect(self) -> QRectF:
        """Where the picture is painted: as large as fits, centred."""
        if self._image is None:
            return QRectF(self.rect())
        # The original size decides, so that a picture shrunk for an older window size fits too.
        height, width = self._picture.frame.image.shape[:2] if self._picture else (1, 1)
        scale = min(self.width() / width, self.height() / height)
        size = (width * scale, height * scale)
        return QRectF((self.width() - size[0]) / 2, (self.height() - size[1]) / 2, *size)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(self.rect(), QColor(DARK.card))
        if self._image is not None:
            painter.drawImage(self.picture_rect(), self._image)
        if self._no_signal is not None:
            self._paint_no_signal(painter, *self._no_signal)
        elif self._caption is not None:
            self._paint_caption(painter, self._caption)
        if self._no_signal is None and (self._search is not None or self._mark != "none"):
            self._paint_mark(painter, self._mark)
        self._round_corners(painter)
        painter.end()
        if self._fresh:
            self._fresh = False
            self.painted.emit()

    def _round_corners(self, painter: QPainter) -> None:
        """Like the cards beside it; painting over is cheaper than clipping a video."""
        area = QRectF(self.rect())
        corners, inside = QPainterPath(), QPainterPath()
        corners.addRect(area)
        inside.addRoundedRect(area, theme.RADIUS, theme.RADIUS)
        painter.fillPath(corners.subtracted(inside), QColor(theme.colours().window))

    @property
    def _unit(self) -> int:
        """Height of the big line: a fixed share of the view, readable from two metres."""
        return max(22, min(54, round(self.height() * 0.068)))

    def _paint_caption(self, painter: QPainter, caption: Caption) -> None:
        unit = self._unit
        # Over the picture's own corner, not over the ground beside it.
        area = self.picture_rect().toAlignedRect()
        if area.width() < 0.6 * self.width():
            area = self.rect()
        shade = QRect(area.left(), area.bottom() - 3 * unit, area.width(), 3 * unit + 1)
        gradient = QLinearGradient(QPointF(shade.topLeft()), QPointF(shade.bottomLeft()))
        gradient.setColorAt(0, QColor(0, 0, 0, 0))
        gradient.setColorAt(0.55, QColor(0, 0, 0, 190))
        gradient.setColorAt(1, QColor(0, 0, 0, 225))
        painter.fillRect(shade, gradient)

        inner = area.adjusted(unit // 2 + 4, 0, -unit // 2 - 4, -unit // 2)
        percent = "" if caption.confidence is None else f"{caption.confidence * 100:.0f} %"
        baseline = inner.bottom() - (unit // 4 if self._progress else 0)
        line = QRect(inner.left(), baseline - round(1.25 * unit), inner.width(), round(1.3 * unit))
        spoken = f"{caption.text}   {percent}" if percent else caption.text
        painter.setFont(theme.fitting_font(spoken, line.width(), unit, bold=True))
        painter.setPen(QColor(caption.colour))
        painter.drawText(
            line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, caption.text
        )
        painter.setPen(QColor(DARK.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, percent)
        painter.setFont(theme.font(max(13, unit * 2 // 5)))
        painter.setPen(QColor(DARK.quiet))
        above = QRect(line.left(), line.top() - unit // 2, line.width(), unit // 2 + 4)
        painter.drawText(above, Qt.AlignmentFlag.AlignLeft, caption.detail)
        if self._truth:
            painter.setPen(QColor(DARK.text))
            painter.drawText(above, Qt.AlignmentFlag.AlignRight, self._truth)
        if self._progress:
            self._paint_progress(painter, inner, *self._progress)

    def _paint_progress(self, painter: QPainter, area: QRect, filled: int, needed: int) -> None:
        gap = 3
        width = max(2.0, (min(area.width(), 16 * needed) - gap * (needed - 1)) / needed)
        for position in range(needed):
            box = QRectF(area.left() + position * (width + gap), area.bottom() - 4, width, 5)
            painter.fillRect(box, QColor(DARK.int8 if position < filled else "#465365"))

    def _paint_mark(self, painter: QPainter, mark: Mark) -> None:
        text = {"paused": "Paused", "ended": "Ended", "opening": "Opening…"}.get(mark, "")
        if self._search is not None:
            text, mark = self._search, "none"
        painter.setFont(theme.font(theme.TITLE_PX, bold=True))
        width = painter.fontMetrics().horizontalAdvance(text) + 48
        box = QRectF(self.picture_rect().left() + 14, self.picture_rect().top() + 14, width, 34)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 205))
        painter.drawRoundedRect(box, 8, 8)
        painter.setBrush(QColor(DARK.text))
        middle = box.center().y()
        if mark == "paused":
            painter.drawRect(QRectF(box.left() + 13, middle - 7, 5, 14))
            painter.drawRect(QRectF(box.left() + 21, middle - 7, 5, 14))
        elif mark == "ended":
            painter.drawRect(QRectF(box.left() + 13, middle - 6, 12, 12))
        else:
            painter.drawEllipse(QRectF(box.left() + 14, middle - 5, 10, 10))
        painter.setPen(QColor(DARK.text))
        painter.drawText(box.adjusted(35, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_no_signal(self, painter: QPainter, headline: str, sentence: str) -> None:
        painter.fillRect(self.rect(), QColor(16, 20, 27, 205))
        unit = self._unit
        middle = self.rect().center().y()
        painter.setPen(QColor(DARK.text))
        painter.setFont(theme.font(unit, bold=True))
        top = QRect(24, middle - 2 * unit, self.width() - 48, 2 * unit)
        painter.drawText(
            top, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, headline
        )
        painter.setPen(QColor(DARK.quiet))
        painter.setFont(theme.font(max(15, unit * 2 // 5)))
        below = QRect(24, middle + unit // 4, self.width() - 48, 4 * unit)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(below, int(flags), sentence)
