"""`incab-train inspect`, `prepare` and `bench-store`: from a folder of videos to a store."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """List what a Drive&Act root holds: people, runs, views, annotations, and what is missing.

    Example: incab-train inspect data/driveact
    """

    root: Positional[Path]
    """The dataset as unpacked, with activities_3s/ inside."""
    json: bool = False
    """Print JSON (schema incab.dataset/1) instead of tables."""
    debug: bool = False
    """Show a traceback when something fails."""

    def run(self, console: Console) -> None:
        from training.inventory import find_runs

        dataset = find_runs(self.root)
        if self.json:
            print(json.dumps(dataset.description(), indent=2))
            return
        from training.data_tables import dataset_tables

        for table in dataset_tables(dataset):
            console.print(table)
        for line in (*dataset.missing, *dataset.problems):
            console.print(line, highlight=False, soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Decode a Drive&Act root (or a synthetic cabin) once into a store for training.

    Example: incab-train prepare data/cabin data/cabin-store
    """

    root: Positional[Path]
    """The dataset as unpacked, with activities_3s/ inside."""
    out: Positional[Path]
    """Folder of the store; an interrupted run continues."""
    view: str = "inner_mirror"
    """Camera to prepare."""
    level: str = "midlevel"
    """Whose labels: midlevel (the 34 activities), tasklevel or objectlevel."""
    workers: int | None = None
    """Videos decoded at once; as many as there are cores when left out."""
    strict: bool = False
    """Stop at the first missing video or faulty row instead of naming it and going on."""
    verify: bool = False
    """Read everything back and compare checksums; damaged frames are decoded again."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError("workers must be at least 1")

    def run(self, console: Console) -> None:
        from training.data_tables import frame_progress
        from training.prepare import prepare

        with frame_progress(console) as progress:
            task = progress.add_task("Decoding", total=None)
            store = prepare(
                self.root,
                self.out,
                view=self.view,
                level=self.level,
                workers=self.workers or os.cpu_count() or 1,
                strict=self.strict,
                verify=self.verify,
                report=lambda line: console.print(line, highlight=False, soft_wrap=True),
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        console.print(f"{len(store.chunks)} chunks ready in {self.out}", soft_wrap=True)


@dataclass(frozen=True, kw_only=True)
class BenchStore:
    """Measure clips per second from a store, beside decoding the same clips from the videos.

    Example: incab-train bench-store data/cabin data/cabin-store
    """

    root: Positional[Path]
    """The dataset that the store was made of."""
    store: Positional[Path]
    """The prepared store."""
    clips: int = 200
    """How many chunks to read."""
    workers: tuple[int, ...] = ()
    """Numbers of processes to try; 1 and the number of cores when left out."""
    seed: int = 0
    """Same seed, same chunks."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if self.clips < 1 or any(count < 1 for count in self.workers):
            raise ValueError("clips and workers must be at least 1")

    def run(self, console: Console) -> None:
        from training.bench_store import measure_store
        from training.data_tables import store_speed_table

        workers = self.workers or (os.cpu_count() or 1,)
        speed = measure_store(
            self.root, self.store, clips=self.clips, workers=workers, seed=self.seed
        )
        console.print(store_speed_table(speed))
