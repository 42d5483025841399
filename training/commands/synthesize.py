"""`incab-train synthesize`: a synthetic cabin in the layout of Drive&Act."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Render a synthetic cabin in the Drive&Act layout: videos and annotations of many people.

    Example: incab-train synthesize data/cabin --people 15 --minutes 4
    """

    out: Positional[Path]
    """Folder to fill; an interrupted run continues where it stopped."""
    people: int = 15
    """How many people; train, validation and test people never overlap."""
    minutes: float = 4.0
    """Length of each person's session."""
    seed: int = 0
    """Same seed, same pixels."""
    views: tuple[str, ...] = ("inner_mirror",)
    """Cameras to render."""
    fps: float = 30.0
    """Frames per second."""
    difficulty: float = 1.0
    """Noise, sun, camera tolerance, hesitation, varying poses and needless movement: 0 has none of
    them, 2 twice as much."""
    workers: int | None = None
    """Videos rendered at once; as many as there are cores when left out."""
    preview: Path | None = None
    """Write a contact sheet of every activity to this PNG instead of videos."""
    check_leaks: bool = False
    """Measure instead whether single frames tell opposite activities apart; takes minutes."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if not self.views:
            raise ValueError("name at least one view")
        if self.workers is not None and self.workers < 1:
            raise ValueError("workers must be at least 1")
        if not 0 <= self.difficulty <= 3:
            raise ValueError("difficulty must be a number from 0 to 3")
        if self.seed < 0:
            raise ValueError("seed must not be negative")

    def run(self, console: Console) -> None:
        if self.preview is not None:
            self._draw_preview(console, self.preview)
        elif self.check_leaks:
            self._check_leaks(console)
        else:
            self._synthesize(console)

    def _synthesize(self, console: Console) -> None:
        from training.data_tables import frame_progress
        from training.synthetic.synthesize import synthesize

        with frame_progress(console) as bar:
            task = bar.add_task("Rendering", total=None)
            synthesize(
                self.out,
                people=self.people,
                minutes=self.minutes,
                seed=self.seed,
                views=self.views,
                fps=self.fps,
                difficulty=self.difficulty,
                processes=self.workers,
                report=lambda line: console.print(line, highlight=False, soft_wrap=True),
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        console.print(f"Wrote {self.out}", soft_wrap=True)

    def _draw_preview(self, console: Console, path: Path) -> None:
        from training.synthetic.preview import write_contact_sheet

        write_contact_sheet(path, self.seed, 1, self.views[0], self.difficulty)
        console.print(f"Wrote {path}", soft_wrap=True)

    def _check_leaks(self, console: Console) -> None:
        from training.data_tables import frame_progress
        from training.synthetic.leak import leak_table, measure_leaks

        with frame_progress(console) as bar:
            task = bar.add_task("Rendering people", total=None)
            leaks = measure_leaks(
                seed=self.seed,
                difficulty=self.difficulty,
                processes=self.workers,
                report=lambda done, total: bar.update(task, completed=done, total=total),
            )
        console.print(leak_table(leaks))
