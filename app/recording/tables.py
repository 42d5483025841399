"""The tables of a session as arrays and records, every value checked before it is believed.

What cannot be raises ValueError with a reason; app/recording/reader.py makes a sentence of it.

Legend: N clips, K classes.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from app.recording.limits import MOST_CLIPS, MOST_EVENT_LETTERS, MOST_EVENTS, MOST_MODELS
from app.recording.records import (
    EventRecord,
    ModelRecord,
    SessionRecord,
    SourceKind,
    SourceRecord,
)

_MOST_CLASSES = 10_000
_LONGEST_NAME = 200
_LARGEST_FRAME = 2**53
_LARGEST_TIME_S = 1e9
_LATEST_UNIX_S = 1e11
_ROWS_AT_ONCE = 20_000

NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one model said, aligned with the clips.

    Attributes:
        model: the model and its engine.
        best: N int16, index of the most probable class; -1 where it gave no answer.
        label: N int16, the steady label; -1 for "uncertain" or no answer.
        confidence: N float32 behind the label, 0 to 1.
        latency_ms: N float32.
    """

    model: ModelRecord
    best: NDArray[np.int16]
    label: NDArray[np.int16]
    confidence: NDArray[np.float32]
    latency_ms: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """N clips in the order they were answered.

    Attributes:
        ids: N int64, the rows of the table.
        segment: N int64; a new one begins with every jump or gap.
        frame: N int64, index of the newest frame.
        time_s: N float64 in the source.
        captured_unix_s: N float64.
        truth: N int32 into `truths`; -1 where there is none.
        truths: the activities that occur as truth.
    """

    ids: NDArray[np.int64]
    segment: NDArray[np.int64]
    frame: NDArray[np.int64]
    time_s: NDArray[np.float64]
    captured_unix_s: NDArray[np.float64]
    truth: NDArray[np.int32]
    truths: tuple[str, ...]

    def truth_of(self, position: int) -> str | None:
        """The truth of one clip."""
        index = self.truth[position]
        return None if index == NONE else self.truths[index]


def _text(value: object, longest: int = _LONGEST_NAME, what: str = "a name") -> str:
    """A text without control characters, which a terminal would obey."""
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"{what} in it is no text of at most {longest} letters")
    return "".join("\ufffd" if category(letter) == "Cc" else letter for letter in value)


def _optional_text(value: object, longest: int) -> str | None:
    return None if value is None else _text(value, longest, "a path")


def _within(value: Any, low: float, high: float, what: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"its {what} cannot be {str(value)[:40]}")
    return value


def _optional_within(value: Any, low: float, high: float, what: str) -> Any:
    return None if value is None else _within(value, low, high, what)


def read_record(connection: sqlite3.Connection) -> SessionRecord:
    """The session as a whole."""
    row = connection.execute(
        "SELECT started_unix_s, ended_unix_s, end_reason, made_by, source_kind, source_name, "
        "source_path, source_bytes, source_fingerprint, width, height, fps, duration_s, "
        "annotations FROM session"
    ).fetchone()
    if row is None:
        raise ValueError("it does not say what was recorded")
    return SessionRecord(
        started_unix_s=_within(row[0], 0, _LATEST_UNIX_S, "start"),
        ended_unix_s=_optional_within(row[1], 0, _LATEST_UNIX_S, "end"),
        end_reason=None if row[2] is None else _text(row[2], 2000, "the reason of its end"),
        made_by=_text(row[3]),
        source=SourceRecord(
            kind=cast("SourceKind", _text(row[4])),
            name=_text(row[5], 4096),
            path=_optional_text(row[6], 4096),
            file_bytes=_optional_within(row[7], 0, 2**62, "source's size"),
            fingerprint=_optional_text(row[8], 128),
            width=_within(row[9], 1, 65_535, "width"),
            height=_within(row[10], 1, 65_535, "height"),
            fps=_optional_within(row[11], 0.001, 100_000, "frame rate"),
            duration_s=_optional_within(row[12], 0, _LARGEST_TIME_S, "duration"),
            annotations=_optional_text(row[13], 4096),
        ),
    )


