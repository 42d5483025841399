"""What a session file holds, as it crosses threads. No Qt, no database.

Legend: K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SourceKind = Literal["file", "camera", "stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """Where the pictures came from.

    Attributes:
        kind: "file", "camera" or "stream".
        name: how a person would name it; never with a stream's credentials.
        path: of a file, absolute; None for others.
        file_bytes: size of that file.
        fingerprint: see app/recording/video_match.py.
        width: of the pictures, in pixels.
        height: of the pictures, in pixels.
        fps: nominal rate of a file.
        duration_s: of a file.
        annotations: path of the CSV with the truth.
    """

    kind: SourceKind
    name: str
    width: int
    height: int
    path: str | None = None
    file_bytes: int | None = None
    fingerprint: str | None = None
    fps: float | None = None
    duration_s: float | None = None
    annotations: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A model in one of the places ("int8", "fp32", "teacher") and the engine that runs it."""

    slot: str
    kind: str
    file_name: str
    file_bytes: int
    sha256: str
    engine: str
    labels: tuple[str, ...]
    twins: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class AnswerRecord:
    """What one model said of one clip.

    Attributes:
        best: index of the most probable class.
        label: index of the steady label; None for "uncertain".
        confidence: mean probability behind the label, 0 to 1.
        latency_ms: from pixels to logits.
        probabilities: K float32.
    """

    best: int
    label: int | None
    confidence: float
    latency_ms: float
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ClipRecord:
    """One clip, named by its newest frame; a new `segment` begins with every jump or gap.

    What another model says of the same clip later comes in a record of its own.

    `time_s` is the time in the source, `captured_unix_s` when that frame was captured.
    """

    segment: int
    frame: int
    time_s: float
    captured_unix_s: float
    truth: str | None
    answers: Mapping[str, AnswerRecord]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Something that happened: a change of state, a gap, a fault, an alert."""

    at_unix_s: float
    kind: str
    text: str
    time_s: float | None = None


@dataclass(frozen=True, slots=True)
class TruthRecord:
    """The annotated activity at each frame of the video, None where there is none."""

    frames: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class CountersRecord:
    """How often something happened since the recording began, by name."""

    values: Mapping[str, int]


Record = ModelRecord | TruthRecord | ClipRecord | EventRecord | CountersRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """The session as a whole; `ended_unix_s` is None when the program was killed."""

    source: SourceRecord
    started_unix_s: float
    made_by: str
    ended_unix_s: float | None = None
    end_reason: str | None = None
