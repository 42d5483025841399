"""A file that says what went wrong, to be copied into a bug report. No Qt.

What Python can still tell (an exception that nobody expected) becomes `crash-TIME.txt` at once.
What it cannot (a crash in native code) is written by faulthandler into a file that lies ready; the
next start finds it and gives it such a name.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import re
import sys
import time
import traceback
from datetime import datetime
from pathlib import Path
from types import TracebackType

import psutil

from app.facts import facts
from app.log import LOG_NAME, log_folder, without_secrets

_log = logging.getLogger(__name__)

_REPORTS_KEPT = 10
_LOG_LINES = 60
_LONGEST_TAIL_BYTES = 64_000
# On Windows faulthandler also writes of exceptions that are handled, as those of COM are. One that
# ends a process has a name or is of the severest kind.
_FATAL = re.compile("Fatal Python error|Windows fatal exception: (?!code 0x(?!c))")


def write_report(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> Path | None:
    """Write one report; where it lies, or None when it could not be written."""
    text = "".join(traceback.format_exception(kind, error, trace))
    return _write(text, time.time())


class FatalWatch:
    """While it is open, a crash in native code leaves the stacks of all threads in a file."""

    def __init__(self) -> None:
        """Begin; never fails, because nothing hangs on it."""
        self._path = log_folder() / f"fatal-{os.getpid()}.txt"
        self._file = None
        if faulthandler.is_enabled():
            # Somebody wants it on the terminal.
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w", encoding="utf-8")
            faulthandler.enable(self._file)

    def close(self) -> None:
        """The process ends in order: there is nothing to report."""
        if self._file is None:
            return
        faulthandler.disable()
        self._file.close()
        self._file = None
        with contextlib.suppress(OSError):
            self._path.unlink()

    def __enter__(self) -> FatalWatch:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


def report_of_last_crash() -> Path | None:
    """The report of a process that crashed in native code and was not reported yet, or None."""
    report = None
    for left in sorted(log_folder().glob("fatal-*.txt")):
        number = left.stem.removeprefix("fatal-")
        if not number.isdecimal() or psutil.pid_exists(int(number)):
            continue
        with contextlib.suppress(OSError):
            stacks = left.read_text(encoding="utf-8", errors="replace")
            crashed_s = left.stat().st_mtime
            left.unlink()
            # A process that was killed leaves an empty one.
            if stacks.strip() and (sys.platform != "win32" or _FATAL.search(stacks)):
                report = _write(stacks, crashed_s)
    return report


def _write(what: str, when_s: float) -> Path | None:
    # To the microsecond: names sort by time, and no two are the same.
    moment = datetime.fromtimestamp(when_s).strftime("%Y%m%d-%H%M%S-%f")
    lines = [
        f"InCab crash report, {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(when_s))}",
        *(f"{name}: {value}" for name, value in facts().items()),
        "",
        what.rstrip(),
        "",
        "The end of the log:",
        *_tail_of_log(),
    ]
    folder = log_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"crash-{moment}.txt"
        path.write_text(without_secrets("\n".join(lines)) + "\n", encoding="utf-8")
        for old in sorted(folder.glob("crash-*.txt"))[:-_REPORTS_KEPT]:
            old.unlink()
    except OSError as problem:
        _log.warning("the crash report cannot be written: %s", problem)
        return None
    return path


def _tail_of_log() -> list[str]:
    try:
        with (log_folder() / LOG_NAME).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LONGEST_TAIL_BYTES))
            return log.read().decode("utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        return []
