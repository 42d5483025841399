"""A confusion matrix that a reader can hover over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from training.report.charts.drawing import svg, text

_CELL, _NAMES, _HEADS = 20.0, 190.0, 150.0


def confusion(
    counts: Sequence[Sequence[int]], titles: Sequence[str], describe: Callable[[int, int], str]
) -> str:
    """Shares of each true class; rows: truth, columns: answer; hovering describes a cell."""
    side = _CELL * len(titles)
    parts = [
        f'<rect x="{_NAMES}" y="{_HEADS}" width="{side}" height="{side}" fill="var(--raised)"/>'
    ]
    for number, title in enumerate(titles):
        middle = (number + 0.5) * _CELL + 4
        parts.append(text(_NAMES - 8, _HEADS + middle, title, "end", more='font-size="11"'))
        parts.append(
            f'<text transform="translate({_NAMES + middle:.1f} {_HEADS - 8:.1f}) rotate(-60)" '
            f'font-size="11" fill="var(--text)">{escape(title)}</text>'
        )
    for row, values in enumerate(counts):
        for column, value in enumerate(values):
            if value:
                share = value / sum(values)
                parts.append(_cell(row, column, share, describe(row, column)))
    # Slanted names reach out to the right.
    return svg(_NAMES + side + 100, _HEADS + side + 8, parts, "Confusion matrix")


def _cell(row: int, column: int, share: float, words: str) -> str:
    x, y = _NAMES + column * _CELL, _HEADS + row * _CELL
    number = ""
    if share >= 0.05:
        ink = "card" if share > 0.5 else "text"
        number = text(x + _CELL / 2, y + 14, f"{share * 100:.0f}", "middle", ink, 'font-size="9.5"')
    return (
        f'<g><title>{escape(words)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{_CELL}" '
        f'height="{_CELL}" fill="var(--cell)" fill-opacity="{0.1 + 0.9 * share**0.8:.2f}"/>'
        f"{number}</g>"
    )
