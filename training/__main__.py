"""`incab-train`: make data, train the student and its int8 twin, measure them."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console
from rich.progress import Progress
from tyro.conf import Positional

from core.errors import InCabError
from training.commands.agree import Agree
from training.commands.data import BenchStore, Inspect, Prepare
from training.commands.evaluate import Evaluate
from training.commands.fit import Fit

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2


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
    preview: Path | None = None
    """Write a contact sheet of every activity to this PNG instead of videos."""
    debug: bool = False
    """Show a traceback when something fails."""

    def __post_init__(self) -> None:
        if not self.views:
            raise ValueError("name at least one view")

    def run(self, console: Console) -> None:
        from training.synthetic.preview import write_contact_sheet
        from training.synthetic.synthesize import synthesize

        if self.preview is not None:
            write_contact_sheet(self.preview, self.seed, 1, self.views[0])
            console.print(f"Wrote {self.preview}")
            return
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("Rendering", total=None)
            synthesize(
                self.out,
                people=self.people,
                minutes=self.minutes,
                seed=self.seed,
                views=self.views,
                fps=self.fps,
                report=lambda done, total: progress.update(task, completed=done, total=total),
            )
        console.print(f"Wrote {self.out}")


COMMANDS = Synthesize | Inspect | Prepare | BenchStore | Fit | Evaluate | Agree


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        command = tyro.cli(COMMANDS, args=arguments, prog="incab-train", description=__doc__)
    except SystemExit as exit_request:
        return EXIT_USAGE if exit_request.code else EXIT_DONE
    # File names and rows of a CSV may look like markup.
    console = Console(
        stderr=isinstance(command, Agree | Evaluate | Inspect) and command.json, markup=False
    )
    try:
        command.run(console)
    except KeyboardInterrupt:
        if isinstance(command, Fit) and not command.can_resume:
            print("Stopped before anything was saved; call it again.", file=sys.stderr)
            return EXIT_FAILED
        print("Stopped; the same command (fit: with --resume) goes on from here.", file=sys.stderr)
        return EXIT_FAILED
    except (InCabError, OSError) as error:
        if command.debug:
            traceback.print_exc()
        print(f"incab-train: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
