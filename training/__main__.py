"""`incab-train`: make data, train the student and its int8 twin, measure them."""

from __future__ import annotations

import sys
import traceback

import tyro
from rich.console import Console

from core.command_line import HELP_STYLE, ends_unread, is_unread, tells_version
from core.errors import INSTALL_TRAINING, InCabError, sentence_of
from training.commands.agree import Agree
from training.commands.channels import Channels
from training.commands.data import BenchStore, Inspect, Prepare
from training.commands.evaluate import Evaluate
from training.commands.export import Export
from training.commands.fit import Fit
from training.commands.imports import Import
from training.commands.quantize import Quantize
from training.commands.report import Report
from training.commands.reproduce import Reproduce
from training.commands.synthesize import Synthesize

EXIT_DONE, EXIT_FAILED, EXIT_USAGE = 0, 1, 2

COMMANDS = (
    Synthesize
    | Inspect
    | Prepare
    | BenchStore
    | Fit
    | Quantize
    | Channels
    | Evaluate
    | Reproduce
    | Report
    | Agree
    | Import
    | Export
)


@ends_unread
def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    if tells_version(sys.argv[1:] if arguments is None else arguments):
        return EXIT_DONE
    try:
        command = tyro.cli(
            COMMANDS, args=arguments, prog="incab-train", description=__doc__, config=HELP_STYLE
        )
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
        more = ""
        if isinstance(command, Fit | Reproduce | Prepare | Synthesize):
            more = "; the same command (fit: with --resume) goes on from here"
        print(f"Stopped{more}.", file=sys.stderr)
        return EXIT_FAILED
    except (InCabError, OSError) as error:
        if is_unread(error):
            raise
        if command.debug:
            traceback.print_exc()
        print(f"incab-train: {sentence_of(error)}", file=sys.stderr)
        if isinstance(error, OSError) and isinstance(command, Fit) and command.can_resume:
            print("With --resume the same command goes on from what was saved.", file=sys.stderr)
        return EXIT_FAILED
    except ImportError as error:
        if command.debug:
            traceback.print_exc()
        what = f"A library cannot be loaded ({error}); training needs more than the application"
        print(f"incab-train: {what}: {INSTALL_TRAINING}.", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
