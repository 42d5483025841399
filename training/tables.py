"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from core.activities import title_of


def display_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Each path's file name, with as many parent folders as it takes to tell them apart."""
    distinct = dict.fromkeys(paths)
    names: dict[Path, str] = {}
    for count in range(1, max((len(path.parts) for path in distinct), default=0) + 1):
        names = {path: "/".join(path.parts[-count:]) for path in distinct}
        if len(set(names.values())) == len(names):
            break
    return names


def accuracy_table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """Models side by side: totals first, then each class; two with their difference in points."""
    table = Table(title="Accuracy on evaluation clips")
    table.add_column("")
    for name in results:
        table.add_column(name, justify="right")
    compared = len(results) == 2
    if compared:
        table.add_column("difference", justify="right")
    totals = (
        ("mean per class", "mean_per_class_accuracy"),
        ("top-1", "top1"),
        ("calibration error", "ece"),
    )
    for title, key in totals:
        values = [result[key] for result in results.values()]
        difference = [_points(values)] if compared else []
        table.add_row(title, *(f"{value:.1%}" for value in values), *difference)
    table.add_row("clips", *(str(result["clips"]) for result in results.values()))
    table.add_section()
    classes = sorted({name for result in results.values() for name in result["per_class"]})
    for name in classes:
        shares = [result["per_class"].get(name) for result in results.values()]
        difference = [_points(shares)] if compared else []
        cells = ("—" if share is None else f"{share:.0%}" for share in shares)
        table.add_row(title_of(name), *cells, *difference)
    return table


def _points(values: Sequence[float | None]) -> str:
    """The second against the first in percentage points."""
    first, second = values
    if first is None or second is None:
        return "—"
    points = round((second - first) * 100, 1)
    return f"{points:+.1f}" if points else "0.0"
