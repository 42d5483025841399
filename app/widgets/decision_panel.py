"""How steady a label is: four values, and what they would have made of the last minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app import theme
from app.timeline_levels import Row
from app.widgets import timeline_paint as paint
from app.widgets.controls import Button, label
from core.decisions import DecisionSettings

_STEPS = 100


@dataclass(frozen=True, slots=True)
class _Knob:
    """One value of DecisionSettings: how it is shown, and how large it can be."""

    field: str
    title: str
    unit: str
    largest: float
    per_unit: float
    explanation: str


_KNOBS = (
    _Knob(
        "smoothing_s",
        "Smoothing",
        " s",
        3.0,
        1.0,
        "Probabilities are averaged over about this time before anything is decided.",
    ),
    _Knob(
        "enter_threshold",
        "Enter above",
        " %",
        100.0,
        100.0,
        "An activity needs this mean probability to become the label.",
    ),
    _Knob(
        "leave_threshold",
        "Uncertain below",
        " %",
        100.0,
        100.0,
        "Below this mean probability the label is given up: 'uncertain', never a guess. "
        "The temperature in the model file calibrates the probabilities.",
    ),
    _Knob(
        "dwell_s",
        "Dwell",
        " s",
        5.0,
        1.0,
        "A label stays at least this long before another one replaces it.",
    ),
)


class DecisionPanel(QWidget):
    """Changes take effect at once; the strips show the last minute as it was and as it would be."""

    changed = Signal(object)  # DecisionSettings

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Decisions")
        self.setMinimumWidth(320)
        self._settings = DecisionSettings()
        self.spins: dict[str, QDoubleSpinBox] = {}
        self.sliders: dict[str, QSlider] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(8)
        for row, knob in enumerate(_KNOBS):
            self._add(grid, row, knob)
        self.reset = QAction("Defaults", self)
        self.reset.setToolTip("Back to the values InCab comes with")
        self.reset.triggered.connect(lambda: self._take(DecisionSettings()))
        self.preview = Preview()
        self.summary = label("", "quiet", name="What these values make of the last minute")
        self.summary.setWordWrap(True)
        foot = QHBoxLayout()
        foot.addWidget(label("Last minute of INT8", "quiet"))
        foot.addStretch()
        foot.addWidget(Button(self.reset, text=True, role="secondary-small"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 8, 14, 12)
        layout.setSpacing(10)
        layout.addLayout(grid)
        layout.addLayout(foot)
        layout.addWidget(self.preview)
        layout.addWidget(self.summary)
        layout.addStretch()
        self.show_settings(self._settings)
        self.show_preview(None, None, None)

    def sizeHint(self) -> QSize:
        return QSize(330, 300)

    def _add(self, grid: QGridLayout, row: int, knob: _Knob) -> None:
        title = label(knob.title)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, _STEPS)
        slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        slider.setAccessibleName(knob.title)
        spin = QDoubleSpinBox()
        spin.setDecimals(0 if knob.unit == " %" else 2)
        spin.setSingleStep(knob.largest / _STEPS)
        spin.setRange(0, knob.largest)
        spin.setSuffix(knob.unit)
        spin.setAccessibleName(f"{knob.title},{knob.unit}")
        spin.setKeyboardTracking(False)
        for part in (title, slider, spin):
            part.setToolTip(knob.explanation)
        slider.valueChanged.connect(self._moved(knob, knob.largest / _STEPS))
        spin.valueChanged.connect(self._moved(knob, 1.0))
        grid.addWidget(title, row, 0)
        grid.addWidget(slider, row, 1)
        grid.addWidget(spin, row, 2)
        self.spins[knob.field], self.sliders[knob.field] = spin, slider

    def _moved(self, knob: _Knob, scale: float) -> Callable[[float], None]:
        def take(value: float) -> None:
            made = value * scale / knob.per_unit
            others = {}
            # The threshold to leave never lies above the one to enter: it is pushed along.
            if knob.field == "enter_threshold":
                others["leave_threshold"] = min(self._settings.leave_threshold, made)
            if knob.field == "leave_threshold":
                others["enter_threshold"] = max(self._settings.enter_threshold, made)
            self._take(replace(self._settings, **{knob.field: made}, **others))

        return take

    def _take(self, settings: DecisionSettings) -> None:
        if settings != self._settings:
            self.show_settings(settings)
            self.changed.emit(settings)

    def show_settings(self, settings: DecisionSettings) -> None:
        """Show these values without saying that they changed."""
        self._settings = settings
        for knob in _KNOBS:
            value = getattr(settings, knob.field) * knob.per_unit
            spin, slider = self.spins[knob.field], self.sliders[knob.field]
            with QSignalBlocker(spin), QSignalBlocker(slider):
                spin.setValue(value)
                slider.setValue(round(value / knob.largest * _STEPS))

    def show_preview(
        self, palette: paint.Palette | None, raw: Row | None, steady: Row | None
    ) -> None:
        """Show the last minute: each clip's most probable class, and the label made of it."""
        self.preview.show_rows(palette, raw, steady)
        if raw is None or steady is None:
            self.summary.setText("Play something: what these values make of it is shown here.")
            return
        known = steady[raw >= 0]
        uncertain = float(np.mean(known < 0)) if len(known) else 0.0
        self.summary.setText(
            f"{_changes(raw)} changes in the raw output, {_changes(steady)} in the label; "
            f"uncertain for {uncertain * 100:.0f} % of the time."
        )


class Preview(QWidget):
    """Two strips: raw output above, steady label below."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Preview of the label")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._palette: paint.Palette | None = None
        self._rows: tuple[Row | None, Row | None] = (None, None)

    def sizeHint(self) -> QSize:
        return QSize(280, 46)

    def show_rows(self, palette: paint.Palette | None, raw: Row | None, steady: Row | None) -> None:
        """Paint these rows, each over the whole width."""
        self._palette, self._rows = palette, (raw, steady)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.font(theme.SMALL_PX))
        height = (self.height() - 4) // 2
        for position, (name, row) in enumerate(zip(("raw", "label"), self._rows, strict=True)):
            top = position * (height + 4)
            painter.setPen(QColor(theme.colours().quiet))
            painter.drawText(0, top + (height + painter.fontMetrics().ascent()) // 2 - 1, name)
            area = self.rect().adjusted(44, 0, 0, 0)
            area.setTop(top)
            area.setHeight(height)
            columns = None
            if row is not None and len(row) and area.width() > 0:
                columns = row[np.linspace(0, len(row) - 1, area.width()).astype(np.intp)]
            paint.paint_strip(painter, area, columns, self._palette)


def _changes(row: Row) -> int:
    known = row[row >= 0]
    return int(np.count_nonzero(np.diff(known)))
