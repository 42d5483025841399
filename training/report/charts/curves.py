"""Shares over epochs, one panel for each method, all on the same scale upwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.report.charts.drawing import BOLD, line, svg, text, ticks

_COLUMNS, _WIDTH, _HEIGHT, _GAP = 3, 326.0, 220.0, 21.0


@dataclass(frozen=True, slots=True)
class Line:
    """Points (epoch, share 0 to 1); dashed ones stand in the background."""

    points: tuple[tuple[float, float], ...]
    dashed: bool = False


def curves(panels: Mapping[str, tuple[str, Sequence[Line]]]) -> str:
    """One panel for each colour variable: its title and its lines."""
    parts: list[str] = []
    for number, (key, (title, lines)) in enumerate(panels.items()):
        x = number % _COLUMNS * (_WIDTH + _GAP)
        y = number // _COLUMNS * (_HEIGHT + _GAP)
        parts += _panel(x, y, key, title, lines)
    rows, used = -(-len(panels) // _COLUMNS), min(_COLUMNS, len(panels))
    size = (used * (_WIDTH + _GAP) - _GAP, rows * (_HEIGHT + _GAP) - _GAP)
    return svg(*size, parts, "Learning curves")


def _panel(x: float, y: float, key: str, title: str, lines: Sequence[Line]) -> list[str]:
    left, right, top, bottom = x + 34, x + _WIDTH - 8, y + 30, y + _HEIGHT - 24
    last = max((point[0] for each in lines for point in each.points), default=1.0)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return left + (right - left) * point[0] / last, bottom - (bottom - top) * point[1]

    parts = [text(left, y + 16, title, more=BOLD)]
    for percent in (0, 25, 50, 75, 100):
        level = bottom - (bottom - top) * percent / 100
        parts.append(line(left, level, right, level))
        parts.append(text(left - 6, level + 4, str(percent), "end", "quiet"))
    for epoch in ticks(0, last, 4):
        if epoch == int(epoch):
            parts.append(text(place((epoch, 0))[0], bottom + 17, f"{epoch:g}", "middle", "quiet"))
    drawn = [each for each in lines if each.points]
    if not drawn:
        middle = ((left + right) / 2, (top + bottom) / 2)
        return [*parts, text(*middle, "not trained yet", "middle", "quiet")]
    for each in sorted(drawn, key=lambda one: not one.dashed):
        points = [place(point) for point in each.points]
        path = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
        look = 'stroke-dasharray="3 4" stroke-opacity="0.6"' if each.dashed else ""
        parts.append(
            f'<path d="M{path}" fill="none" stroke="var(--{key})" stroke-linejoin="round" '
            f'stroke-width="{1.3 if each.dashed else 2}" {look}/>'
        )
        if not each.dashed and len(points) == 1:
            parts.append(
                f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3" '
                f'fill="var(--{key})"/>'
            )
    return parts
