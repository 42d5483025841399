"""Hostile session files: bytes flipped, cut and swapped, schemas and values nobody would write.

python -m tests.robustness.fuzz_sessions [INPUTS] [--seed N]

Each is opened, exported and looked up. Allowed is a session that makes sense, or one sentence.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from app.recording.export import export_session
from app.recording.lookup import Lookup
from app.recording.reader import read_session
from app.recording.records import CountersRecord, EventRecord
from app.recording.writer import SessionWriter
from core.errors import SessionFileError
from tests.robustness.recording_child import SLOTS, clip, model, source

_CLIPS = 60
_PAGE_BYTES = 4096

Spoil = Callable[[Path, random.Random], None]


@dataclass(frozen=True)
class Report:
    """What became of all inputs."""

    inputs: int
    refused: int
    opened: int
    tracebacks: int
    longest_s: float
    peak_memory_mb: float
    by_kind: dict[str, dict[str, int]]
    problems: list[str]


def write_good(path: Path) -> SessionWriter:
    """A small session, not closed yet: it has a log beside it."""
    writer = SessionWriter(path, source())
    for slot in SLOTS:
        writer.add(model(slot))
    chance = np.random.default_rng(0)
    for frame in range(_CLIPS):
        writer.add(clip(frame, 30.0, chance))
    writer.add(EventRecord(1.7e9, "state", "playing"))
    writer.add(CountersRecord({"skipped": 3}))
    writer.commit()
    return writer


# Bytes


def flip(path: Path, chance: random.Random) -> None:
    """A few bytes anywhere."""
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 2, 8, 64))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(data)


def flip_header(path: Path, chance: random.Random) -> None:
    """The database header and the root page."""
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 2, 4))):
        data[chance.randrange(16, 400)] = chance.randrange(256)
    path.write_bytes(data)


def cut(path: Path, chance: random.Random) -> None:
    """The end is missing."""
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data))])


def swap_pages(path: Path, chance: random.Random) -> None:
    """Two pages change places, or one is there twice, or is noise."""
    data = bytearray(path.read_bytes())
    pages = len(data) // _PAGE_BYTES
    one, other = (chance.randrange(pages) * _PAGE_BYTES for _ in range(2))
    page = bytes(data[one : one + _PAGE_BYTES])
    if chance.random() < 0.3:
        page = chance.randbytes(_PAGE_BYTES)
    data[one : one + _PAGE_BYTES] = data[other : other + _PAGE_BYTES]
    data[other : other + _PAGE_BYTES] = page
    path.write_bytes(data)


def spoil_log(path: Path, chance: random.Random) -> None:
    """The log of a session that was not closed."""
    path.unlink()
    # Without closing, as a kill would leave it: the copy is taken while the writer lives.
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.sqlite"
        writer = write_good(made)
        path.write_bytes(made.read_bytes())
        log = path.with_name(f"{path.name}-wal")
        log.write_bytes(made.with_name(f"{made.name}-wal").read_bytes())
        writer.abandon()
    chance.choice((flip, cut, lambda log, chance: log.write_bytes(chance.randbytes(5000))))(
        log, chance
    )


# SQL

_STATEMENTS = (
    "CREATE VIEW evil AS SELECT load_extension('evil')",
    "CREATE TRIGGER evil AFTER UPDATE ON session BEGIN DELETE FROM clip; END",
    "CREATE TABLE more (x)",
    "CREATE INDEX evil ON clip (abs(frame))",
    "DROP TABLE event",
    "ALTER TABLE clip ADD COLUMN evil AS (hex(zeroblob(100000000)))",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 1",
    "PRAGMA journal_mode = WAL",
    "DELETE FROM session",
    "DELETE FROM model",
    "DELETE FROM clip",
    "DELETE FROM clip WHERE id % 2",
    "UPDATE session SET width = -1",
    "UPDATE session SET started_unix_s = 1e308",
    "UPDATE session SET fps = 9e999",
    "UPDATE session SET duration_s = -9e999",
    "UPDATE session SET source_name = replace(hex(zeroblob(1000000)), '0', 'A')",
    "UPDATE session SET source_path = '../../../etc/passwd' || char(0) || char(27) || '[2J'",
    "UPDATE session SET source_kind = 'file', source_path = '/dev/zero'",
    "UPDATE session SET source_name = CAST(x'ff00fe' AS TEXT)",
    "UPDATE model SET labels = '[]'",
    "UPDATE model SET labels = '[\"one\"]'",
    "UPDATE model SET labels = replace(hex(zeroblob(60000)), '0', '[')",
    "UPDATE model SET labels = '{\"a\": 1}'",
    "UPDATE model SET labels = replace(hex(zeroblob(30000)), '0', '9')",
    "UPDATE model SET labels = '[' || replace(hex(zeroblob(9000)), '00', '\"a\",') || '\"b\"]'",
    "UPDATE model SET file_bytes = -5",
    "UPDATE model SET slot = replace(hex(zeroblob(5000)), '0', 'x')",
    "UPDATE clip SET frame = -1",
    "UPDATE clip SET frame = 9223372036854775807",
    "UPDATE clip SET time_s = 1e300",
    "UPDATE clip SET time_s = -1e300",
    "UPDATE clip SET truth = 'a' || id || replace(hex(zeroblob(300)), '0', 'z')",
    "UPDATE clip SET captured_unix_s = 9e999",
    "UPDATE clip SET segment = -9223372036854775808",
    "UPDATE clip SET id = id - 9223372036854775000",
    "UPDATE answer SET best = 34",
    "UPDATE answer SET best = -1",
    "UPDATE answer SET best = 9223372036854775807",
    "UPDATE answer SET label = 100000",
    "UPDATE answer SET confidence = 9e999",
    "UPDATE answer SET latency_ms = -1",
    "UPDATE answer SET probabilities = zeroblob(3000000) WHERE clip_id < 3",
    "UPDATE answer SET probabilities = zeroblob(68)",
    "UPDATE answer SET probabilities = x''",
    "UPDATE answer SET probabilities = CAST(replace(hex(zeroblob(34)), '00', 'ÿ') AS BLOB)",
    "UPDATE answer SET model_id = 77",
    "UPDATE answer SET clip_id = clip_id + 1000000",
    "INSERT INTO event SELECT NULL, 1, 1, 'x', 'y' FROM clip, clip AS more, clip AS again",
    "INSERT INTO event VALUES (NULL, 1, 9e999, 'x', char(7) || char(27) || ']0;title')",
    "INSERT INTO event VALUES (NULL, -1, NULL, 'x', 'y')",
    "INSERT INTO counter VALUES ('x', -1)",
    "INSERT INTO counter SELECT 'n' || id || '-' || frame, 1 FROM clip",
)
_SCHEMA_TEXTS = (
    "CREATE TABLE clip (id INTEGER PRIMARY KEY, segment, frame, time_s, captured_unix_s, truth)",
    "CREATE VIRTUAL TABLE clip USING fts5(x)",
    "CREATE TABLE clip (",
    "CREATE VIEW clip AS WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c) "
    "SELECT id, 0 AS segment, id AS frame, id AS time_s, 0 AS captured_unix_s, '' AS truth FROM c",
    "SELECT 1",
)


def change(path: Path, chance: random.Random) -> None:
    """One to three statements that a hostile hand would write."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in chance.sample(_STATEMENTS, chance.randint(1, 3)):
            # One may have taken away what the next one needs.
            with contextlib.suppress(sqlite3.Error):
                connection.execute(statement)


