"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from core.activities import title_of


def accuracy_table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """Models side by side: totals first, then each class."""
    table = Table(title="Accuracy on evaluation clips")
    table.add_column("")
    for name in results:
        table.add_column(name.rsplit("/", 1)[-1], justify="right")
    totals = (
        ("mean per class", "mean_per_class_accuracy"),
        ("top-1", "top1"),
        ("calibration error", "ece"),
    )
    for title, key in totals:
        table.add_row(title, *(f"{result[key]:.1%}" for result in results.values()))
    table.add_row("clips", *(str(result["clips"]) for result in results.values()))
    table.add_section()
    classes = sorted({name for result in results.values() for name in result["per_class"]})
    for name in classes:
        shares = (result["per_class"].get(name) for result in results.values())
        table.add_row(title_of(name), *("—" if s is None else f"{s:.0%}" for s in shares))
    return table