def read_models(connection: sqlite3.Connection) -> dict[int, ModelRecord]:
    """The models by their keys, in the order they appeared."""
    rows = connection.execute(
        "SELECT id, slot, kind, file_name, file_bytes, sha256, engine, labels, twins "
        "FROM model ORDER BY id LIMIT ?",
        (MOST_MODELS + 1,),
    ).fetchall()
    if len(rows) > MOST_MODELS:
        raise ValueError(f"it names more than {MOST_MODELS} models")
    return {
        row[0]: ModelRecord(
            slot=_text(row[1], 40),
            kind=_text(row[2], 40),
            file_name=_text(row[3], 4096),
            file_bytes=_within(row[4], 1, 2**62, "model's size"),
            sha256=_text(row[5], 128),
            engine=_text(row[6]),
            labels=_labels(row[7]),
            twins=bool(row[8]),
        )
        for row in rows
    }


def _labels(text: str) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or not 1 <= len(names) <= _MOST_CLASSES:
        raise ValueError("its list of activities is none")
    return tuple(_text(name) for name in names)


def _count(connection: sqlite3.Connection, table: str, most: int) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    if count > most:
        raise ValueError(f"it holds more than {most} rows of the table {table}")
    return count


def _columns(
    rows: Iterator[tuple[Any, ...]], count: int, kinds: tuple[type[np.generic], ...]
) -> tuple[NDArray[Any], ...]:
    """Rows as arrays; NULL becomes -1. Never holds all rows as objects."""
    columns = tuple(np.empty(count, kind) for kind in kinds)
    start = 0
    while some := list(itertools.islice(rows, min(_ROWS_AT_ONCE, count - start + 1))):
        for column, values in zip(columns, zip(*some, strict=True), strict=True):
            column[start : start + len(some)] = [NONE if v is None else v for v in values]
        start += len(some)
    if start != count:
        raise ValueError("its tables do not fit each other")
    return columns


def _check(column: NDArray[Any], low: float, high: float, what: str) -> None:
    # Written so that NaN fails too.
    if not bool(np.all((column >= low) & (column <= high))):
        raise ValueError(f"a {what} in it cannot be")


def read_clips(connection: sqlite3.Connection) -> Clips:
    """All clips."""
    count = _count(connection, "clip", MOST_CLIPS)
    names = connection.execute(
        "SELECT DISTINCT truth FROM clip WHERE truth IS NOT NULL LIMIT ?", (_MOST_CLASSES + 1,)
    ).fetchall()
    truths = tuple(_text(name) for (name,) in names)
    if len(truths) > _MOST_CLASSES:
        raise ValueError(f"it names more than {_MOST_CLASSES} activities")
    # By what the file says: only what is shown of it is cleaned.
    numbers = {name: index for index, (name,) in enumerate(names)}
    cursor = connection.execute(
        "SELECT id, segment, frame, time_s, captured_unix_s, truth FROM clip ORDER BY id"
    )
    rows = ((*row[:5], None if row[5] is None else numbers[row[5]]) for row in cursor)
    kinds = (np.int64, np.int64, np.int64, np.float64, np.float64, np.int32)
    clips = Clips(*_columns(rows, count, kinds), truths)
    _check(clips.segment, 0, _LARGEST_FRAME, "segment")
    _check(clips.frame, 0, _LARGEST_FRAME, "frame number")
    _check(clips.time_s, 0, _LARGEST_TIME_S, "time")
    _check(clips.captured_unix_s, 0, _LATEST_UNIX_S, "time of capture")
    return clips


