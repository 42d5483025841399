"""The tables of a session file, their versions, and the way from an older one to the present.

docs/sessions.md explains every column.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from core.errors import SessionFileError

# "ICab" in ASCII: bytes 68 to 71 of every session file.
APPLICATION_ID = 0x49436162
VERSION = 1

# What stands in sqlite_schema is compared with this text, so that a file with anything else in it
# (a view, a trigger, another constraint) is not a session.
TABLES: Mapping[str, str] = {
    "session": """CREATE TABLE session (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    started_unix_s REAL NOT NULL,
    ended_unix_s REAL,
    end_reason TEXT,
    made_by TEXT NOT NULL,
    source_kind TEXT NOT NULL CHECK (source_kind IN ('file', 'camera', 'stream')),
    source_name TEXT NOT NULL,
    source_path TEXT,
    source_bytes INTEGER,
    source_fingerprint TEXT,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    fps REAL,
    duration_s REAL,
    annotations TEXT
) STRICT""",
    "model": """CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    slot TEXT NOT NULL,
    kind TEXT NOT NULL,
    file_name TEXT NOT NULL,
    file_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    engine TEXT NOT NULL,
    labels TEXT NOT NULL,
    twins INTEGER NOT NULL
) STRICT""",
    "clip": """CREATE TABLE clip (
    id INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    time_s REAL NOT NULL,
    captured_unix_s REAL NOT NULL,
    truth TEXT
) STRICT""",
    "answer": """CREATE TABLE answer (
    clip_id INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    best INTEGER NOT NULL,
    label INTEGER,
    confidence REAL NOT NULL,
    latency_ms REAL NOT NULL,
    probabilities BLOB NOT NULL,
    PRIMARY KEY (clip_id, model_id)
) STRICT, WITHOUT ROWID""",
    "truth": """CREATE TABLE truth (
    first_frame INTEGER PRIMARY KEY,
    end_frame INTEGER NOT NULL,
    activity TEXT NOT NULL
) STRICT""",
    "event": """CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    at_unix_s REAL NOT NULL,
    time_s REAL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT""",
    "counter": """CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
}

# The tables of every version that was ever released, and the statements that lead from a version
# to the next one.
RELEASED: dict[int, Mapping[str, str]] = {VERSION: TABLES}
MIGRATIONS: dict[int, tuple[str, ...]] = {}

# STRICT tables.
_OLDEST_SQLITE = (3, 37, 0)


def check_sqlite() -> None:
    """Raise SessionFileError where Python brings an SQLite that is too old."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise SessionFileError(
            f"Sessions need SQLite 3.37 or newer and this Python brings {sqlite3.sqlite_version}; "
            "install a newer Python."
        )


def create_tables(connection: sqlite3.Connection) -> None:
    """Make an empty database a session of the present version."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    for statement in TABLES.values():
        connection.execute(statement)


def why_foreign(connection: sqlite3.Connection, version: int) -> str | None:
    """What in this database is not as InCab makes it; None when all is."""
    wanted = RELEASED[version]
    # One more than there may be is enough to know.
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema LIMIT ?", (len(wanted) + 1,)
    ).fetchall()
    for kind, name, sql in rows:
        if kind != "table" or wanted.get(str(name)) != sql:
            return f"it holds a {str(kind)[:20]} {str(name)[:40]!r} that InCab did not make"
    missing = wanted.keys() - {str(name) for _, name, _ in rows}
    return f"its table {min(missing)!r} is missing" if missing else None


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a session of an older version to the present one, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, VERSION):
            for statement in MIGRATIONS[step]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
