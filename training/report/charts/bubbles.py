"""Figure 3: accuracy over the time of one clip, the area of a circle is the size of the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.report.charts.drawing import BOLD, line, log_ticks, svg, text, ticks

_WIDTH, _HEIGHT, _GAP = 500.0, 400.0, 20.0
_RADIUS_OF_1_MB, _SMALLEST_RADIUS = 6.0, 4.0
_LETTER_PX, _CAPITAL_PX, _LINE_PX = 7.6, 10.5, 16.0
# How far a label may move away from its circle.
_FARTHEST_PX = 160
_DIRECTIONS = 16
# How closely the line to a label is looked along.
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Bubble:
    """One method: what it is called, its colour's variable, and its figures."""

    name: str
    key: str
    time_ms: float
    accuracy: float
    file_mb: float


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float
    anchor: str = "start"

    @property
    def anchored_x(self) -> float:
        """Where a text of this anchor begins, has its middle or ends."""
        middle = (self.left + self.right) / 2
        return {"start": self.left, "middle": middle, "end": self.right}[self.anchor]

    def meets(self, other: _Box) -> bool:
        return not (
            self.right <= other.left
            or other.right <= self.left
            or self.bottom <= other.top
            or other.bottom <= self.top
        )

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def lies_in(self, other: _Box) -> bool:
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


@dataclass(frozen=True, slots=True)
class _Circle:
    x: float
    y: float
    radius: float

    @property
    def box(self) -> _Box:
        return _Box(
            self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius
        )

    def gap_to(self, box: _Box) -> float:
        """How far its edge is from a name."""
        across = self.x - min(max(self.x, box.left), box.right)
        down = self.y - min(max(self.y, box.top), box.bottom)
        return math.hypot(across, down) - self.radius

    def leader_to(self, box: _Box) -> tuple[float, float, float, float] | None:
        """The line from its edge to a name: x and y of both ends; None where that stands close."""
        end_x = min(max(self.x, box.left - 3), box.right + 3)
        end_y = min(max(self.y, box.top + 2), box.bottom - 2)
        distance = math.hypot(end_x - self.x, end_y - self.y)
        if distance <= self.radius + 10:
            return None
        start = self.radius / distance
        return (
            self.x + (end_x - self.x) * start,
            self.y + (end_y - self.y) * start,
            end_x,
            end_y,
        )

    def way_to(self, box: _Box) -> list[tuple[float, float]]:
        """Points of that line; none where there is no line."""
        if (leader := self.leader_to(box)) is None:
            return []
        from_x, from_y, to_x, to_y = leader
        shares = (step / _STEPS for step in range(_STEPS + 1))
        return [(from_x + (to_x - from_x) * at, from_y + (to_y - from_y) * at) for at in shares]


def figure_3(panels: Sequence[tuple[str, Sequence[Bubble]]]) -> str:
    """One panel for each title, side by side, each with its own scales."""
    parts: list[str] = []
    for number, (title, bubbles) in enumerate(panels):
        parts += _panel(number * (_WIDTH + _GAP), title, bubbles)
    total = len(panels) * (_WIDTH + _GAP) - _GAP
    return svg(total, _HEIGHT, parts, "Accuracy over time of one clip")


