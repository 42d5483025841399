"""Which files this process is recording into, and that nobody here opens them by other means.

POSIX gives locks to a process, not to a descriptor: whoever in this process opens a file that
SQLite has locked, and closes it again, drops SQLite's locks, and another process may then change
the file under the writer (https://sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import SessionFileError

# Device and inode: a file may have several names, and its locks belong to all of them.
FileKey = tuple[int, int]

_COMPANIONS = ("-wal", "-shm", "-journal")
_claimed: set[FileKey] = set()


def claim(descriptor: int) -> FileKey:
    """From now on this open file is one that is being recorded."""
    status = os.fstat(descriptor)
    key = (status.st_dev, status.st_ino)
    _claimed.add(key)
    return key


def release(key: FileKey) -> None:
    """SQLite has closed it; again does nothing."""
    _claimed.discard(key)


def being_recorded(path: Path) -> bool:
    """Whether a file, or the session that it is a companion of, is being written here."""
    try:
        real = os.path.realpath(path)
        names = [real, *(real.removesuffix(end) for end in _COMPANIONS if real.endswith(end))]
        return any(_key(name) in _claimed for name in names)
    except ValueError:
        # No file has such a name.
        return False


def _key(name: str) -> FileKey | None:
    try:
        status = os.stat(name)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def refuse_recorded(path: Path) -> None:
    """Raise SessionFileError for a file that is being recorded here."""
    if being_recorded(path):
        raise SessionFileError(f"{path} is being recorded; stop the recording first.")
