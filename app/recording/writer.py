"""Writes one session file. It belongs to one thread.

Until it is closed a session is a file in WAL mode with its `-wal` beside it: what was committed
survives a kill at any moment, and a power cut as soon as the disk has taken it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np

from app.recording.disk_sync import DiskSync
from app.recording.records import (
    MOST_EVENT_LETTERS,
    AnswerRecord,
    ClipRecord,
    CountersRecord,
    EventRecord,
    ModelRecord,
    Record,
    SourceRecord,
    TruthRecord,
)
from app.recording.schema import check_sqlite, create_tables
from core.errors import SessionFileError

# A person's activities are nobody else's business.
_PRIVATE = 0o600
# A megabyte, a quarter of a minute: what would be lost with a `-wal` that somebody leaves behind.
_LONGEST_LOG_PAGES = 256


class SessionWriter:
    """Appends records to a new session file; nothing counts until `commit`.

    Raises:
        SessionFileError: the file exists or cannot be written. After one of a later call the
            writer is to be closed; what was committed stays.
    """

    def __init__(
        self, path: Path, source: SourceRecord, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = path
        self.clips = 0
        self._clock = clock
        self._models: dict[str, tuple[int, ModelRecord]] = {}
        check_sqlite()
        with self._refusing():
            # A `-wal` left behind by another file of this name would be taken for ours.
            for taken in (path, path.with_name(f"{path.name}-wal")):
                if taken.exists():
                    raise SessionFileError(f"{taken} exists already; choose another name.")
            self._create(source)
            self._sync = DiskSync(path)
            self._connection = sqlite3.connect(path, isolation_level=None)
            try:
                # Of single commits DiskSync takes care; SQLite keeps their order in any case.
                self._connection.execute("PRAGMA synchronous = NORMAL")
                self._connection.execute(f"PRAGMA wal_autocheckpoint = {_LONGEST_LOG_PAGES}")
                self._connection.execute("BEGIN")
            except BaseException:
                self.abandon()
                raise

    def _create(self, source: SourceRecord) -> None:
        """Make the file: whatever bears the final name is a whole session from its first moment."""
        partial = self.path.with_name(f"{self.path.stem}.partial-{os.getpid()}{self.path.suffix}")
        try:
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL, _PRIVATE))
            with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as made:
                made.execute("PRAGMA synchronous = OFF")
                made.execute("PRAGMA journal_mode = WAL")
                made.execute("BEGIN")
                create_tables(made)
                self._insert_session(made, source)
                made.execute("COMMIT")
            os.replace(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)

    def _insert_session(self, connection: sqlite3.Connection, source: SourceRecord) -> None:
        values = asdict(source)
        names = ("kind", "name", "path", "file_bytes", "fingerprint")
        more = ("width", "height", "fps", "duration_s", "annotations")
        row = [self._clock(), None, None, f"InCab {metadata.version('incab')}"]
        row += [_writable(values[name]) for name in (*names, *more)]
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO session VALUES (1, {marks})", row)

    @contextlib.contextmanager
    def _refusing(self) -> Generator[None]:
        """Turn what SQLite and the system say into a sentence."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise SessionFileError(_sentence(self.path, error)) from error

    def add(self, record: Record) -> None:
        """Append one record; it can be read after the next commit."""
        with self._refusing():
            match record:
                case ClipRecord():
                    self._add_clip(record)
                case ModelRecord():
                    self._add_model(record)
                case TruthRecord():
                    self._connection.executemany(
                        "INSERT INTO truth VALUES (?, ?, ?)", _stretches(record.frames)
                    )
                case EventRecord():
                    self._connection.execute(
                        "INSERT INTO event (at_unix_s, time_s, kind, text) VALUES (?, ?, ?, ?)",
                        (record.at_unix_s, record.time_s, record.kind, _event_text(record.text)),
                    )
                case CountersRecord():
                    self._connection.executemany(
                        "INSERT OR REPLACE INTO counter VALUES (?, ?)", record.values.items()
                    )

    def _add_model(self, record: ModelRecord) -> None:
        known = self._models.get(record.slot)
        if known is not None and known[1] == record:
            return
        cursor = self._connection.execute(
            "INSERT INTO model (slot, kind, file_name, file_bytes, sha256, engine, labels, twins) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.slot,
                record.kind,
                _writable(record.file_name),
                record.file_bytes,
                record.sha256,
                record.engine,
                json.dumps(record.labels),
                int(record.twins),
            ),
        )
        assert cursor.lastrowid is not None
        self._models[record.slot] = (cursor.lastrowid, record)

    def _add_clip(self, record: ClipRecord) -> None:
        cursor = self._connection.execute(
            "INSERT INTO clip (segment, frame, time_s, captured_unix_s, truth) "
            "VALUES (?, ?, ?, ?, ?)",
            (record.segment, record.frame, record.time_s, record.captured_unix_s, record.truth),
        )
        self._connection.executemany(
            "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (cursor.lastrowid, self._models[slot][0], *_values(answer))
                for slot, answer in record.answers.items()
            ],
        )
        self.clips += 1

    def commit(self) -> None:
        """Make what was added survive whatever happens next."""
        with self._refusing():
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")
            self._sync.ask()

    def close(self, reason: str) -> None:
        """Commit, note why and when it ended, and leave one file that needs no other."""
        with self._refusing():
            try:
                self._connection.execute(
                    "UPDATE session SET ended_unix_s = ?, end_reason = ?", (self._clock(), reason)
                )
                self._connection.execute("COMMIT")
                self._sync.stop()
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                # Somebody may be reading it at this moment; then it stays in WAL mode.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._connection.execute("PRAGMA journal_mode = DELETE")
            finally:
                self._connection.close()
                self._sync.close()

    def abandon(self) -> None:
        """Close after an error: what was committed stays, the rest is given up."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._sync.close()


def _stretches(frames: tuple[str | None, ...]) -> Iterator[tuple[int, int, str]]:
    """Runs of one activity as first frame, frame after the last, name."""
    first = 0
    for activity, run in itertools.groupby(frames):
        end = first + sum(1 for _ in run)
        if activity is not None:
            yield first, end, activity
        first = end


def _writable(value: object) -> object:
    """File names need not be Unicode; what is stored has to be."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _event_text(text: str) -> str:
    """Sentences quote what libraries say, at any length; a reader takes MOST_EVENT_LETTERS."""
    return str(_writable(text))[:MOST_EVENT_LETTERS]


def _values(answer: AnswerRecord) -> tuple[int, int | None, float, float, bytes]:
    half = answer.probabilities.astype("<f2")
    return (
        answer.best,
        answer.label,
        # Six digits are more than anybody reads, and what float32 holds.
        round(answer.confidence, 6),
        round(answer.latency_ms, 4),
        np.ascontiguousarray(half).tobytes(),
    )


def _sentence(path: Path, error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
    else:
        reason = str(error)
    if "full" in reason or "No space" in reason:
        return f"The disk that holds {path} is full; free some space or choose another folder."
    return f"{path} cannot be written ({reason}); choose another folder."
