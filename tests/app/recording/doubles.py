"""Small sessions whose content is known."""

from __future__ import annotations

import json
import subprocess
import sys
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


_LOOK = """
import json, sys
from pathlib import Path
from app.recording.reader import read_session
with read_session(Path(sys.argv[1])) as session:
    print(json.dumps({"frames": session.clips.frame.tolist(), "closed": session.closed}))
"""

_TRY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    print(connection.execute("{}").fetchone())
except sqlite3.OperationalError as error:
    print(error)
"""
# For run_elsewhere: to write between a writer's records, and to take its log away from under it.
WRITE = _TRY.format("BEGIN IMMEDIATE")
TAKE_LOG = _TRY.format("PRAGMA journal_mode = DELETE")


def seen_elsewhere(path: Path) -> dict[str, object]:
    """What another process reads of a session: its "frames", and whether it is "closed"."""
    return json.loads(run_elsewhere(_LOOK, path))


def run_elsewhere(code: str, path: Path) -> str:
    """What Python code says about a file, in a process of its own that gets its path."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


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
