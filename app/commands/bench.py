"""`incab bench`: how fast every engine of this CPU runs both models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from app import resources
from app.commands.common import EXIT_DONE, check_threads


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Time both models on every engine this CPU offers, each in a process of its own.

    Example: incab bench --runs 1000    (the paper's protocol)

    Example: incab bench --json --plot bench.png > bench.json
    """

    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file."""
    teacher: Path | None = None
    """An fp32 teacher's model file to time as well."""
    clip: Path = resources.DEMO_CLIP
    """A video to take real clips from."""
    runs: int = 200
    """Timed runs of each row, after a warm-up."""
    threads: int | None = None
    """CPU threads; as many as there are logical cores, at most 4, when left out."""
    quick: bool = False
    """Few runs and no thread scaling: shows that all works, not how fast it is."""
    plot: Path | None = None
    """Draw latency against accuracy into this .png file."""
    json: bool = False
    """Print JSON (schema incab.bench/2, see docs/bench.md) instead of tables."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        check_threads(self.threads)
        if self.runs < 1:
            raise ValueError("runs must be at least 1")

    def run(self) -> int:
        from app.bench.measure import bench
        from app.bench.plot import check_plot, draw_plot
        from app.bench.progress import progress_line
        from app.bench.table import render

        if self.plot is not None:
            check_plot(self.plot, self)
        with progress_line() as progress:
            report = bench(self, progress)
        print(json.dumps(report, indent=2) if self.json else render(report))
        if self.plot is not None:
            draw_plot(report, self.plot)
        return EXIT_DONE
