"""The paper's Figure 3 with this machine's numbers: latency, accuracy, and file size as bubbles."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from app.application import make_application
from app.bench.labels import GAP, Bubble, figures_font, leader_of, name_font, place_labels
from app.bench.setting import accuracy, load_models
from app.commands.bench import Bench
from app.png import write_png
from app.ratios import counted
from app.theme import DARK, font
from core.errors import InCabError

_SIZE = (1280, 800)
_AREA = QRectF(104, 128, 1136, 574)
_TITLE_PX, _AXIS_PX = 25, 17
# Less than this between the axis's ends would make differences of a few clips look large.
_LEAST_SPAN_POINTS = 8.0
_LARGEST_RADIUS, _RADIUS_OF_1_MB, _SMALLEST_RADIUS = 84.0, 19.0, 5.0
_MARGIN = 36.0
_COLOURS = {"int8": DARK.int8, "fp32": DARK.fp32, "teacher": DARK.accent}


class _Axis:
    """Maps values, or their logarithms, to pixels."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self._low, self._start = low, start
        self._scale = (stop - start) / (high - low)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) * self._scale

    def value(self, pixel: float) -> float:
        return self._low + (pixel - self._start) / self._scale


def check_plot(path: Path, options: Bench) -> None:
    """Say before the work what would spoil the plot at its end.

    Raises:
        InCabError: the name does not fit, or no model file names its accuracy.
    """
    if path.suffix.lower() != ".png":
        raise InCabError(f"--plot {path} must end in .png.")
    if not path.parent.is_dir():
        raise InCabError(f"There is no folder {path.parent} for --plot; make it first.")
    if path.is_dir():
        raise InCabError(f"--plot {path} is a folder; name a file.")
    if all(accuracy(model) is None for model in load_models(options).values()):
        raise InCabError(
            "There is nothing to plot: no model file names its accuracy; leave --plot out, or use "
            "models that incab-train evaluated."
        )


def draw_plot(report: dict[str, Any], path: Path) -> None:
    """Write the report's rows whose model file names its accuracy to `path` as PNG.

    Raises:
        InCabError: no such row was timed, or the file cannot be written.
    """
    rows = [row for row in report["rows"] if row["accuracy"] is not None]
    if not rows:
        raise InCabError(f"No model that names its accuracy was timed, so {path} was not drawn.")
    # Drawing text needs an application, but no screen.
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    make_application()
    image = QImage(*_SIZE, QImage.Format.Format_RGB32)
    image.fill(QColor(DARK.window))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    try:
        _draw(painter, report, rows)
    finally:
        painter.end()
    write_png(image, path)


