"""One process at a time trains into a folder: two would overwrite each other's checkpoints."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import DataError

LOCK_FILE = "run.lock"


class BusyError(DataError):
    """Another process is at it."""


@contextmanager
def exclusive(out: Path) -> Generator[None]:
    """While this lasts, no other process gets past it for the same folder, which is made.

    The system takes the lock back when its process ends, however it ends; the file stays.

    Raises:
        BusyError: another process is at it.
        DataError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = FileLock(out / LOCK_FILE)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise BusyError(
            f"Another process is working in {out}; wait for it, or choose another --out."
        ) from error
    except OSError as error:
        raise DataError(
            f"Cannot write into {out} ({error.strerror}); choose another --out."
        ) from error
    try:
        yield
    finally:
        lock.release()
