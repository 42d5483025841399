"""The report of `incab replay` as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.ratios import faster_or_slower
from core.activities import title_of


def print_report(report: dict[str, Any], notes: list[str], console: Console) -> None:
    """The comparison as a table for people."""
    source = report["source"]
    console.print(
        f"[bold]{escape(Path(source['path']).name)}[/bold]  {source['width']}×{source['height']}, "
        f"{source['frames']} frames, {source['duration_s']:.1f} s at {source['fps']:g} fps, "
        f"{report['clips']} clips",
        highlight=False,
    )
    for note in notes:
        console.print(f"[yellow]{escape(note)}[/yellow]", highlight=False)
    if not report["clips"]:
        return
    table = Table()
    table.add_column("")
    models = report["models"]
    for name in models:
        table.add_column(f"{name.upper()} student", justify="right")
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        ("most often", lambda m: title_of(next(iter(m["top1"])))),
        (
            "latency p50 / p95",
            lambda m: f"{m['latency_ms']['p50']:.1f} / {m['latency_ms']['p95']:.1f} ms",
        ),
        ("uncertain", lambda m: f"{m['uncertain']:.0%}"),
        ("file", lambda m: f"{Path(m['file']).stat().st_size / 1e6:.2f} MB"),
        ("engine", lambda m: m["engine"]),
    ]
    if models["int8"]["accuracy"]:
        rows.insert(1, ("right (top-1)", lambda m: f"{m['accuracy']['top1']:.1%}"))
        rows.insert(
            2, ("right (mean per class)", lambda m: f"{m['accuracy']['mean_per_class']:.1%}")
        )
    for title, cell in rows:
        table.add_row(title, *(cell(model) for model in models.values()))
    console.print(table)
    speed = models["fp32"]["latency_ms"]["p50"] / models["int8"]["latency_ms"]["p50"]
    console.print(
        f"agreement {report['agreement']:.1%} · KL {report['kl_divergence']:.3f} · "
        f"int8 {faster_or_slower(speed)} · peak memory {report['peak_rss_mb']:.0f} MB",
        highlight=False,
    )
    if not report["int8_parent_is_fp32"]:
        console.print(
            "The int8 model was not made from this fp32 model: two trainings are compared.",
            highlight=False,
        )
