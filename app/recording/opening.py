"""Opens session files that may come from anywhere: read-only, checked, in bounded time.

Nothing in a session is trusted: its schema must be the one InCab makes, word for word (so it
holds no view, trigger or expression to run), SQLite's own check must pass, and every statement is
bounded in time and every value in size.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

from app.recording.in_use import being_recorded, refuse_recorded
from app.recording.limits import LARGEST_BYTES
from app.recording.schema import (
    APPLICATION_ID,
    RELEASED,
    VERSION,
    check_sqlite,
    migrate,
    why_foreign,
)
from core.errors import SessionFileError

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
# The class names of a model are the longest text there is.
_LONGEST_VALUE_BYTES = 4 * 2**20
_LONGEST_S = 120.0
_STEPS_BETWEEN_LOOKS = 100_000

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: _LONGEST_VALUE_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 64,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 32,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 4,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 8,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
}


def looks_like_session(path: Path) -> bool:
    """Whether a file says of itself that it is a session; reads 100 bytes."""
    if being_recorded(path):
        return True
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except (OSError, ValueError):
        return False
    return header.startswith(_MAGIC) and _number(header, 68) == APPLICATION_ID


@contextlib.contextmanager
def opened(path: Path, check: bool = True) -> Generator[sqlite3.Connection]:
    """A connection to a session of the present version; the file itself is never changed.

    An older one is migrated in a copy.

    Args:
        path: the session file.
        check: run SQLite's own check over the whole file first.

    Raises:
        SessionFileError: it is missing, damaged, too large, newer than this InCab, no session,
            or is being recorded by this process.
    """
    check_sqlite()
    refuse_recorded(path)
    version = _check_header(path)
    try:
        with contextlib.ExitStack() as stack:
            yield _checked(path, stack, version, check)
    except (sqlite3.Error, MemoryError) as error:
        raise SessionFileError(_sentence(path, error)) from error


def _checked(
    path: Path, stack: contextlib.ExitStack, version: int, check: bool
) -> sqlite3.Connection:
    try:
        connection = _connect(path, stack, copied=version < VERSION)
        if problem := why_foreign(connection, version):
            raise SessionFileError(f"{path} is not a session: {problem}.")
        if check:
            _check_whole(path, connection)
        if version < VERSION:
            migrate(connection, version)
        connection.execute("PRAGMA query_only = ON")
    except UnicodeError as error:
        # Only here: where the session is used, characters may fail that are none of its fault.
        raise SessionFileError(_sentence(path, error)) from error
    return connection


def _check_header(path: Path) -> int:
    """The version that the file names."""
    try:
        if path.is_dir():
            raise SessionFileError(f"{path} is a folder; choose a session file inside it.")
        if not path.is_file():
            raise SessionFileError(f"There is no file {path}; check the path.")
        size = path.stat().st_size
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except (OSError, ValueError) as error:
        raise SessionFileError(f"{path} cannot be read: {error}; check the path.") from error
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise SessionFileError(f"{path} is not a session that InCab recorded.")
    if _number(header, 68) != APPLICATION_ID:
        raise SessionFileError(f"{path} is a database, but not a session that InCab recorded.")
    if size > LARGEST_BYTES:
        raise SessionFileError(
            f"{path} is larger than {LARGEST_BYTES // 2**30} GiB; it is refused."
        )
    version = _number(header, 60)
    if version > VERSION:
        raise SessionFileError(
            f"{path} was recorded by a newer InCab (format {version}, this one knows {VERSION}); "
            "update InCab to open it."
        )
    if version not in RELEASED:
        raise SessionFileError(f"{path} names a format {version} that there never was.")
    return version


def _number(header: bytes, start: int) -> int:
    return int.from_bytes(header[start : start + 4], "big")


def _connect(path: Path, stack: contextlib.ExitStack, copied: bool) -> sqlite3.Connection:
    """Open read-only; where that needs writing (recovery, migration), open a copy."""
    if not copied:
        try:
            connection = _try(path, "ro")
        except sqlite3.OperationalError as error:
            # A log beside it has to be read in, and this folder may not be written.
            if "malformed" in str(error) or not _companions(path):
                raise
        else:
            stack.callback(connection.close)
            return connection
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="incab-session-")))
    copy = folder / "session.sqlite"
    try:
        shutil.copyfile(path, copy)
        for companion in _companions(path):
            ending = companion.name.removeprefix(path.name)
            shutil.copyfile(companion, folder / f"{copy.name}{ending}")
    except OSError as error:
        raise SessionFileError(
            f"{path} has to be copied to be read, and that failed ({error.strerror})."
        ) from error
    connection = _try(copy, "rw")
    stack.callback(connection.close)
    return connection


def _companions(path: Path) -> list[Path]:
    """The log of a recording that was not closed, or of a change that was interrupted."""
    names = (f"{path.name}-wal", f"{path.name}-journal")
    return [path.with_name(name) for name in names if path.with_name(name).is_file()]


def _try(path: Path, mode: str) -> sqlite3.Connection:
    # Without a log nobody is writing it, and it can be read where nothing may be written.
    alone = "" if _companions(path) or mode == "rw" else "&immutable=1"
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}{alone}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            connection.execute(f"PRAGMA {setting}")
        deadline_s = time.monotonic() + _LONGEST_S
        connection.set_progress_handler(lambda: time.monotonic() > deadline_s, _STEPS_BETWEEN_LOOKS)
        # The first look at the file; recovers what a kill left.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_whole(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        reason = " ".join(str(found[0] if found else "no answer").split())[:160]
        raise SessionFileError(f"{path} is damaged ({reason}); copy it again or use a backup.")


def _sentence(path: Path, error: Exception) -> str:
    if "interrupted" in str(error):
        return f"{path} takes longer than {_LONGEST_S:.0f} s to read; it is refused."
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return f"{path} is damaged or cannot be read ({reason}); copy it again or use a backup."
