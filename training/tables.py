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


def accuracy_table(
    results: Mapping[str, Mapping[str, Any]], temperatures: Mapping[str, float] | None = None
) -> Table:
    """Models side by side: totals first, then each class.

    Behind every model but the first stands its difference from the first in points, as in the
    paper's Table III. `temperatures` are those that calibrate the models, by the same names.
    """
    table = Table(title="Accuracy on evaluation clips")
    # Folded, for names cut to the width of a terminal would all be the same.
    table.add_column("", overflow="fold")
    for number, name in enumerate(results):
        table.add_column(name, justify="right", overflow="fold")
        if number:
            table.add_column("difference", justify="right", overflow="fold")

    def add(title: str, values: Sequence[float | None], form: str) -> None:
        shown = ["—" if value is None else f"{value:{form}}" for value in values]
        row = shown[:1]
        for cell, value in zip(shown[1:], values[1:], strict=True):
            row += [cell, _points(values[0], value)]
        table.add_row(title, *row)

    add("mean per class", [each["mean_per_class_accuracy"] for each in results.values()], ".1%")
    add("top-1", [each["top1"] for each in results.values()], ".1%")
    add("calibration error", [each["ece"] for each in results.values()], ".1%")
    if temperatures is not None:
        _add_plain(table, "temperature", [f"{temperatures[name]:.2f}" for name in results])
    _add_plain(table, "clips", [str(each["clips"]) for each in results.values()])
    table.add_section()
    for name in sorted({name for result in results.values() for name in result["per_class"]}):
        shares = [result["per_class"].get(name) for result in results.values()]
        add(title_of(name), shares, ".0%")
    return table


def _add_plain(table: Table, title: str, values: Sequence[str]) -> None:
    """A row whose differences would mean nothing."""
    rest = (cell for value in values[1:] for cell in (value, ""))
    table.add_row(title, values[0], *rest)


def _points(first: float | None, second: float | None) -> str:
    """The second against the first in percentage points."""
    if first is None or second is None:
        return "—"
    points = round((second - first) * 100, 1)
    return f"{points:+.1f}" if points else "0.0"
