"""Time of each clip in each model over the last minute."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app import theme
from app.messages import SLOTS, STUDENTS, Answer, Slot
from app.widgets.controls import label, set_tone
from app.widgets.timeline_paint import TITLES

# The axis grows with what there is to show, up to a minute.
_WINDOWS_S = (10, 20, 30, 60)
_EMPTY_SCALE_MS = 10.0
_SMALLEST_MS = 0.01
_AXIS_PX, _WIDE_AXIS_PX = 34, 44
_GAP_S = 0.5
# The teacher's answers are far apart where the CPU has other work.
_TEACHER_GAP_S = 5.0
# A minute at 60 clips a second.
_POINTS = 3600


class LatencyPlot(QFrame):
    """A line for each model, newest on the right; redrawn with the numbers.

    With a teacher, which takes twenty times as long, the times stand on a logarithmic axis.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Latency over time")
        self.setMinimumHeight(theme.FIGURES_HEIGHT)
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
        self._plot = plot
        self._curves = {slot: plot.plot() for slot in SLOTS}
        self._with_teacher = False
        self.legend, entries = _legend()
        self._teacher_entry = entries["teacher"]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 2, 14, 6)
        layout.addWidget(plot, 1)
        self._colour()
        self.show_teacher(False)

    def show_teacher(self, present: bool) -> None:
        """Whether there is a line for the teacher."""
        self._with_teacher = present
        self._plot.getAxis("left").setWidth(_WIDE_AXIS_PX if present else _AXIS_PX)
        self._points["teacher"].clear()
        self._teacher_entry.setVisible(present)
        self.refresh()

    def _colour(self) -> None:
        colours = theme.colours()
        self._plot.setBackground(colours.card)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setTextPen(colours.quiet)
            axis.setPen(colours.line)
        for slot, curve in self._curves.items():
            curve.setPen(pg.mkPen(colours.of(slot), width=1.6))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._colour()

    def sizeHint(self) -> QSize:
        return QSize(400, theme.FIGURES_HEIGHT)

    def add(self, answer: Answer) -> None:
        """Remember the times of one answer."""
        now_s = time.monotonic()
        for slot, prediction in answer.predictions.items():
            self._points[slot].append((now_s, prediction.latency_ms))

    def clear(self) -> None:
        """Forget everything, for another source."""
        for points in self._points.values():
            points.clear()
        self.refresh()

    def refresh(self) -> None:
        """Draw what is remembered."""
        now_s = time.monotonic()
        ranges_ms: list[tuple[float, float]] = []
        ages_s = [now_s - points[0][0] for points in self._points.values() if points]
        oldest_s = max(ages_s, default=0.0)
        window_s = next((w for w in _WINDOWS_S if oldest_s <= w), _WINDOWS_S[-1])
        self._show_window(window_s)
        for slot, points in self._points.items():
            series = np.array(points, np.float64).reshape(-1, 2)
            series = break_at_gaps(series, _GAP_S if slot in STUDENTS else _TEACHER_GAP_S)
            series[:, 0] -= now_s
            series = series[series[:, 0] >= -window_s]
            heights = series[:, 1]
            if self._with_teacher:
                heights = np.log10(np.maximum(heights, _SMALLEST_MS))
            self._curves[slot].setData(series[:, 0], heights, connect="finite")
            if len(series):
                # One outlier must not flatten everything else.
                low_ms, high_ms = np.nanpercentile(series[:, 1], (1, 99)).tolist()
                ranges_ms.append((low_ms, high_ms))
        highest_ms = max((high for _, high in ranges_ms), default=0.0)
        highest_ms = nice_ceiling(1.15 * highest_ms) if highest_ms else _EMPTY_SCALE_MS
        if self._with_teacher:
            self._show_decades(min((low for low, _ in ranges_ms), default=1.0), highest_ms)
        else:
            self._plot.getAxis("left").setTicks(None)
            self._plot.setYRange(0, highest_ms, padding=0)

    def _show_decades(self, lowest_ms: float, highest_ms: float) -> None:
        lowest = float(np.log10(max(lowest_ms, _SMALLEST_MS) / 1.5))
        highest = float(np.log10(highest_ms))
        decades = range(int(np.floor(lowest)), int(np.ceil(highest)) + 1)
        self._plot.getAxis("left").setTicks([[(d, f"{10.0**d:g}") for d in decades]])
        self._plot.setYRange(lowest, max(highest, lowest + 1), padding=0)

    def _show_window(self, seconds: int) -> None:
        # The margin leaves room for half of the first and the last label.
        self._plot.setXRange(-seconds, 0, padding=0.04)
        times = range(-seconds, 1, max(1, seconds // 5))
        self._plot.getAxis("bottom").setTicks([[(s, f"{s} s" if s else "now") for s in times]])


def _legend() -> tuple[QWidget, dict[Slot, QWidget]]:
    legend = QWidget()
    row = QHBoxLayout(legend)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(14)
    entries: dict[Slot, QWidget] = {}
    for slot in SLOTS:
        entry = entries[slot] = label(f"━ {TITLES[slot]}", "quiet")
        set_tone(entry, slot)
        row.addWidget(entry)
    return legend, entries


def break_at_gaps(series: NDArray[np.float64], gap_s: float = _GAP_S) -> NDArray[np.float64]:
    """N×2 of (time, value) with a NaN value in each gap, so that no line bridges a pause."""
    after = np.flatnonzero(np.diff(series[:, 0]) > gap_s) + 1
    breaks = np.column_stack([series[after, 0], np.full(len(after), np.nan)])
    return np.insert(series, after, breaks, axis=0)


def nice_ceiling(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 6, 8, 10, 15, … so that the scale does not tremble."""
    decade = 10.0 ** np.floor(np.log10(value))
    return float(
        next(step * decade for step in (1, 1.5, 2, 3, 4, 6, 8, 10) if value <= step * decade)
    )
