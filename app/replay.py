"""`incab replay`: every clip of a video through both models, without a screen."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from app.commands.replay import Replay
from app.file_length import ends_early
from app.machine import default_threads, peak_rss_mb
from app.models import load_named, why_not_comparable
from app.replay_out import check_out, writing
from app.truth import truth_of_video
from core.clip import ClipSpec, RollingClip
from core.comparison import (
    Accuracy,
    Agreement,
    Latency,
    Prediction,
    compare,
    predict,
    truth_of_clip,
)
from core.decisions import Decision, LabelDecider
from core.engine_choice import EngineChoice, choose_engine, try_first_choices
from core.engines import Engine
from core.errors import ModelFileError
from core.modelfile import Model
from core.prober import Prober
from core.video import VideoFile

SCHEMA = "incab.replay/1"


class _ModelScore:
    """What one model said over the whole replay."""

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model = model
        self.engine = engine
        self.top1: Counter[str] = Counter()
        # All of them: ten hours of clips are eight megabytes.
        self.latencies_ms = array("d")
        self.accuracy = Accuracy()
        self.uncertain = 0
        self._decider = LabelDecider()

    def add(self, prediction: Prediction, truth: str | None) -> Decision:
        """Count one answer; returns the steady label after it."""
        label = self.model.labels[prediction.best]
        self.top1[label] += 1
        self.latencies_ms.append(prediction.latency_ms)
        decision = self._decider.update(prediction.time_s, prediction.probabilities)
        self.uncertain += decision.class_index is None
        if truth is not None:
            self.accuracy.add(truth, label)
        return decision

    def report(self) -> dict[str, Any]:
        latency = Latency.of(self.latencies_ms)
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
    options: Replay, progress: Callable[[int, int | None], None] = lambda done, total: None
) -> tuple[dict[str, Any], list[str]]:
    """Run every clip of the source through both models; returns the JSON report and remarks.

    Raises:
        InCabError: a file is missing or unusable; nothing is written then.
    """
    if options.out is not None:
        read = (options.source, options.annotations, options.int8, options.fp32)
        check_out(options.out, read)
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
        notes: list[str] = []
        labels = truth_of_video(options.annotations, options.source, int8.labels, notes.append)
        choices = _choose_engines(models, options, threads)
        scores = {name: _ModelScore(models[name], choices[name].engine) for name in models}
        agreement = Agreement()
        rolling = RollingClip(int8.clip)
        frames, end_s = 0, 0.0
        engines = {name: choice.engine for name, choice in choices.items()}
        with writing(options.out, video, (options.annotations, labels), models, engines) as out:
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
                decisions = {name: scores[name].add(answers[name], truth) for name in answers}
                agreement.count(*compare(answers["int8"], answers["fp32"]))
                out.add(clip, answers, decisions, truth)
            report = _report(options, video, (frames, end_s), scores, agreement)
            out.finish(report)
    notes += [
        f"{result.problem} The {name} model runs on {choice.engine.name}."
        for name, choice in choices.items()
        for result in choice.left_out
    ]
    notes += _notes(options.source, frames, expected, agreement.clips, int8.clip)
    return report, notes


def _report(
    options: Replay,
    video: VideoFile,
    played: tuple[int, float],
    scores: dict[str, _ModelScore],
    agreement: Agreement,
) -> dict[str, Any]:
    """The JSON report; `played` is how many frames there were and the time of the last."""
    properties = video.properties
    frames, end_s = played
    return {
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
        "int8_parent_is_fp32": scores["int8"].model.is_twin_of(scores["fp32"].model),
    }


def _choose_engines(
    models: dict[str, Model], options: Replay, threads: int
) -> dict[str, EngineChoice]:
    prober = Prober(threads, options.probe)
    try_first_choices(models.values(), options.engine, prober)
    return {name: choose_engine(model, options.engine, prober) for name, model in models.items()}


def _notes(
    source: Path, frames: int, expected: int | None, clips: int, spec: ClipSpec
) -> list[str]:
    notes: list[str] = []
    if expected is not None and frames < expected:
        notes.append(ends_early(source, expected, frames))
    if clips == 0:
        span = f"{spec.span_s:g} s" if spec.span_s else f"{spec.frames} frames"
        notes.append(f"{source.name} is shorter than one clip of {span}, so there is no label.")
    return notes
