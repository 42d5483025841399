"""How the default engine gains from more threads."""

from __future__ import annotations

from app.bench.process import Subject, time_in_turns
from app.bench.setting import Json, Setting, reasons
from app.machine import cores
from core.engines import DEFAULT_ENGINE


def thread_counts(most: int) -> list[int]:
    """1, 2, 4, 8 … and `most` itself."""
    powers = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [*powers, most]


def thread_scaling(run: Setting, excluded: list[Json]) -> list[Json]:
    """Median latency of the default engine with 1 to all logical cores."""
    wanted = [(name, count) for count in thread_counts(cores()) for name in ("int8", "fp32")]
    subjects: list[tuple[str, Subject]] = [
        (f"{name}, {count} threads", run.on(name, DEFAULT_ENGINE, count)) for name, count in wanted
    ]
    timings, failures = time_in_turns(subjects, run.runs, run.progress)
    excluded += reasons(failures)
    return [
        {
            "model": name,
            "engine": DEFAULT_ENGINE,
            "threads": count,
            "p50_ms": round(timings[key].latency.p50, 3),
        }
        for (name, count), (key, _) in zip(wanted, subjects, strict=True)
        if key in timings
    ]
