"""A line as small as a word: how a figure went in the last minute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.theme import Tone

_MOST_POINTS = 120


class Sparkline(QWidget):
    """Paints values from old (left) to new, scaled from zero to almost the highest."""

    def __init__(self, tone: Tone, name: str) -> None:
        super().__init__()
        self._tone = tone
        self._values: Sequence[float] = ()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(120, 16)

    def show_values(self, values: Sequence[float]) -> None:
        """Show other values; many are drawn as the highest of each few."""
        self._values = values
        self.update()

    def points(self) -> list[float]:
        """The values that are drawn."""
        values = np.asarray(self._values, np.float64)
        if len(values) > _MOST_POINTS:
            groups = np.array_split(values, _MOST_POINTS)
            values = np.array([group.max() for group in groups])
        return [float(value) for value in values]

    def paintEvent(self, event: QPaintEvent) -> None:
        points = self.points()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(theme.colours().line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        if len(points) < 2:
            return
        # One outlier must not flatten everything else.
        highest = max(float(np.percentile(points, 98)), 1e-9)
        step = (self.width() - 2) / (len(points) - 1)
        reach = self.height() - 4
        line = QPolygonF(
            [
                QPointF(1 + index * step, self.height() - 2 - min(value / highest, 1.0) * reach)
                for index, value in enumerate(points)
            ]
        )
        painter.setPen(QPen(QColor(theme.colours().of(self._tone)), 1.4))
        painter.drawPolyline(line)
