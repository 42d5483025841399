"""A recorded session in memory: everything but the probabilities, which are read when asked for.

Legend: K classes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Generator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.recording.opening import opened
from app.recording.records import ModelRecord, SourceRecord
from app.recording.tables import (
    Answers,
    read_answers,
    read_clips,
    read_counters,
    read_events,
    read_models,
    read_record,
    read_truth,
)
from core.errors import SessionFileError

_UNKNOWN_FPS = 30.0


class RecordedSession:
    """One session; made by `read_session`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.Lock()
        self._retired = False
        self.record = read_record(connection)
        self.models: Mapping[int, ModelRecord] = read_models(connection)
        self.clips = read_clips(connection)
        self.answers: Mapping[int, Answers] = {
            number: read_answers(connection, number, model, self.clips)
            for number, model in self.models.items()
        }
        # Models that took over from each other may know other activities.
        models = self.models.values()
        self.labels = tuple(dict.fromkeys(name for model in models for name in model.labels))
        places = {name: place for place, name in enumerate(self.labels)}
        self._places: Mapping[int, NDArray[np.intp]] = {
            number: np.array([places[name] for name in model.labels], np.intp)
            for number, model in self.models.items()
        }
        self.truth = read_truth(connection)
        self.events = read_events(connection)
        self.counters = read_counters(connection)
        # Single rows by their key take no time that would need a bound.
        connection.set_progress_handler(None, 0)

    @property
    def source(self) -> SourceRecord:
        """What was recorded."""
        return self.record.source

    @property
    def fps(self) -> float:
        """Nominal rate of a file; of a live source the mean rate of its clips."""
        if self.source.fps is not None:
            return self.source.fps or _UNKNOWN_FPS
        return mean_fps(self.clips.time_s)

    @property
    def slots(self) -> tuple[str, ...]:
        """The places of its models, in the order they appeared."""
        return tuple(dict.fromkeys(model.slot for model in self.models.values()))

    @property
    def closed(self) -> bool:
        """Whether it was closed in order, and not by a kill or a full disk."""
        return self.record.ended_unix_s is not None

    @property
    def recorded_s(self) -> float:
        """From the start to its end, or to the last clip of one that was not closed."""
        end_s = self.record.ended_unix_s
        if end_s is None:
            times_s = self.clips.captured_unix_s
            end_s = float(times_s.max()) if len(times_s) else self.record.started_unix_s
        return max(0.0, end_s - self.record.started_unix_s)

    def places(self, number: int) -> NDArray[np.intp]:
        """K indices into `labels`: where the classes of one model stand among all of them."""
        return self._places[number]

    def retire(self) -> None:
        """From now on read nothing more, whatever other threads ask; the file may be closed."""
        with self._lock:
            self._retired = True

    def probabilities(self, position: int, number: int) -> NDArray[np.float32] | None:
        """K probabilities of a clip by one model (its key in `models`), or None without an answer.

        Stored as float16; may be called from any thread.

        Raises:
            SessionFileError: the file was changed or taken away.
        """
        try:
            with self._lock:
                if self._retired:
                    raise sqlite3.ProgrammingError("it was closed")
                row = self._connection.execute(
                    "SELECT probabilities FROM answer WHERE clip_id = ? AND model_id = ?",
                    (int(self.clips.ids[position]), number),
                ).fetchone()
        except sqlite3.Error as error:
            raise SessionFileError(f"{self.path} cannot be read any more ({error}).") from error
        return None if row is None else np.frombuffer(row[0], "<f2").astype(np.float32)


def mean_fps(times_s: NDArray[np.float64]) -> float:
    """Mean rate of N clips by their times, within what players take."""
    span_s = float(np.ptp(times_s)) if len(times_s) else 0.0
    return min(max((len(times_s) - 1) / span_s, 0.1), 1000.0) if span_s > 0 else _UNKNOWN_FPS


@contextlib.contextmanager
def read_session(path: Path, check: bool = True) -> Generator[RecordedSession]:
    """Read and check a session file.

    Raises:
        SessionFileError: see app/recording/opening.py; also when a value in it cannot be.
    """
    with opened(path, check) as connection:
        try:
            session = RecordedSession(path, connection)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            reason = " ".join(str(error).split())[:160]
            raise SessionFileError(
                f"{path} is damaged ({reason}); copy it again or use a backup."
            ) from error
        yield session
