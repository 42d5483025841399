"""Looks through a Drive&Act root away from the window's thread.

A folder on a network that is gone can block for ever, so this is a daemon thread: one that is stuck
keeps neither the window nor the program.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from core.driveact_runs import runs_to_watch
from core.errors import InCabError

_log = logging.getLogger(__name__)


class RunLookup(QObject):
    """One search at a time; another one makes the one before meaningless."""

    found = Signal(object)  # tuple of Run
    failed = Signal(str)  # sentence
    _over = Signal(int, object)  # which search; tuple of Run, or a sentence

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._search = 0
        self._stop = threading.Event()
        self._over.connect(self._on_over)

    def look(self, root: Path) -> None:
        """Begin to look through a root; `found` or `failed` follows."""
        self.give_up()
        self._stop = threading.Event()
        thread = threading.Thread(
            target=self._look,
            args=(self._search, root, self._stop),
            name="incab-runs",
            daemon=True,
        )
        thread.start()

    def give_up(self) -> None:
        """Let the present search say nothing any more, and end as soon as it can."""
        self._search += 1
        self._stop.set()

    def _look(self, search: int, root: Path, stop: threading.Event) -> None:
        try:
            result = runs_to_watch(root, stop.is_set)
        except (InCabError, OSError) as error:
            result = str(error)
        except Exception:
            # The edge of the thread: whoever waits for the search has to hear that it is over.
            _log.exception("looking through %s failed unexpectedly", root)
            result = f"{root} cannot be looked through; the log holds the details."
        # The window may be gone by now, and this object with it.
        with contextlib.suppress(RuntimeError):
            if not stop.is_set():
                self._over.emit(search, result)

    def _on_over(self, search: int, result: object) -> None:
        if search != self._search:
            return
        if isinstance(result, str):
            self.failed.emit(result)
        else:
            self.found.emit(result)
