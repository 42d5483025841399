"""Pieces of a drawing; colours are the CSS variables of `training.report.palette`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from training.report.palette import variables

_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
BOLD = 'font-weight="600"'


def svg(width: float, height: float, parts: Iterable[str], label: str) -> str:
    """A drawing that scales with the page and also stands alone as a file."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" aria-label="{escape(label)}" '
        f'font-family="{_FONT}" font-size="13">{"".join(parts)}</svg>'
    )


def standalone(drawing: str) -> str:
    """The same drawing with its own colours and ground, for a file of its own."""
    style = f"<style>{variables('svg')}svg{{background:var(--card)}}</style>"
    head, rest = drawing.split(">", 1)
    return f"{head}>{style}{rest}\n"


def text(
    x: float, y: float, words: str, anchor: str = "start", fill: str = "text", more: str = ""
) -> str:
    """One line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--{fill})" {more}>'
        f"{escape(words)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, colour: str = "line", more: str = "") -> str:
    """A straight stroke."""
    return (
        f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="var(--{colour})" '
        f'fill="none" {more}/>'
    )


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign, a true minus; nothing before zero."""
    rounded = round(value, digits)
    if rounded == 0:
        return f"{0:.{digits}f}"
    return f"{'+' if rounded > 0 else '−'}{abs(rounded):.{digits}f}"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(step * number, 10) for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from `low` to `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    return [value for value in found if low <= value <= high]
