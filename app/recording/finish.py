"""Makes one file of a session that was not closed."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from core.errors import SessionFileError


def unfinished(path: Path) -> bool:
    """Whether part of the session still lies in the log beside it."""
    return path.with_name(f"{path.name}-wal").is_file()


def finish(path: Path) -> None:
    """Write the log into a session that was read and checked before.

    Raises:
        SessionFileError: it is being recorded at this moment, or cannot be written.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(path, isolation_level=None, timeout=1.0)
        ) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise SessionFileError(f"{path} is in use; close what records or reads it first.")
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise SessionFileError(
            f"{path} cannot be finished ({error}); close what records it, and check that its "
            "folder may be written."
        ) from error
