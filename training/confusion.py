"""Which class is taken for which: the confusion matrix as numbers, as CSV and as a picture.

Legend: K classes.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.activities import title_of
from core.files import replacing
from training.svg import write_png

_CELL = 24
_LABELS_WIDTH = 210
_HEADING_HEIGHT = 58
_MARGIN = 16


def confusion_matrix(
    targets: NDArray[np.intp], answers: NDArray[np.intp], classes: int
) -> NDArray[np.int64]:
    """K×K counts; row: the truth, column: the answer."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (targets, answers), 1)
    return matrix


def write_confusion_csv(matrix: NDArray[np.int64], labels: Sequence[str], path: Path) -> None:
    """One row for each true class, one column for each answer."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["truth \\ answer", *labels])
        for label, row in zip(labels, matrix.tolist(), strict=True):
            writer.writerow([label, *row])


def write_confusion(
    targets: NDArray[np.intp],
    answers: NDArray[np.intp],
    labels: Sequence[str],
    stem: Path,
    where: str,
) -> tuple[Path, Path]:
    """Write `<stem>_confusion.csv` and `.png`; `where` says on which clips."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    matrix = confusion_matrix(targets, answers, len(labels))
    table, picture = (stem.with_name(f"{stem.name}_confusion{end}") for end in (".csv", ".png"))
    write_confusion_csv(matrix, labels, table)
    # Twice as large, for print.
    write_png(confusion_svg(matrix, labels, f"{stem.name}, {where}"), picture, scale=2)
    return table, picture


def confusion_svg(matrix: NDArray[np.int64], labels: Sequence[str], title: str) -> str:
    """Shares of each true class as a map of blue squares; classes without clips stay empty."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    side = _CELL * len(labels)
    left, top = _MARGIN + _LABELS_WIDTH, _HEADING_HEIGHT + _LABELS_WIDTH
    width, height = left + side + _MARGIN, top + side + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_MARGIN}" y="30" font-size="18" font-weight="bold">{escape(title)}</text>',
        f'<text x="{_MARGIN}" y="50" fill="#555555">rows: truth; columns: answer; '
        "numbers: share of the row in percent</text>",
    ]
    for index, label in enumerate(labels):
        middle = index * _CELL + _CELL / 2
        name = escape(title_of(label))
        parts.append(
            f'<text x="{left - 8}" y="{top + middle + 4}" text-anchor="end">{name}</text>'
            f'<text transform="translate({left + middle + 4} {top - 8}) rotate(-90)">{name}</text>'
        )
    for row, column in zip(*np.nonzero(matrix), strict=True):
        share = float(shares[row, column])
        x, y = left + int(column) * _CELL, top + int(row) * _CELL
        ink = "#ffffff" if share > 0.5 else "#222222"
        parts.append(
            f'<rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{_blue(share)}"/>'
        )
        if share >= 0.05:
            parts.append(
                f'<text x="{x + _CELL / 2}" y="{y + _CELL / 2 + 4}" font-size="10" '
                f'text-anchor="middle" fill="{ink}">{share * 100:.0f}</text>'
            )
    parts.append(
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="#888888"/>'
    )
    for line in range(1, len(labels)):
        at = line * _CELL
        parts.append(
            f'<path d="M{left} {top + at}h{side}M{left + at} {top}v{side}" '
            'stroke="#e6e6e6" stroke-width="0.5"/>'
        )
    parts.append("</svg>")
    return "\n".join(parts)


def _blue(share: float) -> str:
    """White at 0 to dark blue at 1."""
    light, dark = np.array([238, 244, 252]), np.array([16, 66, 134])
    red, green, blue = (light + (dark - light) * share**0.7).round().astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"
