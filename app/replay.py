"""`incab replay`: every clip of a video through both models, without a screen."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

from app.machine import default_threads, peak_rss_mb
from app.models import load_named, why_not_comparable
from app.truth import truth_of_video
from core.clip import ClipSpec, RollingClip
from core.comparison import (
    Accuracy,
    Agreement,
    LatencyRecord,
    Prediction,
    predict,
    truth_of_clip,
)
from core.decisions import LabelDecider
from core.engine_choice import AUTOMATIC, EngineChoice, choose_engine, try_first_choices
from core.engines import Engine
from core.errors import InCabError, ModelFileError
from core.files import replacing
from core.modelfile import Model
from core.probe import ProbeMode
from core.prober import Prober
from core.video import VideoFile

SCHEMA = "incab.replay/1"
_OUT_ENDINGS = (".csv", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What to replay and with what."""

    source: Path
    int8: Path
    fp32: Path
    annotations: Path | None = None
    out: Path | None = None
    engine: str = AUTOMATIC
    threads: int | None = None
    probe: ProbeMode = "once"


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


class _ModelScore:
    """What one model said over the whole replay."""

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model = model
        self.engine = engine
        self.top1: Counter[str] = Counter()
        self.latency = LatencyRecord()
        self.accuracy = Accuracy()
        self.uncertain = 0
        self._decider = LabelDecider()

    def add(self, prediction: Prediction, truth: str | None) -> None:
        label = self.model.labels[prediction.best]
        self.top1[label] += 1
        self.latency.add(prediction.latency_ms)
        decision = self._decider.update(prediction.time_s, prediction.probabilities)
        self.uncertain += decision.state == "uncertain"
        if truth is not None:
            self.accuracy.add(truth, label)

    def report(self) -> dict[str, Any]:
        latency = self.latency.summary()
        clips = self.top1.total()
        scored = self.accuracy.clips > 0
        return {
            "file": str(self.model.path),
            "engine": self.engine.name,
            "top1": dict(self.top1.most_common()),
            "uncertain": self.uncertain / clips if clips else None,
            "latency_ms": None
            if latency is None
            else {name: round(getattr(latency, name), 3) for name in ("mean", "p50", "p95", "p99")},
            "accuracy": {
                "top1": self.accuracy.top1,
                "mean_per_class": self.accuracy.mean_per_class,
            }
            if scored
            else None,
        }


def replay(
    options: ReplayOptions, progress: Callable[[int, int | None], None] = lambda done, total: None
) -> tuple[dict[str, Any], list[str]]:
    """Run every clip of the source through both models; returns the JSON report and remarks.

    Raises:
        InCabError: a file is missing or unusable; nothing is written then.
    """
    if options.out is not None:
        _check_out(options.out)
    cv2.setNumThreads(1)
    threads = options.threads or default_threads()
    with VideoFile(options.source) as video:
        models = {
            name: load_named(path, name)
            for name, path in (("int8", options.int8), ("fp32", options.fp32))
        }
        int8, fp32 = models["int8"], models["fp32"]
        if problem := why_not_comparable(int8, fp32):
            raise ModelFileError(problem)
        expected = video.properties.frame_count
        labels = truth_of_video(
            options.annotations, options.source, int8.labels, expected or 1_000_000
        )
        choices = _choose_engines(models, options, threads)
        scores = {name: _ModelScore(models[name], choices[name].engine) for name in models}
        agreement = Agreement()
        rows: list[ClipRow] = []
        rolling = RollingClip(int8.clip)
        frames, end_s = 0, 0.0
        for frame in video:
            frames, end_s = frame.index + 1, frame.time_s
            progress(frames, expected)
            rolling.push(frame)
            clip = rolling.clip()
            if clip is None:
                continue
            truth = truth_of_clip(labels, clip.frame_indices) if labels is not None else None
            answers = {
                name: predict(score.engine, name, clip, models[name].temperature)
                for name, score in scores.items()
            }
            for name, answer in answers.items():
                scores[name].add(answer, truth)
            agreement.add(answers["int8"], answers["fp32"])
            rows.append(_row(answers, truth, int8.labels))
        properties = video.properties
    report = {
        "schema": SCHEMA,
        "source": {
            "path": str(options.source),
            "frames": frames,
            "fps": round(properties.fps, 3),
            "duration_s": round(end_s + 1 / properties.fps, 3),
            "width": properties.width,
            "height": properties.height,
        },
        "clips": agreement.clips,
        "skipped": 0,
        "models": {name: score.report() for name, score in scores.items()},
        "agreement": agreement.share,
        "kl_divergence": agreement.mean_kl_divergence,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "int8_parent_is_fp32": int8.is_twin_of(fp32),
    }
    if options.out is not None:
        _write_rows(options.out, rows, report)
    notes = [
        f"{result.problem} The {name} model runs on {choice.engine.name}."
        for name, choice in choices.items()
        for result in choice.left_out
    ]
    notes += _notes(options.source, frames, expected, agreement.clips, int8.clip)
    return report, notes


def _check_out(out: Path) -> None:
    """Say before the work what would spoil it at its end."""
    if out.suffix not in _OUT_ENDINGS:
        raise InCabError(f"--out {out} must end in {' or '.join(_OUT_ENDINGS)}.")
    if out.is_dir():
        raise InCabError(f"--out {out} is a folder; name a file.")
    if not out.parent.is_dir():
        raise InCabError(f"There is no folder {out.parent} for --out; make it first.")


def _choose_engines(
    models: dict[str, Model], options: ReplayOptions, threads: int
) -> dict[str, EngineChoice]:
    prober = Prober(threads, options.probe)
    try_first_choices(models.values(), options.engine, prober)
    return {name: choose_engine(model, options.engine, prober) for name, model in models.items()}


def _row(answers: dict[str, Prediction], truth: str | None, labels: tuple[str, ...]) -> ClipRow:
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


def _notes(
    source: Path, frames: int, expected: int | None, clips: int, spec: ClipSpec
) -> list[str]:
    notes: list[str] = []
    if expected is not None and frames < expected:
        notes.append(
            f"{source.name} names {expected} frames but only {frames} could be decoded; "
            "it is damaged or cut off."
        )
    if clips == 0:
        span = f"{spec.span_s:g} s" if spec.span_s else f"{spec.frames} frames"
        notes.append(f"{source.name} is shorter than one clip of {span}, so there is no label.")
    return notes


def _write_rows(out: Path, rows: list[ClipRow], report: dict[str, Any]) -> None:
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
