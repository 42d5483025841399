"""What every command line of InCab has in common: help in one style, a version, its output.

The output takes any character, also into files, and ends quietly where nobody reads it any more,
as in `incab bench --help | head -1`.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import tyro

from core.machine import installed_version

# Arguments are called by their names in the help, and nothing asks to be given "None".
HELP_STYLE = (tyro.conf.PositionalMetavarFromFieldName, tyro.conf.DisallowNone)

# What shells report of a program that SIGPIPE ended. The signal itself stays ignored: pipes to
# child processes break too, and whoever writes to one handles that.
EXIT_UNREAD = 128 + 13

_Given = ParamSpec("_Given")


def tells_version(arguments: list[str]) -> bool:
    """Print the version if that is all that is asked for; returns whether it was."""
    asked = arguments == ["--version"]
    if asked:
        print(f"InCab {installed_version('incab')}")
    return asked


def ends_unread(main: Callable[_Given, int]) -> Callable[_Given, int]:
    """Let an entry point print whatever it has, and end quietly with EXIT_UNREAD if unread."""

    @wraps(main)
    def run(*arguments: _Given.args, **named: _Given.kwargs) -> int:
        _take_every_character()
        try:
            status = main(*arguments, **named)
            # A short output is written only now.
            if sys.stdout is not None:
                sys.stdout.flush()
            return status
        except OSError as error:
            if not is_unread(error):
                raise
        except SystemExit as ending:
            # What rich makes of a BrokenPipeError.
            if not is_unread(ending.__context__):
                raise
        _drop_what_is_left()
        return EXIT_UNREAD

    return run


def is_unread(error: BaseException | None) -> bool:
    """Whether it says that nobody reads the output any more; Windows may call that EINVAL."""
    if isinstance(error, BrokenPipeError):
        return True
    # It names no file.
    invalid = isinstance(error, OSError) and (error.errno, error.filename) == (errno.EINVAL, None)
    return invalid and sys.platform == "win32"


def _take_every_character() -> None:
    """Let no name of a file and no sign end a command, for want of it in the system's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Elsewhere the system's is UTF-8, or was chosen; Windows' is of the last century.
            encoding = "utf-8" if sys.platform == "win32" else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _drop_what_is_left() -> None:
    """Leave nothing that the interpreter would fail to write, and complain of, as it ends."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            os.dup2(nothing, stream.fileno())
    os.close(nothing)
