"""The report as text: Markdown tables that also read well in a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from app.bench.startup import LARGEST_REPLAY_MB
from app.ratios import counted, faster_or_slower

WIDTH = 80

Json = dict[str, Any]


def render(report: Json) -> str:
    """Everything a person wants to know, in paragraphs and tables; no line exceeds WIDTH."""
    parts = [
        _machine(report),
        _table(
            ("model", "engine", "p50 ms", "p95 ms", "p99 ms", "mean ms", "FPS", "× limit"),
            [_speed(row) for row in report["rows"]],
        ),
        _wrapped(_speed_legend(report)),
        _table(
            ("model", "engine", "file MB", "MMAC", "load s", "RAM MB", "= ref", "accuracy"),
            [_facts(row) for row in report["rows"]],
        ),
        _wrapped(_facts_legend(report)),
        _bullets(_ratios(report["ratios"])),
        _scaling(report),
        _bullets([*_offline(report["offline"]), *_start(report["start"])]),
        _bullets([f"left out: {item['what']} ({item['reason']})" for item in report["excluded"]]),
    ]
    return "\n\n".join(part for part in parts if part)


def _machine(report: Json) -> str:
    cpu, versions = report["cpu"], report["versions"]
    known = ", ".join(f"{name} {value}" for name, value in versions.items() if value)
    return "\n".join(
        (
            _wrapped(
                f"{cpu['name']}, {cpu['isa'] or 'unknown instruction set'}, "
                f"{counted(cpu['cores'], 'logical core')}, {counted(cpu['threads'], 'thread')}, "
                f"{counted(report['runs'], 'run')} a row"
            ),
            _wrapped(known),
        )
    )


def _speed(row: Json) -> tuple[str, ...]:
    latency = row["latency_ms"]
    return (
        row["model"],
        _engine(row),
        *(_ms(latency[name]) for name in ("p50", "p95", "p99", "mean")),
        f"{row['fps']:.0f}" if row["fps"] >= 10 else f"{row['fps']:.1f}",
        _dash(row["roofline_distance"], ".1f"),
    )


def _facts(row: Json) -> tuple[str, ...]:
    return (
        row["model"],
        _engine(row),
        f"{row['file_mb']:.2f}",
        f"{row['mmac']:.0f}",
        f"{row['load_s']:.2f}",
        f"{row['peak_rss_mb']:.0f}",
        f"{row['agreement']['top1']:.0%}",
        _dash(row["accuracy"], ".1%"),
    )


def _engine(row: Json) -> str:
    return row["engine"] + ("†" if row["historical"] else "")


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _dash(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _speed_legend(report: Json) -> str:
    roofline = report["roofline"]
    reached = [
        f"{roof['gmac_per_s']:.0f} GMAC/s in {kind} ({roof['network_ms']:.2f} ms for the {kind} "
        "student)"
        for kind, roof in roofline.items()
        if roof is not None
    ]
    text = f"× limit: p50 against the densest convolutions in the same run, {', '.join(reached)}."
    text = text if reached else ""
    if any(row["historical"] for row in report["rows"]):
        text += (
            " †: historical baseline, the paper's way: PyTorch's deprecated FBGEMM modules built "
            "from the int8 student's own tensors."
        )
    return text.strip()


def _facts_legend(report: Json) -> str:
    clips = sorted({row["agreement"]["clips"] for row in report["rows"]})
    if not clips:
        return ""
    return (
        f"= ref: same activity as the exact reference on {' or '.join(map(str, clips))} clips. "
        "accuracy: mean per class, as the model file says. load s: importing and compiling the "
        "engine, and its proof on the golden answers (fbgemm has none)."
    )


def _ratios(ratios: Json) -> list[str]:
    named = {
        f"int8 against fp32, both {engine}": ratio
        for engine, ratio in ratios["int8_vs_fp32"].items()
    }
    named["int8 against PyTorch eager fp32"] = ratios["int8_vs_eager_fp32"]
    named["int8 against the paper's way (FBGEMM int8)"] = ratios["int8_vs_fbgemm_int8"]
    lines = [f"{name}: {_ratio(ratio)}" for name, ratio in named.items() if ratio is not None]
    return [*lines, f"file, int8 against fp32: {ratios['file_fp32_vs_int8']:.2f}× smaller"]


def _ratio(ratio: Json) -> str:
    rounds = f"{ratio['lowest_round']:.1f} to {ratio['highest_round']:.1f} over the rounds"
    return f"{faster_or_slower(ratio['ratio'])} ({rounds})"


def _scaling(report: Json) -> str:
    if not report["thread_scaling"]:
        return ""
    p50 = {(row["threads"], row["model"]): row["p50_ms"] for row in report["thread_scaling"]}
    lines: list[tuple[str, ...]] = []
    for threads in sorted({threads for threads, _ in p50}):
        int8, fp32 = p50.get((threads, "int8")), p50.get((threads, "fp32"))
        times = fp32 / int8 if int8 and fp32 else None
        lines.append((str(threads), _dash(int8, ".2f"), _dash(fp32, ".2f"), _dash(times, ".1f")))
    return _table(("threads", "int8 p50 ms", "fp32 p50 ms", "fp32 / int8"), lines, left=0)


def _offline(offline: Json) -> list[str]:
    return [
        f"many clips, {name}: {found['best']['clips_per_s']:.0f} clips/s "
        f"(batch {found['best']['batch']}, {found['best']['hint']} hint, "
        f"{counted(found['best']['requests'], 'request')})"
        for name, found in offline.items()
        if found is not None
    ]


def _start(start: Json | None) -> list[str]:
    if start is None:
        return []
    return [
        f"start to first label on {start['clip']}: {start['first_label_s']:.2f} s",
        f"peak memory of a replay: {start['replay_peak_rss_mb']:.0f} MB "
        f"(at most {LARGEST_REPLAY_MB} wanted)",
    ]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """A Markdown table; the first `left` columns hold text, the others numbers."""
    if not rows:
        return ""
    widths = [max(len(cell) for cell in column) for column in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if i < left else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([line(titles), line(rule), *map(line, rows)])


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(
        textwrap.fill(line, WIDTH, initial_indent="- ", subsequent_indent="  ") for line in lines
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH)
