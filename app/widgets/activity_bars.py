"""The five most probable activities as bars: what a model says before anything is smoothed."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from core.activities import colour_of, title_of

_ROWS = 5


class ActivityBars(QWidget):
    """Names on the left, percentages on the right, a bar below each."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(_ROWS * 22)
        self.setMaximumHeight(_ROWS * 64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._rows: list[tuple[str, float]] = []
        self.setAccessibleName("Most probable activities")

    def sizeHint(self) -> QSize:
        return QSize(240, _ROWS * 22)

    @property
    def rows(self) -> list[tuple[str, float]]:
        """What it shows: (activity name as in the model, probability), best first."""
        return list(self._rows)

    def show_rows(self, rows: list[tuple[str, float]]) -> None:
        """Show up to five (activity name, probability), best first."""
        if rows != self._rows:
            self._rows = rows[:_ROWS]
            spoken = (f"{title_of(name)} {share * 100:.0f} %" for name, share in self._rows)
            self.setAccessibleDescription(", ".join(spoken))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        height = self.height() / _ROWS
        pixels = max(12, min(20, round(height * 0.42)))
        for row in range(_ROWS):
            name, share = self._rows[row] if row < len(self._rows) else ("", 0.0)
            self._paint_row(
                painter, QRectF(0, row * height, self.width(), height), pixels, name, share
            )

    def _paint_row(
        self, painter: QPainter, area: QRectF, pixels: int, name: str, share: float
    ) -> None:
        thickness = max(4.0, area.height() * 0.17)
        track = QRectF(area.left(), area.bottom() - thickness - 3, area.width(), thickness)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.colours().raised))
        painter.drawRoundedRect(track, thickness / 2, thickness / 2)
        if not name:
            return
        filled = QRectF(track.topLeft(), track.size())
        filled.setWidth(max(thickness, track.width() * min(1.0, share)))
        painter.setBrush(QColor(colour_of(name)))
        painter.drawRoundedRect(filled, thickness / 2, thickness / 2)

        line = QRectF(area.left(), area.top(), area.width(), track.top() - area.top() - 1)
        percent = f"{share * 100:.1f} %"
        painter.setFont(theme.fitting_font(f"{title_of(name)}  {percent}", line.width(), pixels))
        metrics = painter.fontMetrics()
        room = round(line.width()) - metrics.horizontalAdvance(f"  {percent}")
        title = metrics.elidedText(title_of(name), Qt.TextElideMode.ElideRight, room)
        bottom = Qt.AlignmentFlag.AlignBottom
        painter.setPen(QColor(theme.colours().text))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignLeft | bottom), title)
        painter.setPen(QColor(theme.colours().quiet))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignRight | bottom), percent)