def _draw(painter: QPainter, report: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    largest_mb = max(row["file_mb"] for row in rows)
    of_1_mb = min(_RADIUS_OF_1_MB, _LARGEST_RADIUS / math.sqrt(largest_mb))
    radii = [max(_SMALLEST_RADIUS, of_1_mb * math.sqrt(row["file_mb"])) for row in rows]
    x, y = _axes(rows, max(radii))
    bubbles = [
        Bubble(
            row,
            QPointF(x(math.log10(row["latency_ms"]["p50"])), y(100 * row["accuracy"])),
            radius,
        )
        for row, radius in zip(rows, radii, strict=True)
    ]
    _draw_titles(painter, report)
    _draw_grid(painter, x, y)
    # Large ones first: a small one must not vanish behind them.
    for bubble in sorted(bubbles, key=lambda bubble: -bubble.radius):
        _draw_bubble(painter, bubble)
    for bubble, box in zip(bubbles, place_labels(bubbles, _AREA), strict=True):
        _draw_label(painter, bubble, box)


def _axes(rows: Sequence[dict[str, Any]], radius: float) -> tuple[_Axis, _Axis]:
    times = [math.log10(row["latency_ms"]["p50"]) for row in rows]
    points = [100 * row["accuracy"] for row in rows]
    middle = (min(points) + max(points)) / 2
    span = max(max(points) - min(points), _LEAST_SPAN_POINTS)
    low, high = min(times), max(times)
    if high - low < 0.3:
        low, high = low - 0.15, high + 0.15
    # Names are wider than circles, so that the outermost ones need room as well.
    side, above = max(radius, 110.0) + GAP, radius + _MARGIN
    return (
        _Axis(low, high, _AREA.left() + side, _AREA.right() - side),
        _Axis(middle - span / 2, middle + span / 2, _AREA.bottom() - above, _AREA.top() + above),
    )


def _draw_titles(painter: QPainter, report: dict[str, Any]) -> None:
    cpu = report["cpu"]
    isa = f", {cpu['isa']}" if cpu["isa"] else ""
    threads = counted(cpu["threads"], "thread")
    _text(painter, font(_TITLE_PX, bold=True), DARK.text, (40, 50), "Latency against accuracy")
    _text(
        painter,
        font(_AXIS_PX),
        DARK.quiet,
        (40, 80),
        f"{cpu['name']}{isa}, {threads} · one clip, median of {report['runs']} runs",
    )
    _text(
        painter,
        font(_AXIS_PX),
        DARK.quiet,
        (40, 104),
        "The area of a circle is the size of the model file. Better is up and to the left.",
    )
    _text(
        painter,
        font(_AXIS_PX),
        DARK.text,
        (_AREA.center().x(), _SIZE[1] - 30),
        "latency of one clip, p50 [ms], logarithmic",
        centred=True,
    )
    painter.save()
    painter.translate(36, _AREA.center().y())
    painter.rotate(-90)
    label = "mean per-class accuracy, test set [%]"
    _text(painter, font(_AXIS_PX), DARK.text, (0, 0), label, centred=True)
    painter.restore()


def _draw_grid(painter: QPainter, x: _Axis, y: _Axis) -> None:
    painter.fillRect(_AREA, QColor(DARK.card))
    low, high = 10 ** x.value(_AREA.left()), 10 ** x.value(_AREA.right())
    ticks = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]
    for value in (tick for tick in ticks if low <= tick <= high):
        at = x(math.log10(value))
        _grid_line(painter, QLineF(at, _AREA.top(), at, _AREA.bottom()))
        where = (at, _AREA.bottom() + 26)
        _text(painter, figures_font(), DARK.quiet, where, f"{value:g}", centred=True)
    bottom, top = y.value(_AREA.bottom()), y.value(_AREA.top())
    step = next(step for step in (1, 2, 5, 10, 20) if (top - bottom) / step <= 10 or step == 20)
    for value in range(0, 101, step):
        if bottom <= value <= top:
            at = y(value)
            _grid_line(painter, QLineF(_AREA.left(), at, _AREA.right(), at))
            width = QFontMetricsF(figures_font()).horizontalAdvance(f"{value}")
            where = (_AREA.left() - 12 - width, at + 5)
            _text(painter, figures_font(), DARK.quiet, where, f"{value}")
    painter.setPen(QPen(QColor(DARK.line), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(_AREA)


def _grid_line(painter: QPainter, line: QLineF) -> None:
    painter.setPen(QPen(QColor(DARK.line), 1))
    painter.drawLine(line)


def _draw_bubble(painter: QPainter, bubble: Bubble) -> None:
    colour = QColor(_COLOURS[bubble.row["model"]])
    fill = QColor(colour)
    fill.setAlpha(40 if bubble.row["historical"] else 130)
    pen = QPen(colour, 2)
    if bubble.row["historical"]:
        pen.setStyle(Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.setBrush(fill)
    painter.drawEllipse(bubble.centre, bubble.radius, bubble.radius)


def _draw_label(painter: QPainter, bubble: Bubble, box: QRectF) -> None:
    leader = leader_of(bubble, box)
    if leader.length() > GAP:
        painter.setPen(QPen(QColor(DARK.quiet), 1))
        painter.drawLine(leader)
    name, figures = bubble.lines
    x, top = box.center().x(), box.top()
    colour = _COLOURS[bubble.row["model"]]
    _text(painter, name_font(), colour, (x, top + 18), name, centred=True)
    _text(painter, figures_font(), DARK.text, (x, top + 39), figures, centred=True)


def _text(
    painter: QPainter,
    chosen: QFont,
    colour: str,
    where: tuple[float, float],
    text: str,
    *,
    centred: bool = False,
) -> None:
    painter.setFont(chosen)
    painter.setPen(QColor(colour))
    x, y = where
    if centred:
        x -= QFontMetricsF(chosen).horizontalAdvance(text) / 2
    painter.drawText(QPointF(x, y), text)
