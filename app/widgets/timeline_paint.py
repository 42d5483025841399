"""How the strips of the timeline are painted; what they show is the Timeline's business."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from app import theme
from app.timeline_levels import UNKNOWN, Row
from core.activities import colour_of, title_of

TITLES = {"truth": "truth", "int8": "INT8", "fp32": "FP32", "teacher": "teacher"}
NAMES_WIDTH = 62
EDGE = 14
AXIS_HEIGHT = 18
_GAP = 3
_DIFFERS_HEIGHT = 5
_NARROWEST_NAMED = 64
# In a strip this high the usual small font has room.
_ROOMY = 18
# Between two times on the axis lie at least this many pixels.
_TICK_PX = 90
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def strips(width: int, height: int, with_truth: bool, with_teacher: bool) -> dict[str, QRect]:
    """Where each row is painted in a widget of this size."""
    names = ["truth"] if with_truth else []
    names += ["int8", "differs", "fp32"]
    names += ["teacher"] if with_teacher else []
    left = EDGE + NAMES_WIDTH
    inner = max(1, width - left - EDGE)
    top, bottom = 4, height - AXIS_HEIGHT - 8
    count = len(names) - 1
    row = max(4, (bottom - top - _DIFFERS_HEIGHT - _GAP * count) // count)
    rects: dict[str, QRect] = {}
    for name in names:
        rects[name] = QRect(left, top, inner, _DIFFERS_HEIGHT if name == "differs" else row)
        top += rects[name].height() + _GAP
    return rects


class Palette:
    """The colours of a label set, one for each class and the last for UNKNOWN, index −1."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        colours = [*(colour_of(name) for name in labels), theme.colours().raised]
        self._pixels = np.array([QColor(c).getRgb()[:3] for c in colours], np.uint8)

    def image(self, row: Row) -> tuple[QImage, NDArray[np.uint8]]:
        """One row as an image one pixel high, and the pixels that have to outlive it."""
        pixels = np.ascontiguousarray(self._pixels[row])
        width = len(row)
        return QImage(pixels.data, width, 1, 3 * width, QImage.Format.Format_RGB888), pixels


def paint_strip(painter: QPainter, rect: QRect, row: Row | None, palette: Palette | None) -> None:
    """A row of classes as colours, with the names of those that are wide enough."""
    if row is None or palette is None:
        painter.fillRect(rect, QColor(theme.colours().raised))
        return
    image, _pixels = palette.image(row)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
    painter.drawImage(rect, image)
    painter.setFont(theme.font(theme.SMALL_PX if rect.height() >= _ROOMY else 12))
    metrics, elide = painter.fontMetrics(), Qt.TextElideMode.ElideRight
    if rect.height() < metrics.ascent() + 1:
        return
    flags = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextDontClip)
    for start, end in runs(row):
        if row[start] == UNKNOWN or end - start < _NARROWEST_NAMED:
            continue
        name = palette.labels[row[start]]
        box = QRect(rect.left() + start + 6, rect.top(), end - start, rect.height())
        title = metrics.elidedText(title_of(name), elide, end - start - 12)
        painter.setPen(QColor(theme.text_on(colour_of(name))))
        painter.drawText(box, flags, title)


def paint_differences(painter: QPainter, rect: QRect, row: Row) -> None:
    """A mark wherever the row is not zero."""
    colour = QColor(theme.colours().bad)
    for start, end in runs(row):
        if row[start]:
            painter.fillRect(QRect(rect.left() + start, rect.top(), end - start, 5), colour)


def runs(row: Row) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of equal values."""
    bounds = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    return list(itertools.pairwise(bounds))


def paint_axis(painter: QPainter, axis: QRect, shown_s: tuple[float, float]) -> None:
    """Times in round steps below the strips."""
    start_s, end_s = shown_s
    per_s = axis.width() / (end_s - start_s)
    step_s = next((step for step in _TICKS_S if step * per_s >= _TICK_PX), _TICKS_S[-1])
    painter.setFont(theme.font(12))
    metrics = painter.fontMetrics()
    for count in range(int(np.ceil(start_s / step_s)), int(end_s / step_s) + 1):
        time_s = count * step_s
        x = axis.left() + round((time_s - start_s) * per_s)
        text = clock_time(time_s) if step_s >= 1 else precise_time(time_s)
        painter.setPen(QColor(theme.colours().line))
        painter.drawLine(x, axis.top() - 3, x, axis.top() + 1)
        painter.setPen(QColor(theme.colours().quiet))
        width = metrics.horizontalAdvance(text)
        left = min(max(x - width // 2, axis.left()), axis.right() - width)
        painter.drawText(left, axis.top() + metrics.ascent() + 2, text)


def paint_extent(
    painter: QPainter, axis: QRect, shown_s: tuple[float, float], window_s: tuple[float, float]
) -> None:
    """Below the axis: which part of the whole is shown."""
    whole_s = window_s[1] - window_s[0]
    track = QRectF(axis.left(), axis.bottom() + 2, axis.width(), 4)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.colours().raised))
    painter.drawRoundedRect(track, 2, 2)
    left = track.left() + track.width() * (shown_s[0] - window_s[0]) / whole_s
    width = max(8.0, track.width() * (shown_s[1] - shown_s[0]) / whole_s)
    painter.setBrush(QColor(theme.colours().accent))
    painter.drawRoundedRect(QRectF(left, track.top(), width, 4), 2, 2)


def clock_time(time_s: float) -> str:
    """Minutes and seconds, with hours when there are any: 00:41, 1:02:03."""
    minutes, seconds = divmod(int(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def precise_time(time_s: float) -> str:
    """A clock time with tenths of a second: 00:41.3."""
    tenths = int(time_s * 10 + 1e-6)
    return f"{clock_time(tenths // 10)}.{tenths % 10}"
