"""Three strips over the whole source: the truth, what int8 says, what fp32 says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app import theme
from app.theme import DARK
from app.timeline_record import UNKNOWN, TimelineRecord
from core.activities import colour_of, title_of

_NAMES_WIDTH = 62
_EDGE = 14
_AXIS_HEIGHT = 18
_GAP = 3
_DIFFERS_HEIGHT = 5
_NARROWEST_NAMED = 64
_TITLES = {"truth": "truth", "int8": "INT8", "fp32": "FP32"}


class Timeline(QWidget):
    """Paints a TimelineRecord; the newest moment is marked."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Timeline")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._record: TimelineRecord | None = None
        self._colours = np.zeros((1, 3), np.uint8)
        self._now_s: float | None = None
        self._hint = "The timeline fills while a video plays."

    def sizeHint(self) -> QSize:
        with_truth = self._record is not None and self._record.truth is not None
        return QSize(800, 110 if with_truth else 88)

    def show_record(self, record: TimelineRecord | None) -> None:
        """Show another record, which may go on growing; call refresh() when it did."""
        self._record = record
        self.updateGeometry()
        self._now_s = None
        if record is not None:
            # The last colour stands for UNKNOWN, which is index -1.
            colours = [*(colour_of(name) for name in record.labels), DARK.raised]
            self._colours = np.array([QColor(c).getRgb()[:3] for c in colours], np.uint8)
        self.update()

    def refresh(self, now_s: float | None) -> None:
        """Paint what was added; `now_s` is the time of the picture on the screen."""
        self._now_s = now_s
        self.update()

    # -- geometry ------------------------------------------------------------------------------

    def _strips(self) -> dict[str, QRect]:
        """Where each row is painted."""
        names = ["int8", "differs", "fp32"]
        if self._record is not None and self._record.truth is not None:
            names.insert(0, "truth")
        left = _EDGE + _NAMES_WIDTH
        width = max(1, self.width() - left - _EDGE)
        top, bottom = 10, self.height() - _AXIS_HEIGHT - 6
        strips = len(names) - 1
        height = (bottom - top - _DIFFERS_HEIGHT - _GAP * strips) // strips
        rects: dict[str, QRect] = {}
        for name in names:
            row = _DIFFERS_HEIGHT if name == "differs" else height
            rects[name] = QRect(left, top, width, row)
            top += row + _GAP
        return rects

    # -- painting ------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(DARK.line))
        painter.setBrush(QColor(DARK.card))
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(frame, theme.RADIUS, theme.RADIUS)
        rects = self._strips()
        width = rects["int8"].width()
        rows = self._record.columns(width) if self._record is not None else {}
        painter.setFont(theme.font(theme.SMALL_PX))
        for name, rect in rects.items():
            if name == "differs":
                self._paint_differences(painter, rect, rows.get(name))
                continue
            self._paint_strip(painter, rect, rows.get(name))
            painter.setPen(QColor(DARK.quiet if name == "truth" else getattr(DARK, name)))
            text = QRect(_EDGE, rect.top(), _NAMES_WIDTH, rect.height())
            painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter), _TITLES[name])
        self._paint_axis(painter, rects)

    def _paint_strip(self, painter: QPainter, rect: QRect, row: NDArray[np.int16] | None) -> None:
        if row is None:
            painter.fillRect(rect, QColor(DARK.raised))
            return
        pixels = np.ascontiguousarray(self._colours[row])
        image = QImage(pixels.data, len(row), 1, 3 * len(row), QImage.Format.Format_RGB888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(rect, image)
        self._paint_names(painter, rect, row)

    def _paint_names(self, painter: QPainter, rect: QRect, row: NDArray[np.int16]) -> None:
        assert self._record is not None
        bounds = np.flatnonzero(np.diff(row)) + 1
        metrics, elide = painter.fontMetrics(), Qt.TextElideMode.ElideRight
        for start, end in zip([0, *bounds], [*bounds, len(row)], strict=True):
            if row[start] == UNKNOWN or end - start < _NARROWEST_NAMED:
                continue
            name = self._record.labels[row[start]]
            box = QRect(rect.left() + int(start) + 6, rect.top(), int(end - start), rect.height())
            title = metrics.elidedText(title_of(name), elide, int(end - start) - 12)
            painter.setPen(QColor(theme.text_on(colour_of(name))))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), title)

    def _paint_differences(
        self, painter: QPainter, rect: QRect, row: NDArray[np.int16] | None
    ) -> None:
        if row is None:
            return
        bounds = np.flatnonzero(np.diff(row)) + 1
        for start, end in zip([0, *bounds], [*bounds, len(row)], strict=True):
            if row[start]:
                left = rect.left() + int(start)
                painter.fillRect(
                    QRect(left, rect.top(), int(end - start), rect.height()), QColor(DARK.bad)
                )

    def _paint_axis(self, painter: QPainter, rects: dict[str, QRect]) -> None:
        area = rects["int8"]
        axis = QRect(area.left(), self.height() - _AXIS_HEIGHT - 5, area.width(), _AXIS_HEIGHT)
        painter.setFont(theme.font(12))
        painter.setPen(QColor(DARK.quiet))
        if self._record is None:
            painter.drawText(axis, int(Qt.AlignmentFlag.AlignVCenter), self._hint)
            return
        start_s, end_s = self._record.window_s
        flags = Qt.AlignmentFlag.AlignVCenter
        left, right = clock_time(start_s), clock_time(end_s)
        painter.drawText(axis, int(flags | Qt.AlignmentFlag.AlignLeft), left)
        painter.drawText(axis, int(flags | Qt.AlignmentFlag.AlignRight), right)
        painter.drawText(
            axis,
            int(flags | Qt.AlignmentFlag.AlignHCenter),
            "each clip's most probable activity · red: the models differ",
        )
        if self._now_s is not None and start_s <= self._now_s <= end_s:
            share = (self._now_s - start_s) / (end_s - start_s)
            x = area.left() + round(share * (area.width() - 1))
            bottom = rects["fp32"].bottom()
            painter.fillRect(QRect(x - 1, 6, 2, bottom - 2), QColor(DARK.text))

    # -- hovering ------------------------------------------------------------------------------

    def describe_at(self, x: int) -> str:
        """What the strips say at a horizontal position, for the tooltip."""
        if self._record is None:
            return ""
        area = self._strips()["int8"]
        column = min(max(x - area.left(), 0), area.width() - 1)
        start_s, end_s = self._record.window_s
        rows = self._record.columns(area.width())
        lines = [clock_time(start_s + (end_s - start_s) * column / area.width())]
        for name, title in _TITLES.items():
            if name in rows and rows[name][column] != UNKNOWN:
                lines.append(f"{title}: {title_of(self._record.labels[rows[name][column]])}")
        return "\n".join(lines)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.describe_at(event.pos().x()), self)
            return True
        return super().event(event)


def clock_time(time_s: float) -> str:
    """Minutes and seconds, with hours when there are any: 00:41, 1:02:03."""
    minutes, seconds = divmod(int(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
