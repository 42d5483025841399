"""Estimates with their intervals, one below the other, each against the bound it has to reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.report.charts.drawing import BOLD, line, signed, svg, text, ticks

_WIDTH, _LEFT, _ROW, _TOP = 1020.0, 372.0, 38.0, 12.0


@dataclass(frozen=True, slots=True)
class Bar:
    """An estimate; its interval and its bound are None where there is none."""

    label: str
    estimate: float
    low: float | None
    high: float | None
    bound: float | None
    tone: str


def forest(bars: Sequence[Bar], unit: str) -> str:
    """All bars on one scale that includes zero."""
    right, bottom = _WIDTH - 90, _TOP + _ROW * len(bars)
    reach = [0.0]
    for bar in bars:
        reach += [v for v in (bar.estimate, bar.low, bar.high, bar.bound) if v is not None]
    room = max(max(reach) - min(reach), 1.0) * 0.06
    low, high = min(reach) - room, max(reach) + room

    def x_of(value: float) -> float:
        return _LEFT + (right - _LEFT) * (value - low) / (high - low)

    parts = []
    for value in ticks(low, high, 8):
        x, colour = x_of(value), "quiet" if value == 0 else "line"
        whole = value == int(value)
        parts.append(line(x, _TOP, x, bottom, colour))
        parts.append(text(x, bottom + 18, signed(value, 0 if whole else 1), "middle", "quiet"))
    for number, bar in enumerate(bars):
        y = _TOP + _ROW * (number + 0.5)
        parts.append(text(_LEFT - 16, y + 4, bar.label, "end"))
        if bar.bound is not None:
            x = x_of(bar.bound)
            parts.append(line(x, y - 13, x, y + 13, "text", 'stroke-width="2"'))
        if bar.low is not None and bar.high is not None:
            look = 'stroke-width="5" stroke-opacity="0.45" stroke-linecap="round"'
            parts.append(line(x_of(bar.low), y, x_of(bar.high), y, bar.tone, look))
        parts.append(
            f'<circle cx="{x_of(bar.estimate):.1f}" cy="{y:.1f}" r="5.5" fill="var(--{bar.tone})"/>'
        )
        parts.append(text(_WIDTH, y + 4, signed(bar.estimate), "end", bar.tone, BOLD))
    parts.append(text((_LEFT + right) / 2, bottom + 38, unit, "middle", "quiet"))
    return svg(_WIDTH, bottom + 48, parts, "Claims and their intervals")
