"""Bubbles of the plot, and where their labels stand so that none covers another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QLineF, QPointF, QRectF
from PySide6.QtGui import QFont, QFontMetricsF

from app.theme import font

GAP = 10.0
_NAME_PX, _FIGURES_PX = 17, 15


@dataclass(frozen=True, slots=True)
class Bubble:
    """One row of the report in the plot; `centre` and `radius` in pixels."""

    row: dict[str, Any]
    centre: QPointF
    radius: float

    @property
    def box(self) -> QRectF:
        """The square around the circle."""
        r = self.radius
        return QRectF(self.centre.x() - r, self.centre.y() - r, 2 * r, 2 * r)

    @property
    def lines(self) -> tuple[str, str]:
        """What the label says: which model and engine, and its figures."""
        row = self.row
        p50 = row["latency_ms"]["p50"]
        name = f"{row['model']} · {row['engine']}" + (" (historical)" if row["historical"] else "")
        time = f"{p50:.1f} ms" if p50 < 100 else f"{p50:.0f} ms"
        return name, f"{time} · {row['accuracy']:.1%} · {row['file_mb']:.2f} MB"


def name_font() -> QFont:
    """For the first line of a label."""
    return font(_NAME_PX, bold=True)


def figures_font() -> QFont:
    """For the second line of a label, and for the axes."""
    return font(_FIGURES_PX)


def _label_size(bubble: Bubble) -> tuple[float, float]:
    name, figures = bubble.lines
    width = max(
        QFontMetricsF(name_font()).horizontalAdvance(name),
        QFontMetricsF(figures_font()).horizontalAdvance(figures),
    )
    return width, 46.0


def leader_of(bubble: Bubble, box: QRectF) -> QLineF:
    """From the circle's rim to the nearest point of its label."""
    nearest = QPointF(
        min(max(bubble.centre.x(), box.left()), box.right()),
        min(max(bubble.centre.y(), box.top()), box.bottom()),
    )
    line = QLineF(bubble.centre, nearest)
    if line.length() <= bubble.radius:
        return QLineF(nearest, nearest)
    return QLineF(line.pointAt(bubble.radius / line.length()), nearest)


def place_labels(bubbles: Sequence[Bubble], area: QRectF) -> list[QRectF]:
    """A box for each bubble's label: near it, inside the plot, and clear of everything else.

    Greedy, from the left: of the places that cover least, the one whose line to the bubble crosses
    least, and of those the nearest, above before below.
    """
    placed: dict[int, QRectF] = {}
    leaders: list[QLineF] = []
    within = area.adjusted(GAP, GAP, -GAP, -GAP)
    for index in sorted(range(len(bubbles)), key=lambda index: bubbles[index].centre.x()):
        bubble = bubbles[index]
        taken = [other.box for other in bubbles] + [
            box.adjusted(-GAP, -2, GAP, 2) for box in placed.values()
        ]

        def cost(
            box: QRectF, bubble: Bubble = bubble, taken: list[QRectF] = taken
        ) -> tuple[float, int, float]:
            leader = leader_of(bubble, box)
            crossed = sum(_crosses(leader, other) for other in placed.values())
            crossed += sum(_crosses(other, box) for other in leaders)
            covered = sum(_area(box.intersected(other)) for other in taken)
            return covered, crossed, leader.length()

        inside = [box for box in _places(bubble) if within.contains(box)]
        placed[index] = min(inside or list(_places(bubble)), key=cost)
        leaders.append(leader_of(bubble, placed[index]))
    return [placed[index] for index in range(len(bubbles))]


def _places(bubble: Bubble) -> Iterator[QRectF]:
    width, height = _label_size(bubble)
    for away in (4, 30, 60, 95, 130, 170, 210):
        for side in (0.0, -0.6, 0.6, -1.0, 1.0, -1.5, 1.5):
            left = bubble.centre.x() - width / 2 + side * width / 2
            yield QRectF(left, bubble.centre.y() - bubble.radius - away - height, width, height)
            yield QRectF(left, bubble.centre.y() + bubble.radius + away, width, height)


def _crosses(line: QLineF, box: QRectF) -> bool:
    diagonals = (
        QLineF(box.topLeft(), box.bottomRight()),
        QLineF(box.topRight(), box.bottomLeft()),
    )
    bounded = QLineF.IntersectionType.BoundedIntersection
    return any(line.intersects(diagonal)[0] == bounded for diagonal in diagonals)


def _area(box: QRectF) -> float:
    return 0.0 if box.isEmpty() else box.width() * box.height()
