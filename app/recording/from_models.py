"""Records made of what models and sources say of themselves."""

from __future__ import annotations

from pathlib import Path

from app.messages import ModelDescription
from app.recording.records import AnswerRecord, ModelRecord, SourceRecord
from app.recording.video_match import fingerprint
from core.comparison import Prediction
from core.decisions import Decision


def record_of_model(model: ModelDescription, engine: str, twins: bool) -> ModelRecord:
    """A model as its file describes it, on the engine that runs it."""
    return ModelRecord(
        slot=model.slot,
        kind=model.kind,
        file_name=model.file_name,
        file_bytes=model.file_bytes,
        sha256=model.sha256,
        engine=engine,
        labels=model.labels,
        twins=twins,
    )


def record_of_answer(prediction: Prediction, decision: Decision) -> AnswerRecord:
    """One model's answer with the steady label that was shown for it."""
    return AnswerRecord(
        best=prediction.best,
        label=decision.class_index,
        confidence=decision.confidence,
        latency_ms=prediction.latency_ms,
        probabilities=prediction.probabilities,
    )


def record_of_file(
    path: Path,
    size: tuple[int, int],
    fps: float | None,
    duration_s: float | None,
    annotations: Path | None,
) -> SourceRecord:
    """A video file of width×height `size`, found again by its path and fingerprint.

    Raises:
        OSError: it cannot be read.
    """
    return SourceRecord(
        kind="file",
        name=path.name,
        path=str(path.absolute()),
        file_bytes=path.stat().st_size,
        fingerprint=fingerprint(path),
        width=size[0],
        height=size[1],
        fps=fps,
        duration_s=duration_s,
        annotations=str(annotations.absolute()) if annotations else None,
    )
