"""One process at a time works in a folder: two would overwrite each other's files."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from core.errors import DataError

if TYPE_CHECKING:
    # It loads PyTorch, which preparing data does without.
    from training.processes import Processes

LOCK_FILE = "run.lock"


class BusyError(DataError):
    """Another process works there."""


@contextmanager
def exclusive(
    folder: Path, processes: Processes | None = None, patience_s: float = 0.0
) -> Generator[None]:
    """While this lasts, no other process gets past it for the same folder, which is made.

    It waits `patience_s` for another one to be done. Whoever holds it may take it again. Processes
    that train together hold it as one. The system takes it back when its process ends, however it
    ends.

    Raises:
        BusyError: another process holds it.
        DataError: the folder cannot be written.
    """
    # The same object for the same file, which counts how often it was taken.
    lock = FileLock(folder / LOCK_FILE, is_singleton=True)
    refused: DataError | None = None
    is_first = processes is None or processes.is_first
    if is_first:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=patience_s)
        except Timeout:
            refused = BusyError(f"Another process is working in {folder}; wait until it is done.")
        except OSError as error:
            refused = DataError(
                f"Cannot write into {folder} ({error.strerror}); mend that or choose another."
            )
    if processes is not None:
        # All of them, or the others would wait for the first one for ever.
        refused = processes.everybodys(refused)[0]
    if refused is not None:
        raise refused
    try:
        yield
    finally:
        if is_first:
            lock.release()