def change_schema(path: Path, chance: random.Random) -> None:
    """What a table is said to be, behind SQLite's back."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        text = chance.choice(_SCHEMA_TEXTS)
        kind = "view" if text.startswith("CREATE VIEW") else "table"
        name = chance.choice(("clip", "answer", "model"))
        with contextlib.suppress(sqlite3.Error):
            connection.execute(
                "UPDATE sqlite_schema SET sql = ?, type = ?, rootpage = ? WHERE name = ?",
                (text, kind, chance.choice((0, 1, 2, 3, 99999)), name),
            )


SPOILERS: dict[str, Spoil] = {
    "flip": flip,
    "flip header": flip_header,
    "cut": cut,
    "swap pages": swap_pages,
    "log": spoil_log,
    "statements": change,
    "schema": change_schema,
}


def use(path: Path, out: Path) -> None:
    """What a person does with a session."""
    with read_session(path) as session:
        lookup = Lookup(session)
        for frame in (0, 5, 59, 10**9):
            lookup.at(frame)
            lookup.at_or_before(frame)
        export_session(session, out)


def fuzz(inputs: int, seed: int = 0) -> Report:
    """So many hostile files, one after the other."""
    chance = random.Random(seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    problems: list[str] = []
    longest_s = 0.0
    with tempfile.TemporaryDirectory(prefix="incab-fuzz-") as name:
        folder = Path(name)
        good = folder / "good.sqlite"
        write_good(good).close("stopped")
        data = good.read_bytes()
        for number in range(inputs):
            kind = chance.choice(tuple(SPOILERS))
            path = folder / "case.sqlite"
            path.write_bytes(data)
            SPOILERS[kind](path, chance)
            started_s = time.perf_counter()
            try:
                use(path, folder / ("case.json" if number % 2 else "case.csv"))
                outcome = "opened"
            except SessionFileError as error:
                outcome = "refused"
                if "\n" in str(error) or not str(error).endswith("."):
                    problems.append(f"{kind} {number}: no sentence: {error!r}")
            except Exception:
                outcome = "traceback"
                problems.append(f"{kind} {number}: {traceback.format_exc(limit=-3)}")
            longest_s = max(longest_s, time.perf_counter() - started_s)
            outcomes[kind, outcome] += 1
            for left in folder.glob("case.sqlite*"):
                left.unlink()
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, outcome), count in sorted(outcomes.items()):
        by_kind.setdefault(kind, {})[outcome] = count
    count_of = Counter(outcome for (_, outcome), n in outcomes.items() for _ in range(n))
    return Report(
        inputs=inputs,
        refused=count_of["refused"],
        opened=count_of["opened"],
        tracebacks=count_of["traceback"],
        longest_s=round(longest_s, 3),
        peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        by_kind=by_kind,
        problems=problems[:10],
    )


def main() -> int:
    """Print the figures; 1 when one input was not handled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=int, nargs="?", default=10500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    report = fuzz(arguments.inputs, arguments.seed)
    print(json.dumps(asdict(report), indent=1))
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
