"""What the terminal shows of datasets and stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from core.driveact import LEVELS
from training.inventory import Dataset

if TYPE_CHECKING:
    from training.bench_store import StoreSpeed


class _RateColumn(ProgressColumn):
    """Frames per second, once there is a rate."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f} frames/s")


def frame_progress(console: Console) -> Progress:
    """A bar of frames with rate and time left; nothing where the output is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def dataset_tables(dataset: Dataset) -> list[Table]:
    """A root in two tables: its views, and each run with the views that have its video."""
    views = Table(title=f"{len(dataset.people)} people, {len(dataset.runs)} runs")
    for column in ("view", "videos", "missing", "GB", *(f"{level} rows" for level in LEVELS)):
        views.add_column(column, justify="left" if column == "view" else "right")
    for view in dataset.views:
        own = dataset.of_view(view)
        rows = (sum(part.rows.get(level, 0) for part in own) for level in LEVELS)
        views.add_row(
            view,
            str(sum(part.video is not None for part in own)),
            str(sum(part.video is None for part in own)),
            f"{sum(part.size_bytes for part in own) / 1e9:.2f}",
            *(str(count) for count in rows),
        )
    runs = Table(title="v video and annotation, - video missing, ? video without annotation")
    runs.add_column("person")
    runs.add_column("run")
    for view in dataset.views:
        runs.add_column(view, justify="center")
    parts = {(part.person, part.run, part.view): part for part in dataset.recordings}
    for person, run in dataset.runs:
        cells = []
        for view in dataset.views:
            part = parts.get((person, run, view))
            if part is None:
                cells.append("")
            elif part.video is None:
                cells.append("-")
            else:
                cells.append("v" if part.rows else "?")
        runs.add_row(f"vp{person}", run, *cells)
    return [views, runs]


def store_speed_table(speed: StoreSpeed) -> Table:
    """Clips per second of the store and of the videos."""
    table = Table(title=f"{speed.clips} evaluation clips at random")
    table.add_column("")
    table.add_column("processes", justify="right")
    table.add_column("clips/s", justify="right")
    table.add_column("against video", justify="right")
    video = speed.video_clips_per_s
    table.add_row(f"video, {speed.video}", "1", f"{video:.1f}", "1.0")
    for workers, rate in speed.store_clips_per_s.items():
        table.add_row("store", str(workers), f"{rate:.1f}", f"{rate / video:.1f}")
    memory = speed.memory_growth_mb
    table.caption = (
        f"{speed.identical} of {speed.compared} compared clips are bit-identical; memory grew by "
        + ("an unknown amount" if memory is None else f"{memory:.1f} MB")
        + " over the clips."
    )
    return table