def _panel(offset: float, title: str, bubbles: Sequence[Bubble]) -> list[str]:
    area = _Box(offset + 48, 48, offset + _WIDTH - 12, _HEIGHT - 48)
    middle = (area.left + area.right) / 2
    parts = [text(area.left, 20, title, more=f'{BOLD} font-size="15"')]
    if not bubbles:
        return [*parts, text(middle, (area.top + area.bottom) / 2, "not measured", "middle")]
    times = [bubble.time_ms for bubble in bubbles]
    low_x, high_x = min(times) / 5, max(times) * 3
    values = [bubble.accuracy * 100 for bubble in bubbles]
    room = max(max(values) - min(values), 8) * 0.25
    low_y, high_y = max(min(values) - room, 0), min(max(values) + room, 105)

    def x_of(value: float) -> float:
        share = math.log(value / low_x) / math.log(high_x / low_x)
        return area.left + (area.right - area.left) * share

    def y_of(value: float) -> float:
        return area.bottom - (area.bottom - area.top) * (value - low_y) / (high_y - low_y)

    for value in log_ticks(low_x, high_x):
        x = x_of(value)
        parts.append(line(x, area.top, x, area.bottom))
        parts.append(text(x, area.bottom + 18, f"{value:g}", "middle", "quiet"))
    for value in ticks(low_y, min(high_y, 100)):
        y = y_of(value)
        parts.append(line(area.left, y, area.right, y))
        parts.append(text(area.left - 8, y + 4, f"{value:g}", "end", "quiet"))
    parts.append(text(area.left, area.top - 10, "mean per-class accuracy, test [%]", fill="quiet"))
    parts.append(text(middle, area.bottom + 38, "one clip [ms], logarithmic", "middle", "quiet"))
    circles = [
        _Circle(
            x_of(bubble.time_ms),
            y_of(bubble.accuracy * 100),
            max(_RADIUS_OF_1_MB * math.sqrt(bubble.file_mb), _SMALLEST_RADIUS),
        )
        for bubble in bubbles
    ]
    for bubble, circle in zip(bubbles, circles, strict=True):
        parts.append(
            f'<circle cx="{circle.x:.1f}" cy="{circle.y:.1f}" r="{circle.radius:.1f}" '
            f'fill="var(--{bubble.key})" fill-opacity="0.3" stroke="var(--{bubble.key})" '
            'stroke-width="1.5"/>'
        )
    boxes = _places([bubble.name for bubble in bubbles], circles, area)
    for bubble, circle, box in zip(bubbles, circles, boxes, strict=True):
        if leader := circle.leader_to(box):
            parts.append(line(*leader, bubble.key, 'stroke-width="1"'))
        at = (box.anchored_x, box.bottom - 4)
        parts.append(text(*at, bubble.name, box.anchor, bubble.key, BOLD))
    return parts


def _places(names: Sequence[str], circles: Sequence[_Circle], area: _Box) -> list[_Box]:
    """Room for each circle's name; one that finds none chooses before the others do."""
    order = list(range(len(names)))
    boxes: dict[int, _Box] = {}
    for _ in names:
        boxes.clear()
        crowded_out = []
        for index in order:
            others = [circle for circle in circles if circle is not circles[index]]
            free = _place(names[index], circles[index], area, others, [*boxes.values()])
            if free is None:
                crowded_out.append(index)
            boxes[index] = free or _beside(circles[index], _width(names[index]), 0, 0)
        if not crowded_out:
            break
        order.sort(key=lambda index: index not in crowded_out)
    return [boxes[index] for index in range(len(names))]


def _width(name: str) -> float:
    return sum(_CAPITAL_PX if letter.isupper() else _LETTER_PX for letter in name)


def _beside(circle: _Circle, width: float, away: float, angle: float) -> _Box:
    """A name's box `away` from a circle, at this angle from the right, clockwise."""
    across, down = math.cos(angle), math.sin(angle)
    x = circle.x + (circle.radius + 5 + away) * across
    y = circle.y + (circle.radius + 3 + away) * down
    # Level with the circle the box is centred on the point, above and below it stands on it.
    top = y - _LINE_PX / 2 * (1 - down)
    anchor = "middle" if abs(across) < 0.1 else "start" if across > 0 else "end"
    left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
    return _Box(left, top, left + width, top + _LINE_PX, anchor)


def _place(
    name: str, circle: _Circle, area: _Box, others: Sequence[_Circle], names: Sequence[_Box]
) -> _Box | None:
    """Room for a name beside its circle, the nearest that covers nothing else; None without.

    Nor does the line from the circle to it, which would seem to come from there; without a line no
    other circle is nearer.
    """
    taken = [*(other.box for other in others), *names]
    width = _width(name)
    boxes = [
        _beside(circle, width, away, math.tau * turn / _DIRECTIONS)
        for away in range(0, _FARTHEST_PX, 4)
        for turn in range(_DIRECTIONS)
    ]
    free = (
        box
        for box in boxes
        if box.lies_in(area)
        and not any(box.meets(other) for other in (*taken, circle.box))
        and not any(other.holds(*point) for point in circle.way_to(box) for other in taken)
        and (circle.leader_to(box) or _nearest(circle, others, box))
    )
    return next(free, None)


def _nearest(circle: _Circle, others: Sequence[_Circle], box: _Box) -> bool:
    return all(circle.gap_to(box) < other.gap_to(box) for other in others)