def read_answers(
    connection: sqlite3.Connection, number: int, model: ModelRecord, clips: Clips
) -> Answers:
    """What one model said, with every probability looked at once."""
    clip_count, classes = len(clips.ids), len(model.labels)
    (count,) = connection.execute(
        "SELECT count(*) FROM answer WHERE model_id = ?", (number,)
    ).fetchone()
    if count > clip_count:
        raise ValueError("its tables do not fit each other")
    _check_probabilities(connection, number, classes)
    ids, best, label, confidence, latency_ms = _columns(
        connection.execute(
            "SELECT clip_id, best, label, confidence, latency_ms FROM answer "
            "WHERE model_id = ? ORDER BY clip_id",
            (number,),
        ),
        count,
        (np.int64, np.int64, np.int64, np.float64, np.float64),
    )
    positions = np.searchsorted(clips.ids, ids)
    if count and not np.array_equal(clips.ids[np.minimum(positions, clip_count - 1)], ids):
        raise ValueError("an answer in it belongs to no clip")
    _check(best, 0, classes - 1, "class")
    _check(label, NONE, classes - 1, "label")
    _check(confidence, 0, 1.001, "confidence")
    _check(latency_ms, 0, 1e9, "latency")
    whole = Answers(
        model,
        np.full(clip_count, NONE, np.int16),
        np.full(clip_count, NONE, np.int16),
        np.zeros(clip_count, np.float32),
        np.zeros(clip_count, np.float32),
    )
    for column, values in (
        (whole.best, best),
        (whole.label, label),
        (whole.confidence, confidence),
        (whole.latency_ms, latency_ms),
    ):
        column[positions] = values
    return whole


def _check_probabilities(connection: sqlite3.Connection, number: int, classes: int) -> None:
    for blobs in _batches(
        connection.execute("SELECT probabilities FROM answer WHERE model_id = ?", (number,)),
        max(1, 2**20 // classes),
    ):
        if any(not isinstance(blob, bytes) or len(blob) != 2 * classes for blob in blobs):
            raise ValueError("an answer in it has not one probability for each activity")
        values = np.frombuffer(b"".join(blobs), "<f2").astype(np.float32).reshape(-1, classes)
        _check(values, 0, 1, "probability")
        _check(values.sum(axis=1), 0.9, 1.1, "sum of probabilities")


def _batches(cursor: sqlite3.Cursor, size: int) -> Iterator[list[Any]]:
    while rows := cursor.fetchmany(size):
        yield [value for (value,) in rows]


def read_truth(connection: sqlite3.Connection) -> tuple[str | None, ...] | None:
    """The activity at each frame of the video; None for a session without annotations."""
    _count(connection, "truth", MOST_EVENTS)
    frames: list[str | None] = []
    for first, end, activity in connection.execute(
        "SELECT first_frame, end_frame, activity FROM truth ORDER BY first_frame"
    ):
        if not len(frames) <= first < end <= MOST_CLIPS:
            raise ValueError("its stretches of truth overlap or have no end")
        frames += [None] * (first - len(frames))
        frames += [_text(activity)] * (end - first)
    return tuple(frames) or None


def read_events(connection: sqlite3.Connection) -> tuple[EventRecord, ...]:
    """All events, in order."""
    _count(connection, "event", MOST_EVENTS)
    rows = connection.execute("SELECT at_unix_s, kind, text, time_s FROM event ORDER BY id")
    return tuple(
        EventRecord(
            _within(at_s, 0, _LATEST_UNIX_S, "event's time"),
            _text(kind, 40),
            _text(text, MOST_EVENT_LETTERS, "an event"),
            _optional_within(time_s, 0, _LARGEST_TIME_S, "event's time"),
        )
        for at_s, kind, text, time_s in rows
    )


def read_counters(connection: sqlite3.Connection) -> dict[str, int]:
    """The last value of each counter."""
    _count(connection, "counter", 1000)
    rows = connection.execute("SELECT name, value FROM counter").fetchall()
    return {_text(name): int(_within(value, 0, 2**62, "counter")) for name, value in rows}
