"""`incab`: the window; its other commands also work without a screen."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Protocol

import tyro

from app.commands.bench import Bench
from app.commands.common import EXIT_DONE, EXIT_FAILED, EXIT_USAGE
from app.commands.demo import Demo
from app.commands.doctor import Doctor
from app.commands.replay import Replay
from app.commands.sessions import Sessions
from app.commands.window import Window
from app.crash_report import FatalWatch, write_report
from app.ending import EndNow, end_at_once
from app.log import Log, without_secrets
from core.command_line import HELP_STYLE, ends_unread, is_unread, tells_version
from core.errors import InCabError, sentence_of

_log = logging.getLogger(__name__)


class Command(Protocol):
    """One command: its options, read by tyro from a dataclass."""

    @property
    def debug(self) -> bool:
        """Whether to show a traceback when it fails."""
        ...

    def run(self) -> int:
        """Do it; returns the exit code."""
        ...


# The window needs no name of its own, and its SOURCE may be any file name.
COMMANDS: dict[str, type[Command]] = {
    "demo": Demo,
    "replay": Replay,
    "bench": Bench,
    "doctor": Doctor,
    "sessions": Sessions,
}


@ends_unread
def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code 0 (done), 1 (failed) or 2 (wrong usage)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if tells_version(arguments):
        return EXIT_DONE
    command_type = COMMANDS.get(arguments[0]) if arguments else None
    name = "incab" if command_type is None else f"incab {arguments[0]}"
    try:
        if command_type is None:
            command = tyro.cli(Window, args=arguments, prog=name, config=HELP_STYLE)
        else:
            command = tyro.cli(command_type, args=arguments[1:], prog=name, config=HELP_STYLE)
    except SystemExit as exit_request:
        return EXIT_USAGE if exit_request.code else EXIT_DONE
    try:
        with Log(name), FatalWatch():
            return _run(command)
    except EndNow as end:
        end_at_once(end.status)


def _run(command: Command) -> int:
    try:
        return command.run()
    except KeyboardInterrupt:
        return EXIT_FAILED
    except (InCabError, OSError) as error:
        if is_unread(error):
            raise
        _log.info("failed: %s", error)
        if command.debug:
            traceback.print_exc()
        print(f"incab: {sentence_of(error)}", file=sys.stderr)
        return EXIT_FAILED
    except ImportError as error:
        _log.info("a library cannot be loaded", exc_info=error)
        if command.debug:
            traceback.print_exc()
        print(f"incab: A library cannot be loaded ({error}); run `incab doctor`.", file=sys.stderr)
        return EXIT_FAILED
    except EndNow:
        raise
    except Exception as error:
        _log.info("unexpected error", exc_info=error)
        report = write_report(type(error), error, error.__traceback__)
        if command.debug:
            traceback.print_exc()
        what = without_secrets(f"{type(error).__name__}: {error}").splitlines()[0][:160]
        where = f"A report to copy is in {report}." if report else "Add --debug to see where."
        print(f"incab: Something unexpected went wrong ({what}). {where}", file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
