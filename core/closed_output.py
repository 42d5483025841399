"""A command whose output nobody reads any more, as in `incab bench --help | head -1`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

# What shells report of a program that SIGPIPE ended. The signal itself stays ignored: pipes to
# child processes break too, and whoever writes to one handles that.
EXIT_UNREAD = 128 + 13

_Given = ParamSpec("_Given")


def ends_unread(main: Callable[_Given, int]) -> Callable[_Given, int]:
    """Let an entry point that raises BrokenPipeError end quietly, with EXIT_UNREAD."""

    @wraps(main)
    def run(*arguments: _Given.args, **named: _Given.kwargs) -> int:
        try:
            status = main(*arguments, **named)
            # A short output is written only now.
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
        except BrokenPipeError:
            pass
        except SystemExit as ending:
            # What rich makes of a BrokenPipeError.
            if not isinstance(ending.__context__, BrokenPipeError):
                raise
        _drop_what_is_left()
        return EXIT_UNREAD

    return run


def _drop_what_is_left() -> None:
    """Leave nothing that the interpreter would fail to write, and complain of, as it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nothing, stream.fileno())
    os.close(nothing)
