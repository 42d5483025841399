"""Time of each clip in both models over the last minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.messages import SLOTS, Answer, Slot
from app.widgets.controls import label, set_tone

# The axis grows with what there is to show, up to a minute.
_WINDOWS_S = (10, 20, 30, 60)
_EMPTY_SCALE_MS = 10.0
_GAP_S = 0.5
# A minute at 60 clips a second.
_POINTS = 3600


class LatencyPlot(QFrame):
    """Two lines, newest on the right; redrawn with the numbers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.setAccessibleName("Latency over time")
        self.setMinimumHeight(theme.FIGURES_HEIGHT)
        self._clock = clock
        self._points: dict[Slot, deque[tuple[float, float]]] = {
            slot: deque(maxlen=_POINTS) for slot in SLOTS
        }
        plot = pg.PlotWidget(background=None)
        plot.setFrameShape(QFrame.Shape.NoFrame)
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        plot.viewport().setFocusPolicy(Qt.FocusPolicy.NoFocus)
        plot.setMouseEnabled(x=False, y=False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        # pyqtgraph's own menu belongs to nobody, and would be freed by whichever thread collects
        # garbage; Qt does not survive that. With the plot as its parent it goes with the window.
        menu = plot.getPlotItem().ctrlMenu
        menu.setParent(plot, menu.windowFlags())
        plot.showGrid(y=True, alpha=0.25)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setStyle(tickFont=theme.font(12), tickLength=-4)
            axis.enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(34)
        self._plot = plot
        self._curves = {slot: plot.plot() for slot in SLOTS}
        self.legend = _legend()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 2, 14, 6)
        layout.addWidget(plot, 1)
        self._colour()
        self.refresh()

    def _colour(self) -> None:
        colours = theme.colours()
        self._plot.setBackground(colours.card)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setTextPen(colours.quiet)
            axis.setPen(colours.line)
        for slot, curve in self._curves.items():
            curve.setPen(pg.mkPen(colours.of_slot(slot), width=1.6))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour()

    def sizeHint(self) -> QSize:
        return QSize(400, theme.FIGURES_HEIGHT)

    def add(self, answer: Answer) -> None:
        """Remember the times of one answer."""
        now_s = self._clock()
        for slot, prediction in answer.predictions.items():
            self._points[slot].append((now_s, prediction.latency_ms))

    def clear(self) -> None:
        """Forget everything, for another source."""
        for points in self._points.values():
            points.clear()
        self.refresh()

    def refresh(self) -> None:
        """Draw what is remembered."""
        now_s = self._clock()
        highest_ms = 0.0
        ages_s = [now_s - points[0][0] for points in self._points.values() if points]
        oldest_s = max(ages_s, default=0.0)
        window_s = next((w for w in _WINDOWS_S if oldest_s <= w), _WINDOWS_S[-1])
        self._show_window(window_s)
        for slot, points in self._points.items():
            series = np.array(points, np.float64).reshape(-1, 2)
            series = break_at_gaps(series)
            series[:, 0] -= now_s
            series = series[series[:, 0] >= -window_s]
            self._curves[slot].setData(series[:, 0], series[:, 1], connect="finite")
            if len(series):
                # One outlier must not flatten everything else.
                highest_ms = max(highest_ms, float(np.nanpercentile(series[:, 1], 99)))
        highest_ms = nice_ceiling(1.15 * highest_ms) if highest_ms else _EMPTY_SCALE_MS
        self._plot.setYRange(0, highest_ms, padding=0)

    def _show_window(self, seconds: int) -> None:
        # The margin leaves room for half of the first and the last label.
        self._plot.setXRange(-seconds, 0, padding=0.04)
        times = range(-seconds, 1, max(1, seconds // 5))
        self._plot.getAxis("bottom").setTicks([[(s, f"{s} s" if s else "now") for s in times]])


def _legend() -> QWidget:
    legend = QWidget()
    row = QHBoxLayout(legend)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(14)
    for slot in SLOTS:
        entry = label(f"━ {slot.upper()}", "quiet")
        set_tone(entry, slot)
        row.addWidget(entry)
    return legend


def break_at_gaps(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """N×2 of (time, value) with a NaN value in each gap, so that no line bridges a pause."""
    after = np.flatnonzero(np.diff(series[:, 0]) > _GAP_S) + 1
    breaks = np.column_stack([series[after, 0], np.full(len(after), np.nan)])
    return np.insert(series, after, breaks, axis=0)


def nice_ceiling(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 6, 8, 10, 15, … so that the scale does not tremble."""
    decade = 10.0 ** np.floor(np.log10(value))
    return float(
        next(step * decade for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if value <= step * decade)
    )
