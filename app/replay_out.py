"""What `incab replay --out` writes: every clip's answers as CSV, JSON, or a session file."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.messages import STUDENTS
from app.models import describe
from app.recording.from_models import record_of_answer, record_of_file, record_of_model
from app.recording.records import ClipRecord, SourceRecord, TruthRecord
from app.recording.writer import SessionWriter
from core.clip import Clip
from core.comparison import Prediction
from core.decisions import Decision
from core.engines import Engine
from core.errors import InCabError
from core.files import replacing
from core.modelfile import Model
from core.video import VideoFile

_ENDINGS = (".csv", ".json", ".sqlite")
# Seldom enough to cost nothing; who kills a replay gets no file at all.
_CLIPS_BETWEEN_COMMITS = 1000


@dataclass(frozen=True, slots=True)
class ClipRow:
    """One clip as written to --out."""

    frame: int
    time_s: float
    truth: str | None
    int8: str
    int8_probability: float
    int8_ms: float
    fp32: str
    fp32_probability: float
    fp32_ms: float


def check_out(out: Path, read: Iterable[Path | None]) -> None:
    """Say before the work what would spoil it at its end; `read` is what the command reads."""
    if out.suffix not in _ENDINGS:
        raise InCabError(f"--out {out} must end in {', '.join(_ENDINGS[:-1])} or {_ENDINGS[-1]}.")
    if out.is_dir():
        raise InCabError(f"--out {out} is a folder; name a file.")
    if not out.parent.is_dir():
        raise InCabError(f"There is no folder {out.parent} for --out; make it first.")
    if out.exists() and any(path and path.exists() and out.samefile(path) for path in read):
        raise InCabError(f"--out {out} is what is read here; choose another name.")
    for ending in ("-wal", "-journal"):
        log = out.with_name(f"{out.name}{ending}")
        # SQLite would play it into the new file, and nobody would see the new clips.
        if out.suffix == ".sqlite" and log.exists():
            raise InCabError(
                f"{log} belongs to a recording that was not closed; run incab sessions check "
                f"{out} --finish first, or name another --out."
            )


class ReplayOut:
    """Collects rows for CSV and JSON, or streams them into a session file; made by `writing`."""

    def __init__(
        self, out: Path | None, labels: tuple[str, ...], writer: SessionWriter | None
    ) -> None:
        self._out = out
        self._labels = labels
        self._writer = writer
        self._rows: list[ClipRow] = []

    def add(
        self,
        clip: Clip,
        answers: Mapping[str, Prediction],
        decisions: Mapping[str, Decision],
        truth: str | None,
    ) -> None:
        """One clip with both models' answers."""
        if self._writer is not None:
            self._write(self._writer, clip, answers, decisions, truth)
        elif self._out is not None:
            self._rows.append(_row(answers, truth, self._labels))

    def _write(
        self,
        writer: SessionWriter,
        clip: Clip,
        answers: Mapping[str, Prediction],
        decisions: Mapping[str, Decision],
        truth: str | None,
    ) -> None:
        answered = {
            name: record_of_answer(answer, decisions[name]) for name, answer in answers.items()
        }
        writer.add(ClipRecord(0, clip.frame_index, clip.time_s, time.time(), truth, answered))
        if writer.clips % _CLIPS_BETWEEN_COMMITS == 0:
            writer.commit()

    def finish(self, report: Mapping[str, Any]) -> None:
        """Write what there is to write at the end."""
        if self._writer is not None:
            self._writer.close("end of the video")
        elif self._out is not None:
            _write_rows(self._out, self._rows, report)


@contextmanager
def writing(
    out: Path | None,
    video: VideoFile,
    annotations: tuple[Path | None, Sequence[str | None] | None],
    models: Mapping[str, Model],
    engines: Mapping[str, Engine],
) -> Generator[ReplayOut]:
    """Yield what takes the answers; after an error nothing stands under the name `out`.

    `annotations` are the CSV and the activity at each frame; None and None without a truth.
    """
    csv_path, truth = annotations
    labels = next(iter(models.values())).labels
    with ExitStack() as stack:
        writer = None
        if out is not None and out.suffix == ".sqlite":
            partial = stack.enter_context(replacing(out))
            writer = SessionWriter(partial, _source(video, csv_path))
            stack.callback(writer.abandon)
            twins = models["int8"].is_twin_of(models["fp32"])
            if truth is not None:
                writer.add(TruthRecord(tuple(truth)))
            for slot in STUDENTS:
                described = describe(slot, models[slot])
                writer.add(record_of_model(described, engines[slot].name, twins))
        yield ReplayOut(out, labels, writer)


def _source(video: VideoFile, annotations: Path | None) -> SourceRecord:
    properties = video.properties
    frames = properties.frame_count
    size = (properties.width, properties.height)
    duration_s = None if frames is None else frames / properties.fps
    return record_of_file(video.path, size, properties.fps, duration_s, annotations)


def _row(answers: Mapping[str, Prediction], truth: str | None, labels: tuple[str, ...]) -> ClipRow:
    int8, fp32 = answers["int8"], answers["fp32"]
    return ClipRow(
        int8.frame_index,
        round(int8.time_s, 4),
        truth,
        labels[int8.best],
        round(float(int8.probabilities.max()), 4),
        round(int8.latency_ms, 3),
        labels[fp32.best],
        round(float(fp32.probabilities.max()), 4),
        round(fp32.latency_ms, 3),
    )


def _write_rows(out: Path, rows: list[ClipRow], report: Mapping[str, Any]) -> None:
    with replacing(out) as partial:
        if out.suffix == ".json":
            partial.write_text(
                json.dumps({**report, "rows": [asdict(row) for row in rows]}, indent=1)
            )
            return
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ClipRow.__dataclass_fields__)
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
