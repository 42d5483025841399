"""The paper's tables with our figures above the paper's; what is missing is said to be missing."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from core.activities import title_of
from training.experiments import TABLE_1, TABLE_2
from training.report import paper
from training.report.charts.drawing import signed
from training.report.claims import Claim
from training.report.document import Cell, Table, Tone, cells
from training.report.names import MISSING, NAMES, SHORT, SWEEPS, percent, range_of, share_cell
from training.report.results import Results, RunResult
from training.reproduce.plan import POST_TRAINING

ROWS = (*(experiment.name for experiment in TABLE_2), POST_TRAINING)
_TONES: dict[str, Tone] = {
    "holds": "good",
    "does not hold": "bad",
    "not measured": "quiet",
    "reported": "",
}


def mean_of(runs: list[RunResult], subset: str) -> float | None:
    """Mean over runs of the mean per-class accuracy on "val" or "test".

    Both of the same runs: once some were asked about the test people, of those alone.
    """
    runs = [run for run in runs if run.test is not None] or runs
    figures = [run.val if subset == "val" else run.test for run in runs]
    values = [each["mean_per_class_accuracy"] for each in figures if each is not None]
    return fmean(values) if values else None


def latency_of(results: Results, name: str) -> dict[str, Any] | None:
    """How long one clip took the first timed model of a row."""
    for run in results.of(name):
        if run.predictions is not None and run.predictions.about["latency"] is not None:
            return run.predictions.about["latency"]
    return None


def claims_table(found: list[Claim]) -> Table:
    """Each claim with its figure, interval and verdict."""
    rows = []
    for claim in found:
        interval, unit = claim.found, " points" if claim.is_difference else " %"
        measured = MISSING
        if interval is not None:
            value = interval.estimate * 100
            # Two digits: 2.97 does not reach 3.
            measured = (signed(value, 2) if claim.is_difference else f"{value:.2f}") + unit
        verdict = Cell(claim.verdict, _TONES[claim.verdict])
        if claim.verdict in ("holds", "does not hold") and not claim.is_clear:
            verdict = Cell(f"{claim.verdict}, not clearly", "open")
        rows.append(
            (
                Cell(claim.text),
                verdict,
                Cell(claim.expected),
                Cell(measured, "strong" if interval else "quiet"),
                Cell(range_of(interval, claim.is_difference, digits=2)),
                Cell(str(interval.runs) if interval else "0"),
                Cell(str(interval.people) if interval else "0"),
            )
        )
    headers = ("claim", "verdict", "expected", "measured", "95 % interval", "runs", "people")
    return Table(headers, tuple(rows), text_columns=3)


def table_2(results: Results) -> Table:
    """Accuracy on every split, size and time; below each row the paper's."""
    splits = results.splits
    headers = (
        "method",
        *(f"val {split}" for split in splits),
        *(f"test {split}" for split in splits),
        "mean val",
        "mean test",
        "95 % interval",
        "MB",
        "ms",
        "FPS",
    )
    rows: list[tuple[Cell, ...]] = []
    for name in ROWS:
        rows.append(_ours(results, name))
        if name in paper.TABLE_2:
            rows.append(_papers(name, splits))
    return Table(headers, tuple(rows))


def _ours(results: Results, name: str) -> tuple[Cell, ...]:
    runs, counts = results.of(name), results.counts(name)
    interval = results.bootstrap.interval(counts) if results.bootstrap and counts else None
    size = next((run.file_mb for run in runs if run.file_mb is not None), None)
    latency = latency_of(results, name)
    missing = Cell("—", "quiet")
    per_split = [
        share_cell(mean_of(results.of(name, split), subset))
        for subset in ("val", "test")
        for split in results.splits
    ]
    return (
        Cell(NAMES[name], "strong"),
        *per_split,
        share_cell(mean_of(runs, "val")),
        Cell(percent(interval.estimate), "strong") if interval else Cell(MISSING, "quiet"),
        Cell(range_of(interval)) if interval else missing,
        Cell(f"{size:.2f}") if size is not None else missing,
        Cell(f"{latency['mean_ms']:.2f}") if latency else missing,
        Cell(f"{1000 / latency['mean_ms']:.1f}") if latency else missing,
    )


