"""Small sessions whose content is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from app.recording.records import (
    AnswerRecord,
    ClipRecord,
    CountersRecord,
    EventRecord,
    ModelRecord,
    SourceRecord,
    TruthRecord,
)
from app.recording.writer import SessionWriter

LABELS = ("sitting_still", "drinking", "eating")
STARTED_UNIX_S = 1_700_000_000.0


def model(slot: str, labels: tuple[str, ...] = LABELS) -> ModelRecord:
    """A model that is not there any more."""
    return ModelRecord(
        slot=slot,
        kind=slot,
        file_name=f"{slot}.safetensors",
        file_bytes=930_000,
        sha256="ab" * 32,
        engine="openvino",
        labels=labels,
        twins=True,
    )


def answer(best: int, label: int | None, share: float = 0.75) -> AnswerRecord:
    """An answer whose best class has this share, the others the rest."""
    probabilities = np.full(len(LABELS), (1 - share) / (len(LABELS) - 1), np.float32)
    probabilities[best] = share
    return AnswerRecord(best, label, share, 2.5, probabilities)


def clip(frame: int, int8: int, fp32: int, segment: int = 0, fps: float = 30.0) -> ClipRecord:
    """A clip on which both models name a class; int8's label is steady, fp32 is uncertain."""
    time_s = frame / fps
    truth = "drinking" if frame % 2 else None
    answers = {"int8": answer(int8, int8), "fp32": answer(fp32, None, 0.5)}
    return ClipRecord(segment, frame, time_s, STARTED_UNIX_S + time_s, truth, answers)


CAMERA = SourceRecord(kind="camera", name="camera 0", width=64, height=48)


def write_session(
    path: Path,
    clips: Iterable[ClipRecord],
    source: SourceRecord = CAMERA,
    truth: tuple[str | None, ...] | None = None,
) -> Path:
    """A closed session of both models."""
    writer = SessionWriter(path, source, clock=lambda: STARTED_UNIX_S)
    for slot in ("int8", "fp32"):
        writer.add(model(slot))
    if truth is not None:
        writer.add(TruthRecord(truth))
    for record in clips:
        writer.add(record)
    writer.add(EventRecord(STARTED_UNIX_S, "state", "playing", 0.5))
    writer.add(CountersRecord({"skipped": 2}))
    writer.add(CountersRecord({"skipped": 3, "gaps": 1}))
    writer.close("stopped")
    return path
