"""Writes one session file. It belongs to one thread.

Until it is closed a session is a file in WAL mode with its `-wal` beside it: what was committed
survives a kill at any moment, and a power cut as soon as the disk has taken it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Generator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from app.recording.disk_sync import DiskSync
from app.recording.in_use import FileKey, claim, release
from app.recording.limits import (
    BYTES_A_FILE,
    CLIPS_A_FILE,
    EVENTS_A_FILE,
    LARGEST_BYTES,
    MODELS_A_FILE,
    MOST_CLIPS,
)
from app.recording.records import (
    ClipRecord,
    CountersRecord,
    EventRecord,
    ModelRecord,
    Record,
    SourceRecord,
    TruthRecord,
)
from app.recording.schema import check_sqlite, create_tables
from app.recording.values import event_text, stretches, values_of, writable
from core.errors import SessionFileError
from core.files import move_into_place

# A person's activities are nobody else's business.
_PRIVATE = 0o600
# A megabyte, a quarter of a minute: what would be lost with a `-wal` that somebody leaves behind.
_LONGEST_LOG_PAGES = 256
# So long a clip can get another answer: half a minute at 30 clips a second.
_CLIPS_REMEMBERED = 900
# More than may come between two commits.
_ROOM_BYTES = 256 * 2**20


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
        # By segment and frame: the row of a clip and the models that have answered it.
        self._recent: dict[tuple[int, int], tuple[int, set[int]]] = {}
        self._model_rows = self._events = self._bytes = 0
        self._claimed: FileKey | None = None
        check_sqlite()
        with contextlib.ExitStack() as stack, self._refusing():
            stack.callback(self._release)
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
            stack.pop_all()

    def _create(self, source: SourceRecord) -> None:
        """Make the file: whatever bears the final name is a whole session from its first moment."""
        partial = self.path.with_name(f"{self.path.stem}.partial-{os.getpid()}{self.path.suffix}")
        try:
            empty = os.open(partial, os.O_CREAT | os.O_EXCL, _PRIVATE)
            # The file keeps its identity when it takes its final name.
            self._claimed = claim(empty)
            os.close(empty)
            with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as made:
                made.execute("PRAGMA synchronous = OFF")
                made.execute("PRAGMA journal_mode = WAL")
                made.execute("BEGIN")
                create_tables(made)
                self._insert_session(made, source)
                made.execute("COMMIT")
            move_into_place(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)

    def _insert_session(self, connection: sqlite3.Connection, source: SourceRecord) -> None:
        values = asdict(source)
        names = ("kind", "name", "path", "file_bytes", "fingerprint")
        more = ("width", "height", "fps", "duration_s", "annotations")
        row = [self._clock(), None, None, f"InCab {metadata.version('incab')}"]
        row += [writable(values[name]) for name in (*names, *more)]
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO session VALUES (1, {marks})", row)

    @contextlib.contextmanager
    def _refusing(self) -> Generator[None]:
        """Turn what SQLite and the system say into a sentence."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise SessionFileError(_sentence(self.path, error)) from error

    @property
    def full(self) -> bool:
        """Whether a recording should go on in another file; see app/recording/limits.py."""
        return (
            self.clips >= CLIPS_A_FILE
            or self._model_rows >= MODELS_A_FILE
            or self._events >= EVENTS_A_FILE
            or self._bytes >= BYTES_A_FILE
        )

    def add(self, record: Record) -> None:
        """Append one record; it can be read after the next commit.

        Raises:
            SessionFileError: also when the file holds as many clips as any reader takes.
        """
        with self._refusing():
            match record:
                case ClipRecord():
                    self._add_clip(record)
                case ModelRecord():
                    self._add_model(record)
                case TruthRecord():
                    self._connection.executemany(
                        "INSERT INTO truth VALUES (?, ?, ?)", stretches(record.frames)
                    )
                case EventRecord():
                    self._events += 1
                    self._connection.execute(
                        "INSERT INTO event (at_unix_s, time_s, kind, text) VALUES (?, ?, ?, ?)",
                        (record.at_unix_s, record.time_s, record.kind, event_text(record.text)),
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
                writable(record.file_name),
                record.file_bytes,
                record.sha256,
                record.engine,
                json.dumps(record.labels),
                int(record.twins),
            ),
        )
        assert cursor.lastrowid is not None
        self._model_rows += 1
        self._models[record.slot] = (cursor.lastrowid, record)

    def _add_clip(self, record: ClipRecord) -> None:
        if self.clips >= MOST_CLIPS or self._bytes >= LARGEST_BYTES - _ROOM_BYTES:
            raise SessionFileError(
                f"{self.path} is full: a session holds at most {MOST_CLIPS:,} clips and "
                f"{LARGEST_BYTES // 2**30} GiB; record in parts."
            )
        answers = {self._models[slot][0]: answer for slot, answer in record.answers.items()}
        clip, answered = self._recent.get((record.segment, record.frame), (0, set[int]()))
        if not answers or not clip or not answered.isdisjoint(answers):
            clip, answered = self._new_clip(record), set[int]()
        answered.update(answers)
        self._connection.executemany(
            "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(clip, model, *values_of(answer)) for model, answer in answers.items()],
        )
        # A teacher answers a clip when the students have long answered it.
        self._recent[record.segment, record.frame] = clip, answered
        while len(self._recent) > _CLIPS_REMEMBERED:
            del self._recent[next(iter(self._recent))]

    def _new_clip(self, record: ClipRecord) -> int:
        cursor = self._connection.execute(
            "INSERT INTO clip (segment, frame, time_s, captured_unix_s, truth) "
            "VALUES (?, ?, ?, ?, ?)",
            (record.segment, record.frame, record.time_s, record.captured_unix_s, record.truth),
        )
        assert cursor.lastrowid is not None
        self.clips += 1
        return cursor.lastrowid

    def commit(self) -> None:
        """Make what was added survive whatever happens next."""
        with self._refusing():
            self._bytes = self._read("page_count") * self._read("page_size")
            self._connection.execute("COMMIT")
            self._connection.execute("BEGIN")
            self._sync.ask()

    def _read(self, setting: str) -> int:
        (value,) = self._connection.execute(f"PRAGMA {setting}").fetchone()
        return int(value)

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
                self._sync.stop()
                self._connection.close()
                self._sync.close()
                self._release()

    def abandon(self) -> None:
        """Close after an error: what was committed stays, the rest is given up."""
        # First, because on Windows SQLite cannot take away a log that somebody has open.
        self._sync.stop()
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        self._sync.close()
        self._release()

    def _release(self) -> None:
        claimed, self._claimed = self._claimed, None
        if claimed is not None:
            release(claimed)


def _sentence(path: Path, error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        reason = error.strerror or type(error).__name__
    else:
        reason = str(error)
    if "full" in reason or "No space" in reason:
        return f"The disk that holds {path} is full; free some space or choose another folder."
    return f"{path} cannot be written ({reason}); choose another folder."
