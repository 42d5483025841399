"""A long run: replay in a loop, both models, the window open.

python -m tests.robustness.soak [--minutes 30] [--json]

Tells how memory, threads and file handles went, and whether every frame of every loop entered the
clip buffer. Takes the first 130 s (or a quarter, when that is less) as warm-up.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from app.ending import end_at_once
from tests.robustness.window_run import Record, run_window_for

MOST_SLOPE_MB = 1.0
# The latency plot remembers two minutes of clips and is full only then.
_WARM_UP_S = 130.0


def soak(seconds: float) -> tuple[Record, dict[str, Any]]:
    """Run the window; what was measured, raw and as figures."""
    record = run_window_for(seconds)
    warm_up_s = min(_WARM_UP_S, seconds / 4)
    kept = [sample for sample in record.samples if sample.time_s >= warm_up_s]
    return record, {
        "minutes": round(record.seconds / 60, 2),
        "memory_slope_mb_per_10_min": round(record.memory_slope_mb(warm_up_s), 2),
        "memory_mb": [round(kept[0].memory_mb, 1), round(kept[-1].memory_mb, 1)],
        "threads": sorted({sample.threads for sample in kept}),
        "file_handles": sorted({sample.handles for sample in kept}),
        "frames": record.captured,
        "missed_frames": record.expected - record.captured,
        "captured_fps": round(record.fps, 2),
        "answers": record.answers,
        "skipped_clips": record.skipped,
        "beat_p99_ms": round(record.gap_ms(99), 1),
        "beat_worst_ms": round(record.gap_ms(100), 1),
        "problems": record.problems,
        "ended_cleanly": record.ended_cleanly,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 0 when nothing grew and nothing was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    _, figures = soak(options.minutes * 60)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")
    good = (
        figures["memory_slope_mb_per_10_min"] < MOST_SLOPE_MB
        and figures["missed_frames"] == 0
        and len(figures["file_handles"]) == 1
        and figures["ended_cleanly"]
    )
    return 0 if good else 1


if __name__ == "__main__":
    end_at_once(main())
