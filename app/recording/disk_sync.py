"""Brings what was committed to the disk itself, without anybody waiting for it.

A commit is in the hands of the system at once and survives a kill. Until it survives a power cut
too, a busy disk may take seconds, in which the next commits would have to wait and a kill would
take them along.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

# On Windows a file is synchronised through a descriptor that may write, and is binary.
_FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0)


class DiskSync:
    """Synchronises a session file, once, and its log, again and again, on a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        # Closed only after SQLite's own: with it the system would drop SQLite's locks.
        self._file = os.open(path, _FLAGS)
        self._condition = threading.Condition()
        self._asked = False
        self._stopping = False
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="incab-disk-sync", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Something was committed.

        Raises:
            OSError: what was committed before could not be brought to the disk.
        """
        with self._condition:
            if self._error is not None:
                raise self._error
            self._asked = True
            self._condition.notify_all()

    def stop(self) -> None:
        """End the thread; the log may be taken away then."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        self._thread.join()

    def close(self) -> None:
        """Let go of the file, after SQLite has."""
        self.stop()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _run(self) -> None:
        log = -1
        try:
            self._sync_file()
            while self._wait():
                if log < 0:
                    log = os.open(self._log, _FLAGS)
                os.fsync(log)
        except OSError as error:
            with self._condition:
                self._error = error
        finally:
            if log >= 0:
                os.close(log)

    def _sync_file(self) -> None:
        os.fsync(self._file)
        if os.name == "posix":
            # Its name stands in the folder.
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _wait(self) -> bool:
        """Until something was committed; False to end."""
        with self._condition:
            self._condition.wait_for(lambda: self._asked or self._stopping)
            self._asked = False
            return not self._stopping
