"""Records a made-up session through the real recorder, and prints each clip's time; to be killed.

python -m tests.robustness.recording_child FILE CLIPS_PER_SECOND SECONDS
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from app.recording.recorder import Recorder
from app.recording.records import AnswerRecord, ClipRecord, ModelRecord, SourceRecord

CLASSES = 34
SLOTS = ("int8", "fp32")


def source() -> SourceRecord:
    """A camera."""
    return SourceRecord(kind="camera", name="camera 0", width=640, height=480)


def model(slot: str) -> ModelRecord:
    """A model of 34 made-up activities."""
    return ModelRecord(
        slot=slot,
        kind=slot,
        file_name=f"{slot}.safetensors",
        file_bytes=1000,
        sha256="0" * 64,
        engine="openvino",
        labels=tuple(f"activity {number}" for number in range(CLASSES)),
    )


def clip(frame: int, rate: float, random: np.random.Generator) -> ClipRecord:
    """A clip captured now, with an answer of both models."""
    answers = {}
    for slot in SLOTS:
        odds = np.exp(random.normal(0, 3, CLASSES))
        probabilities = np.float32(odds / odds.sum())
        best = int(probabilities.argmax())
        answers[slot] = AnswerRecord(best, best, float(probabilities[best]), 2.5, probabilities)
    return ClipRecord(0, frame, frame / rate, time.time(), None, answers)


def main(path: Path, rate: float, seconds: float) -> int:
    """Record for so long and close; returns the exit code."""
    recorder = Recorder(path, source, lambda sentence: print(sentence, flush=True))
    recorder.start()
    for slot in SLOTS:
        recorder.record(model(slot))
    random = np.random.default_rng(0)
    started_s, frame = time.monotonic(), 0
    while (elapsed_s := time.monotonic() - started_s) < seconds and recorder.failure is None:
        while frame < elapsed_s * rate:
            record = clip(frame, rate, random)
            recorder.record(record)
            print(f"{frame} {record.captured_unix_s!r}", flush=True)
            frame += 1
        time.sleep(1 / rate)
    recorder.stop("stopped")
    recorder.join()
    print("closed", flush=True)
    return 0 if recorder.failure is None else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
