"""Models that are 100 times slower than they are: does the window notice?

python -m tests.robustness.overload [--seconds 60] [--slowed 100] [--burn N] [--json]

Both engines give the real answers, but late. Measured are the beat of a 10 ms timer in the UI
thread, the memory, the age of the label, and how many clips were answered and skipped. With
--burn N so many other processes take the CPU away meanwhile; the beat is then a matter of the
system's turns, and what counts is that clips are skipped and no frame is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from app.ending import end_at_once
from app.main_window import MainWindow
from tests.robustness.unruly_engines import Manners
from tests.robustness.window_run import Record, run_window_for

MOST_BEAT_P99_MS = 100.0
_BURN = (sys.executable, "-c", "while True: pass")


def overload(seconds: float, slowed: float, burning: int = 0) -> tuple[Record, dict[str, Any]]:
    """Run the window with slow engines; what was measured, raw and as figures."""
    manners = Manners()
    manners.install()
    burners: list[subprocess.Popen[bytes]] = []

    def begin(window: MainWindow) -> None:
        # Not before: loading is not what is measured.
        manners.slowed = slowed
        burners.extend(subprocess.Popen(_BURN) for _ in range(burning))

    try:
        record = run_window_for(seconds, at_first_answer=begin)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    return record, _figures(record)


def _figures(record: Record) -> dict[str, Any]:
    answers = max(record.answers.values(), default=0)
    ages_ms = [s.label_age_ms for s in record.samples if s.label_age_ms is not None]
    return {
        "seconds": round(record.seconds, 1),
        "beat_p50_ms": round(record.gap_ms(50), 1),
        "beat_p99_ms": round(record.gap_ms(99), 1),
        "beat_worst_ms": round(record.gap_ms(100), 1),
        "answers_per_s": round(answers / record.seconds, 2),
        "skipped": record.skipped,
        "label_age_worst_ms": round(max(ages_ms)) if ages_ms else None,
        "memory_slope_mb_per_10_min": round(record.memory_slope_mb(record.seconds / 4), 2),
        "captured_fps": round(record.fps, 1),
        "missed_frames": record.expected - record.captured,
        "problems": record.problems,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 0 when the window stayed responsive and every frame was taken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--slowed", type=float, default=100.0)
    parser.add_argument("--burn", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    _, figures = overload(options.seconds, options.slowed, options.burn)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")
    responsive = options.burn > 0 or figures["beat_p99_ms"] <= MOST_BEAT_P99_MS
    return 0 if responsive and figures["missed_frames"] == 0 else 1


if __name__ == "__main__":
    end_at_once(main())
