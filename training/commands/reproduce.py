"""`incab-train reproduce`."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from training.commands.checks import check_computing
from training.commands.overrides import given_in, overrides
from training.experiments import ROW_SETTINGS

if TYPE_CHECKING:
    from training.reproduce.remaining import Left

Overrides = overrides(
    ROW_SETTINGS, " What tells the rows of the tables apart (width, beta, …) is not among them."
)


@dataclass(frozen=True, kw_only=True)
class Reproduce:
    """Train every model of the paper's tables, then measure all of them on the test people.

    One run after the other: I3D as teacher (once for each split), then for each seed the plain
    3D MobileNet, distillation (KD), quantization, quantized distillation (QD), and the KD student
    quantized after training; then Table I's sweeps. Ctrl-C saves; the same command goes on, and
    does nothing twice. Further splits, seeds and tables may be added later. A second call beside
    the first trains what that one is not at: on two cores, two with --threads 1 are the fastest.

    Example: incab-train reproduce --data data/store --out runs/paper --profile quick --seeds 0 1
    """

    data: Path
    """A prepared store."""
    out: Path
    """Folder of all runs."""
    splits: tuple[int, ...] = (0, 1, 2)
    """Splits of the people; Table I is made on the first."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the students; teachers and Table I have the first."""
    tables: tuple[Literal[1, 2, 3], ...] = (1, 2, 3)
    """Tables of the paper. Table III needs no runs of its own when there is Table II."""
    profile: str | None = None
    """Profile of all recipes, for example quick; the paper's own settings if left out."""
    plan: bool = False
    """Say what is left and how long it takes, and stop there. What was never trained here is tried
    for that: seconds with the profile quick, a minute or two without."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU if there is one. Measuring is done on the CPU."""
    threads: int = 2
    """CPU threads to train with; times are measured with two."""
    workers: int = 0
    """Processes that prepare clips beside training instead of one thread; worth it with a GPU."""
    in_memory: bool = False
    """Keep the frames in main memory; worth it when a run says that it waits."""
    override: Annotated[Overrides, tyro.conf.OmitArgPrefixes] = field(default_factory=Overrides)
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        for name in ("splits", "seeds", "tables"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"name at least one of {name}, and each of them once")
        check_computing(self.threads, self.workers, self.in_memory)
        if min(self.seeds) < 0:
            raise ValueError("seeds must be 0 or more")

    def run(self, console: Console) -> None:
        from training.exclusive import BusyError
        from training.hardware import find_device, keep_freed_memory
        from training.reproduce.remaining import said
        from training.reproduce.reproduce import Reproduction, Settings
        from training.store import open_store

        store = open_store(self.data)
        keep_freed_memory()
        reproduction = Reproduction(
            store,
            self.out,
            Settings(
                splits=self.splits,
                seeds=self.seeds,
                tables=self.tables,
                profile=self.profile,
                overrides=given_in(self.override),
                command=shlex.join(["incab-train", *sys.argv[1:]]),
                threads=self.threads,
                workers=self.workers,
                in_memory=self.in_memory,
                device=find_device(self.device),
            ),
            write=not self.plan,
        )
        with console.status("Timing a step of each kind of run that was not trained here yet …"):
            left = reproduction.left()
        table = Table(title="Models of the tables")
        # Folded where 80 columns are not enough: rows of Table I differ in their last characters.
        for name in ("model", "split", "seed"):
            table.add_column(name, overflow="fold")
        for name in ("clips to\ntrain on", "time"):
            table.add_column(name, justify="right", overflow="fold")
        for each in left:
            task = each.task
            table.add_row(task.name, str(task.split), str(task.seed), *_cells(each))
        console.print(table)
        console.print(said(left), highlight=False, soft_wrap=True)
        if self.plan:
            return
        reproduction.train(console)
        try:
            reproduction.measure(console)
        except BusyError:
            console.print("Everything is trained; another process measures it.")
            return
        console.print(
            f"Everything is trained and measured; incab-train report {self.out} makes the page.",
            highlight=False,
            soft_wrap=True,
        )


def _cells(left: Left) -> tuple[str, str]:
    from training.progress import duration

    if left.done:
        return "done", ""
    if not left.task.is_training:
        return "0", "after training"
    return f"{left.clips:,}", duration(left.seconds)
