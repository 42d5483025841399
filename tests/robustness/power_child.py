"""Records like recording_child, and keeps what a power cut would surely leave; to be stopped.

python -m tests.robustness.power_child FILE CLIPS_PER_SECOND SECONDS IMAGES

Into the folder IMAGES goes a copy of the session and its log at each commit, under a number. When
the disk has taken the log, "synced" names the newest copy that it has taken for certain.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import sys
import time
from pathlib import Path

from app.recording.disk_sync import DiskSync
from tests.robustness import recording_child

_KEPT_IMAGES = 3
_SLOWEST_DISK_S = 1.5


class Images:
    """Copies of a session file and its log."""

    def __init__(self, session: Path, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._newest = 0
        self._synced = 0
        folder.mkdir()

    def install(self) -> None:
        """Copy at each commit, and watch what is brought to the disk."""
        ask, fsync = DiskSync.ask, os.fsync

        def ask_after_copy(sync: DiskSync) -> None:
            # Here the thread that writes is between two transactions: the copy is whole.
            self._take()
            ask(sync)

        def watched_fsync(handle: int) -> None:
            if not os.readlink(f"/proc/self/fd/{handle}").endswith("-wal"):
                fsync(handle)
                return
            newest = self._newest
            # A disk that is busy with other things; meanwhile more is committed.
            time.sleep(random.uniform(0.0, _SLOWEST_DISK_S))
            fsync(handle)
            if newest:
                self._say_synced(newest)

        DiskSync.ask = ask_after_copy  # type: ignore[method-assign]
        os.fsync = watched_fsync  # type: ignore[assignment]

    def _take(self) -> None:
        number = self._newest + 1
        for path in parts(self._session):
            shutil.copyfile(path, self._folder / f"{number}{_ending(path)}")
        self._newest = number

    def _say_synced(self, number: int) -> None:
        said = self._folder / "synced.new"
        said.write_text(str(number))
        said.replace(self._folder / "synced")
        for old in itertools.takewhile(
            lambda one: one < number - _KEPT_IMAGES, itertools.count(self._synced + 1)
        ):
            for path in parts(self._session):
                (self._folder / f"{old}{_ending(path)}").unlink(missing_ok=True)
            self._synced = old


def parts(session: Path) -> tuple[Path, Path]:
    """The file of a session and its log."""
    return session, session.with_name(f"{session.name}-wal")


def _ending(part: Path) -> str:
    return ".wal" if part.name.endswith("-wal") else ".db"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    Images(path, Path(sys.argv[4])).install()
    sys.exit(recording_child.main(path, float(sys.argv[2]), float(sys.argv[3])))
