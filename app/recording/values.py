"""What records hold, as the values of a session's rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from app.recording.limits import MOST_CLIPS, MOST_EVENT_LETTERS, MOST_EVENTS
from app.recording.records import AnswerRecord


def stretches(frames: tuple[str | None, ...]) -> Iterator[tuple[int, int, str]]:
    """Runs of one activity as first frame, frame after the last, name; no more than are read."""
    first = count = 0
    # What is cut off stands beside each clip all the same.
    for activity, run in itertools.groupby(frames[:MOST_CLIPS]):
        end = first + sum(1 for _ in run)
        if activity is not None:
            yield first, end, activity
            count += 1
        if count == MOST_EVENTS:
            return
        first = end


def writable(value: object) -> object:
    """File names need not be Unicode; what is stored has to be."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def event_text(text: str) -> str:
    """Sentences quote what libraries say, at any length; a reader takes MOST_EVENT_LETTERS."""
    return str(writable(text))[:MOST_EVENT_LETTERS]


def values_of(answer: AnswerRecord) -> tuple[int, int | None, float, float, bytes]:
    """Best class, label, confidence, latency in milliseconds, K probabilities as float16."""
    half = answer.probabilities.astype("<f2")
    return (
        answer.best,
        answer.label,
        # Six digits are more than anybody reads, and what float32 holds.
        round(answer.confidence, 6),
        round(answer.latency_ms, 4),
        np.ascontiguousarray(half).tobytes(),
    )
