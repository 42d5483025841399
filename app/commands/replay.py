"""`incab replay`: every clip of a video through both models, without a screen."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from app import resources
from app.commands.common import EXIT_DONE, check_threads
from core.probe import ProbeMode


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Run every clip of a video through both models and compare them; no screen needed.

    Example: incab replay drive.mp4 --annotations midlevel.chunks_90.csv --out clips.csv
    """

    source: Annotated[Positional[Path], arg(metavar="VIDEO")]
    """A video file."""
    annotations: Path | None = None
    """Drive&Act CSV with the truth for this video."""
    int8: Path = resources.INT8_MODEL
    """The int8 model file."""
    fp32: Path = resources.FP32_MODEL
    """The fp32 model file."""
    out: Path | None = None
    """Write every clip's answers to this .csv, .json or .sqlite file (see incab sessions)."""
    engine: str = "auto"
    """auto (the first that is right here), openvino, onednn, eager (fp32), or reference (slow)."""
    probe: ProbeMode = "once"
    """Try the engine in a process of its own: once on this machine, again now, or never."""
    threads: int | None = None
    """CPU threads for the models; as many as there are logical cores, at most 4, when left out."""
    json: bool = False
    """Print JSON (schema incab.replay/1) instead of a table."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        check_threads(self.threads)

    def run(self) -> int:
        from rich.console import Console
        from rich.progress import Progress

        from app.replay import replay
        from app.replay_table import print_report
        from app.sources import check_names_file

        check_names_file(self.source)
        status = Console(stderr=True)
        with Progress(console=status, transient=True, disable=not status.is_terminal) as bar:
            task = bar.add_task("Replaying", total=None)
            report, notes = replay(
                self, lambda done, total: bar.update(task, completed=done, total=total)
            )
        if self.json:
            for note in notes:
                print(f"incab: {note}", file=sys.stderr)
            print(json.dumps(report, indent=2))
        else:
            print_report(report, notes, Console())
        return EXIT_DONE