def _papers(name: str, splits: tuple[int, ...]) -> tuple[Cell, ...]:
    row = paper.TABLE_2[name]

    def of_split(values: tuple[float, ...], split: int) -> str:
        return f"{values[split]:.1f}" if split < len(values) else "—"

    return cells(
        (
            "the paper",
            *(of_split(row.val, split) for split in splits),
            *(of_split(row.test, split) for split in splits),
            f"{row.mean_val:.1f}",
            f"{row.mean_test:.1f}",
            "",
            f"{row.file_mb:.2f}",
            f"{row.time_ms:.2f}",
            f"{row.fps:.1f}",
        ),
        "quiet",
    )


def table_1(results: Results, setting: str) -> Table:
    """One sweep: accuracy on the validation people of the first split."""
    split, seed = results.splits[0], results.seeds[0]
    heading, caption = SWEEPS[setting]
    rows = []
    measured: dict[float, float | None] = {}
    for value, experiment in TABLE_1[setting].items():
        run = results.runs.get((experiment.name, split, seed))
        found = run.val if run is not None else None
        measured[value] = found["mean_per_class_accuracy"] if found else None
    best = max((value for value in measured.values() if value is not None), default=None)
    for value, accuracy in measured.items():
        ours = Cell(MISSING, "quiet")
        if accuracy is not None:
            ours = Cell(percent(accuracy), "strong" if accuracy == best else "")
        theirs = paper.TABLE_1[setting].get(value)
        rows.append((Cell(f"{value:g}"), ours, Cell(f"{theirs:.2f}" if theirs else "—", "quiet")))
    return Table(
        (heading, "ours, %", "the paper, %"),
        tuple(rows),
        f"{caption} ({paper.SWEPT_WITH[setting]})",
    )


def table_3(results: Results) -> Table:
    """Every method class by class on the test people, mean over runs; QD against MobileNet."""
    shares = {name: _per_class(results, name) for name in ROWS if name != POST_TRAINING}
    clips: dict[str, int] = {}
    for run in results.runs.values():
        for label, count in _clips(run).items():
            clips[label] = max(clips.get(label, 0), count)
    rows = []
    for label in results.record["labels"]:
        before, after = shares["mobilenet3d"].get(label), shares["qd"].get(label)
        points = Cell("—", "quiet")
        if before is not None and after is not None:
            difference = round((after - before) * 100, 1)
            points = Cell(
                signed(difference), "good" if difference > 0 else "bad" if difference < 0 else ""
            )
        rows.append(
            (
                Cell(title_of(label)),
                *(share_cell(found.get(label)) for found in shares.values()),
                points,
                Cell(str(clips.get(label, "—"))),
            )
        )
    headers = ("activity", *(SHORT[name] for name in shares), "QD − MobileNet", "clips, at most")
    return Table(headers, tuple(rows))


def _per_class(results: Results, name: str) -> dict[str, float]:
    shares: dict[str, list[float]] = {}
    for run in results.of(name):
        test = run.test
        for label, share in (test["per_class"] if test else {}).items():
            shares.setdefault(label, []).append(share)
    return {label: fmean(values) for label, values in shares.items()}


def _clips(run: RunResult) -> Mapping[str, int]:
    found = run.predictions
    if found is None:
        return {}
    return {label: int((found.targets == i).sum()) for i, label in enumerate(found.labels)}


def calibration_table(results: Results) -> Table:
    """Top-1 and expected calibration error on the test people, and the temperature."""
    rows = []
    for name in ROWS:
        tests = [run.test for run in results.of(name)]
        found = [test for test in tests if test is not None]
        temperatures = [run.temperature for run in results.of(name) if run.temperature is not None]
        rows.append(
            (
                Cell(NAMES[name]),
                share_cell(fmean(test["top1"] for test in found) if found else None),
                share_cell(fmean(test["ece"] for test in found) if found else None),
                Cell(f"{fmean(temperatures):.2f}") if temperatures else Cell("—", "quiet"),
            )
        )
    headers = ("method", "top-1, %", "expected calibration error, %", "temperature")
    return Table(headers, tuple(rows))
