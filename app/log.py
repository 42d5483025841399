"""The log file: what InCab did and on what machine, for whoever has to find a fault. No Qt.

It lies in the system's usual place or in $INCAB_LOG, is started anew at a megabyte, and three older
ones are kept. Addresses of streams lose their user names, passwords and queries before they get
there, whoever wrote them.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from platformdirs import user_log_path

from app.facts import facts

LOG_FOLDER = "INCAB_LOG"
LOG_NAME = "incab.log"
_LARGEST_BYTES = 1_000_000
_OLDER_KEPT = 3
# Ours tell their story in the file; of libraries only complaints are kept.
_OUR_PACKAGES = ("app", "core")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"<>]+")

_log = logging.getLogger(__name__)


def log_folder() -> Path:
    """Where the log and crash reports go: $INCAB_LOG, else the user's log folder."""
    folder = os.environ.get(LOG_FOLDER)
    return Path(folder) if folder else user_log_path("InCab", appauthor=False)


def without_secrets(text: str) -> str:
    """The text with every URL in it reduced to scheme, host and path."""
    return _URL.sub(_discreet, text)


def _discreet(url: re.Match[str]) -> str:
    # Only now: it brings OpenCV along, and `incab doctor` shall run where that is broken.
    from core.camera import without_credentials

    return without_credentials(url.group())


class _Discreet(logging.Formatter):
    """Leaves out what nobody else may read; tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class _LogFile(RotatingFileHandler):
    """Goes on in the same file where a new one cannot be begun."""

    def doRollover(self) -> None:
        """Begin a new file; on Windows none can be while another InCab has this one open."""
        try:
            super().doRollover()
            self.maxBytes = _LARGEST_BYTES
        except OSError:
            # It is opened again for the next line. To try at each of them would lose older files.
            self.maxBytes += _LARGEST_BYTES


class Log:
    """Log to the file and, complaints only, to the terminal, until it is closed."""

    def __init__(self, command: str) -> None:
        """Open the file and write what machine this is.

        Args:
            command: which command runs, as in "incab replay".
        """
        self.path: Path | None = log_folder() / LOG_NAME
        terminal = logging.StreamHandler(sys.stderr)
        terminal.setLevel(logging.WARNING)
        terminal.setFormatter(_Discreet("%(levelname)s %(name)s: %(message)s"))
        self._handlers: list[logging.Handler] = [terminal]
        problem = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = _LogFile(
                self.path, maxBytes=_LARGEST_BYTES, backupCount=_OLDER_KEPT, encoding="utf-8"
            )
        except OSError as error:
            # Nothing is so important in it that InCab should not start.
            self.path, problem = None, error
        else:
            line = "%(asctime)s %(process)d %(levelname)s %(threadName)s %(name)s: %(message)s"
            file.setFormatter(_Discreet(line))
            self._handlers.append(file)
        for handler in self._handlers:
            logging.getLogger().addHandler(handler)
        self._levels = {name: logging.getLogger(name).level for name in _OUR_PACKAGES}
        for name in _OUR_PACKAGES:
            logging.getLogger(name).setLevel(logging.INFO)
        if problem is not None:
            _log.warning("no log is kept: %s", problem)
        _log.info("%s starts; %s", command, "; ".join(f"{k}: {v}" for k, v in facts().items()))

    def close(self) -> None:
        """Leave logging as it was."""
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()
